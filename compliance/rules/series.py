"""Rules on the runs of a set, and on its series: the runs of one setup that differ in their seeds.

Runs belong to one series if their folders are next to each other and called `<config>-seed-<N>`
with the same config, or if their logs are in the same folder.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import accumulate, product
from pathlib import PurePath

from benchmark.record.events import PARAMETERS
from compliance.registry import Problem, problem, set_rule
from compliance.subjects.log import Log, outcome_of
from compliance.subjects.result_fields import confusion, results, score_sets
from compliance.wording import count, listing, show

#: Events whose values the runs of one series share.
SETUP = (
    *("submission_github_commit_version", "submissiom_version", "submission_version"),
    *("submission_org", "submission_platform", "submission_division", "submission_status"),
    *("data_kind", "config_digest", "method_sha256"),
)
#: The first number of result files: result_<i>.txt from 0 (G), result-<n>.txt from 1 (S).
NUMBERING = {"_": 0, "-": 1}
#: Parameters in which runs of one configuration may differ, or that set-same-setup and set-experiment judge.
OF_A_RUN = frozenset({"seed", "experiment", "data_kind", "method_sha256"})
#: Events that count a run's data.
SAMPLES = ("train_samples", "eval_samples", "test_samples")


@lru_cache(10_000)  # ten rules call it for each log
def series_of(path: str) -> str:
    """Return the part of the path that the logs of one series share."""
    folder = PurePath(path).parent
    run = re.fullmatch(r"(.+)-seed-\d+", folder.name)
    return str(folder.parent / run[1] if run else folder)


def numbered(path: str) -> re.Match[str] | None:
    """Match the separator and the number in the name of a submission's result file, result_<i>.txt."""
    return re.fullmatch(r"result([_-])(\d{1,6})\.txt", PurePath(path).name)


def series_in(logs: Iterable[Log]) -> list[list[Log]]:
    """Return the logs, series by series."""
    return list(groups((log, series_of(log.path)) for log in logs))


def groups(logs: Iterable[tuple[Log, Hashable]]) -> Iterator[list[Log]]:
    """Yield the logs that share a trait, group by group; a log whose trait is None is in no group."""
    by_trait: dict[Hashable, list[Log]] = defaultdict(list)
    for log, trait in logs:
        if trait is not None:
            by_trait[trait].append(log)
    yield from by_trait.values()


@set_rule(
    "set-identical-logs",
    clause="T-runs",
    expected="a separate log for every run",
    remedy="remove the copy; a run counts once",
)
def set_identical_logs(logs: Sequence[Log]) -> Iterator[Problem]:
    """No two logs of a set may be the same, byte for byte."""
    for first, *copies in groups((log, log.sha256) for log in logs):
        for copy in copies:
            yield problem(f"a copy of {first.path}", path=copy.path)


@set_rule(
    "set-unique-seeds",
    clause="house",
    expected="another seed for every run",
    remedy="repeat the run with another seed, or keep it apart from this series",
)
def set_unique_seeds(logs: Sequence[Log]) -> Iterator[Problem]:
    """Every run of a series must have a seed of its own. The same seed twice gives the same run twice."""
    for series in series_in(logs):
        for first, *others in groups((log, log.integer("seed")) for log in series):
            for log in others:
                if log.sha256 != first.sha256 and (seed := log.one("seed")):
                    yield problem(f"seed {seed.value}, as in {first.path}", seed.line, path=log.path)


@set_rule(
    "set-same-setup",
    clause="T-consistent, S2",
    expected="the same commit, version, organisation, platform, division, status, data and configuration",
    remedy="repeat the run that differs, or keep it apart from this series",
)
def set_same_setup(logs: Sequence[Log]) -> Iterator[Problem]:
    """The runs of a series must differ in their seeds only. They have the same code, configuration, data
    and platform, and belong to the same submission. The checker expects what most of the logs say."""
    for series, key in product(series_in(logs), SETUP):
        yield from _unlike_in(key, series)


@set_rule(
    "set-same-parameters",
    clause="T-consistent",
    expected="the same hyperparameters and devices wherever the configuration is the same",
    remedy="repeat the run that differs on the system of the others; do not edit logs",
)
def set_same_parameters(logs: Sequence[Log]) -> Iterator[Problem]:
    """Runs of a series with the same `config_digest` must state the same hyperparameters. The digest
    covers all of them, and what the devices add is the same on one system."""
    for series in series_in(logs):
        for alike in groups((log, log.text("config_digest")) for log in series):
            for key in PARAMETERS:
                if key not in OF_A_RUN:
                    yield from _unlike_in(key, alike)


def _unlike_in(key: str, logs: Sequence[Log]) -> Iterator[Problem]:
    """Report where a key's events differ from those of most of the logs."""
    stated = [(log, event.line, event.value) for log in logs if (event := log.one(key))]
    for log, line, value, expected in _unlike(stated):
        yield problem(f"`{key}` {show(value)}", line, expected, path=log.path)


Stated = tuple[Log, int | None, object]


def _unlike(stated: Sequence[Stated]) -> Iterator[tuple[Log, int | None, object, str]]:
    """Yield what differs from most of the logs, with what those say."""
    values = [value for _, _, value in stated]
    if {*map(type, values)} in ({int}, {str}) and values.count(values[0]) == len(values):
        return  # the usual case, without writing every value as JSON
    kinds = [json.dumps(value, sort_keys=True) for value in values]
    if len(set(kinds)) < 2:
        return
    ((meant, times),) = Counter(kinds).most_common(1)
    expected = f"{show(stated[kinds.index(meant)][2])}, as in {count(times, 'log')}"
    for each, kind in zip(stated, kinds, strict=True):
        if kind != meant:
            yield (*each, expected)


@set_rule(
    "set-same-scenes",
    clause="P-same-fashion, T-open-eval-data",
    expected="the same scenes in every run, to learn from and to score",
    remedy="repeat the run that differs on the data of the others",
)
def set_same_scenes(logs: Sequence[Log]) -> Iterator[Problem]:
    """The runs of a series must be of the same scenes. The scenes' names, the numbers of patches of
    each part, and the labels' cloudy pixels are the same. The checker expects what most of the logs say."""
    for series in series_in(logs):
        reported: set[str] = set()
        for what, trait in _DATA.items():
            stated = [(log, _line(log), value) for log in series if (value := trait(log)) is not None]
            for log, line, found, expected in _unlike(stated):
                if log.path not in reported:
                    reported.add(log.path)
                    yield problem(f"{what} {show(found)}", line, expected, path=log.path)


def _line(log: Log) -> int | None:
    """Return the line at which a log begins to describe its scenes."""
    return (log.first("test_samples") or log.events[-1]).line


def _cloudy(log: Log) -> int | None:
    """Return the number of cloudy pixels in the labels of a run's inference scenes, or None."""
    for _, value in results(log):
        for name, score in score_sets(value):
            if name == "scores.bayes.all":
                hits, _, misses, _ = confusion(score)
                return hits + misses
    return None


#: Description -> the property of the data that runs share.
_DATA: Mapping[str, Callable[[Log], int | str | None]] = {
    "scenes whose names have sha256": lambda log: outcome_of(log).scenes if log.completed else None,
    **{f"`{key}`": partial(Log.integer, key=key) for key in SAMPLES},
    "cloudy pixels of the labels:": _cloudy,
}


@set_rule(
    "set-overlapping",
    severity="note",
    clause="house",
    expected="runs one after the other, or each on its own node",
    remedy="say in the contribution which runs shared a node: it makes their times longer",
)
def set_overlapping(logs: Sequence[Log]) -> Iterator[Problem]:
    """Runs of a series on one platform should not overlap in time, unless each has a node of its own. Logs do
    not name their nodes, so the reader has to judge."""
    for series in series_in({log.sha256: log for log in logs}.values()):
        for of_platform in groups((log, log.text("submission_platform")) for log in series):
            spans = sorted((*span, log.path) for log in of_platform if (span := _span(log)))
            ends = accumulate((stop for _, stop, _ in spans), max)
            late = [n for n, (end, span) in enumerate(zip(ends, spans[1:], strict=False), 1) if span[0] < end]
            if late:
                found = (
                    f"{len(late)} of {len(of_platform)} begin before another ends, first {spans[late[0]][2]}"
                )
                yield problem(found, path=series_of(spans[0][2]))


def _span(log: Log) -> tuple[int, int] | None:
    """Return the start and the stop time of a run, or None if either is unknown."""
    start, stop = log.first("run_start"), log.first("run_stop")
    times = [event.time_ms for event in (start, stop) if event and event.time_ms is not None]
    return (times[0], times[1]) if len(times) == 2 else None


@set_rule(
    "set-completed",
    clause="T-non-converging",
    expected="at least one run with status success",
    remedy="fix what aborts the runs, and repeat them",
)
def set_completed(logs: Sequence[Log]) -> Iterator[Problem]:
    """A series must not consist of failed runs only."""
    for series in series_in(logs):
        if len(series) > 1 and not any(log.completed for log in series):
            yield problem(f"none of {len(series)} runs was completed", path=series_of(series[0].path))


@set_rule(
    "set-numbering",
    clause="S2",
    expected="result_<i>.txt counted from 0, result-<n>.txt counted from 1, without gaps",
    remedy="number the results of a folder without gaps; `make submission` does",
)
def set_numbering(logs: Sequence[Log]) -> Iterator[Problem]:
    """Numbered results of a folder must be numbered without gaps. A gap means that a run was withheld."""
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for log in logs:
        if match := numbered(log.path):
            numbers[str(PurePath(log.path).parent), match[1]].append(int(match[2]))
    for (folder, separator), found in numbers.items():
        expected = range(NUMBERING[separator], NUMBERING[separator] + len(found))
        if sorted(found) != list(expected):
            names = [f"result{separator}{number}.txt" for number in sorted(found)]
            last = f"result{separator}{expected[-1]}.txt"
            yield problem(listing(names), None, f"result{separator}{expected[0]}.txt to {last}", path=folder)


@set_rule(
    "set-single-run",
    severity="note",
    clause="T-runs, P-best-of-n",
    expected="several runs with different seeds (five by default)",
    remedy="make more runs, for example with --seed 2 and --seed 3; if the best of N is chosen, say so",
)
def set_single_run(logs: Sequence[Log]) -> Iterator[Problem]:
    """A result should come from several runs. The policy accepts one, but the submission must
    say if it is the best of several; the training rules require a fixed number and an olympic mean."""
    for series in series_in(logs):
        if len(series) == 1:
            yield problem("one run", path=series[0].path)
