"""Rules on experiments: what a run states about its experiment, and that no seed is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from compliance.registry import Problem, log_rule, problem, set_rule
from compliance.rules.series import numbered, series_in, series_of
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log
from compliance.subjects.sets.outcome import is_digest
from compliance.wording import count, excerpt, listing, show


def seeds_of(log: Log) -> list[int]:
    """Return the seeds that the log's experiment announces; an empty list if it states no list of seeds."""
    event = log.one("experiment")
    stated = str(event.metadata["seeds"]).split(" ") if event else []
    if not all(re.fullmatch(r"[0-9]{1,15}", seed) for seed in stated):
        return []
    return [int(seed) for seed in stated]


@log_rule(
    "experiment-seeds",
    clause="T-runs",
    expected="the name of the experiment, the sha256 of its file, and its seeds, the run's among them",
    remedy="start the runs of an experiment with `python -m benchmark.sweep submit`, which states them",
)
def experiment_seeds(log: Log) -> Iterator[Problem]:
    """A run of an experiment must be one that the experiment announces. It names the experiment, the digest
    of its file and all its seeds for this configuration, each once and including its own."""
    event, seed = log.one("experiment"), log.one("seed")
    if event is None:
        return
    seeds, stated = seeds_of(log), str(event.metadata["seeds"])
    if not str(event.value).strip():
        yield problem("`experiment` is blank", event.line, "the experiment's name")
    if not is_digest(event.metadata["sha256"]):
        yield problem(
            f"`sha256` {show(event.metadata['sha256'])}", event.line, "64 hexadecimal digits (sha256)"
        )
    if not seeds or len(set(seeds)) < len(seeds):
        yield problem(f"`seeds` {excerpt(stated)}", event.line, "different integers, parted by spaces")
    elif seed and seed.value not in seeds:
        yield problem(f"seed {show(seed.value)}", seed.line, f"one of {excerpt(stated, width=200)}")


@set_rule(
    "set-experiment",
    clause="T-runs, T-consistent",
    expected="one experiment, with one list of seeds and one file",
    remedy="keep runs of other experiments, or of another edition of its file, apart from this series",
)
def set_experiment(logs: Sequence[Log]) -> Iterator[Problem]:
    """The runs of a series must belong to the same experiment. All give the same name, the same seeds and
    the same digest of its file; or none of them names an experiment."""
    for series in series_in(logs):
        stated = [log.one("experiment") for log in series]
        first = next(filter(None, stated), None)
        if first is None:
            continue
        for log, event in zip(series, stated, strict=True):
            if event is None:
                yield problem("no `experiment`", None, f"{show(first.value)}, as others", path=log.path)
                continue
            facts = zip(_facts(event), _facts(first), strict=True)
            for (name, found), (_, meant) in facts:
                if found != meant:
                    expected = f"{show(meant)}, as others"
                    yield problem(f"`{name}` {show(found)}", event.line, expected, path=log.path)
                    break


def _facts(event: LogEvent) -> list[tuple[str, object]]:
    """Return the facts that identify an experiment, by name."""
    return [("experiment", event.value), *((name, event.metadata[name]) for name in ("seeds", "sha256"))]


def _missing(logs: Sequence[Log], *, submitted: bool) -> Iterator[Problem]:
    """Yield the announced seeds without a run, for series that are (or are not) results of a submission."""
    for series in series_in(logs):
        log = next((log for log in series if seeds_of(log)), None)
        if log is None or bool(numbered(log.path)) != submitted:
            continue
        announced, made = seeds_of(log), {log.integer("seed") for log in series}
        if missing := [seed for seed in announced if seed not in made]:
            few = listing(map(str, missing))
            found = f"no run of {count(len(missing), 'seed')} of {len(announced)}: {few}"
            yield problem(found, path=series_of(log.path))


_ALL = "a run of every seed that the experiment announces"


@set_rule(
    "set-seeds-missing",
    clause="T-cherry-picking, P-best-of-n",
    expected=_ALL,
    remedy="add the runs that are missing, and repeat those that failed; none may be left out for its result",
)
def set_seeds_missing(logs: Sequence[Log]) -> Iterator[Problem]:
    """The results of a submission must be those of all seeds that their experiment announces. It announces
    them in a committed file before the first run, so a seed without a result was left out."""
    yield from _missing(logs, submitted=True)


@set_rule(
    "set-seeds-pending",
    severity="warning",
    clause="T-cherry-picking, P-best-of-n",
    expected=_ALL,
    remedy="wait for the runs that are missing, or name their folders too",
)
def set_seeds_pending(logs: Sequence[Log]) -> Iterator[Problem]:
    """Logs in run folders should be those of all seeds that their experiment announces. Runs may still be
    waiting or be stored elsewhere, so this is a warning; for numbered results it is an error."""
    yield from _missing(logs, submitted=False)
