"""Rules on the runs of a set, and on its series: the runs of one setup that differ in their seeds.

Runs belong to one series if their folders are called `<config>-seed-<N>` with the same
config next to each other, or if their logs lie in the same folder.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import PurePath

from compliance.registry import Problem, problem, set_rule
from compliance.subjects.log import Log, outcome_of
from compliance.subjects.result_fields import lookup, results
from compliance.wording import count, listing, show

#: What runs of one series have in common.
SETUP = (
    *("submission_github_commit_version", "submissiom_version", "submission_version"),
    *("submission_org", "submission_platform", "submission_division", "submission_status"),
    *("data_kind", "config_digest", "method_sha256"),
)
#: Where the numbers of result files begin: result_<i>.txt from 0 (G), result-<n>.txt from 1 (S).
NUMBERING = {"_": 0, "-": 1}


def series_of(path: str) -> str:
    """What the logs of one series share of their paths."""
    folder = PurePath(path).parent
    run = re.fullmatch(r"(.+)-seed-\d+", folder.name)
    return str(folder.parent / run[1] if run else folder)


def _series(logs: Iterable[Log]) -> list[list[Log]]:
    return list(_groups((log, series_of(log.path)) for log in logs))


def _groups(logs: Iterable[tuple[Log, Hashable]]) -> Iterator[list[Log]]:
    """The logs that share a trait, group by group; a log whose trait is None is in no group."""
    by_trait: dict[Hashable, list[Log]] = defaultdict(list)
    for log, trait in logs:
        if trait is not None:
            by_trait[trait].append(log)
    yield from by_trait.values()


@set_rule(
    "set-identical-logs",
    clause="T-runs",
    expected="a log of its own for every run",
    remedy="remove the copy; a run counts once",
)
def set_identical_logs(logs: Sequence[Log]) -> Iterator[Problem]:
    """No two logs of a set may be the same, byte for byte."""
    for first, *copies in _groups((log, log.sha256) for log in logs):
        for copy in copies:
            yield problem(f"a copy of {first.path}", path=copy.path)


@set_rule(
    "set-unique-seeds",
    clause="house",
    expected="another seed for every run",
    remedy="repeat the run with a seed of its own, or keep it apart from this series",
)
def set_unique_seeds(logs: Sequence[Log]) -> Iterator[Problem]:
    """Every run of a series must have a seed of its own. The same seed twice gives the same run twice."""
    for series in _series(logs):
        for first, *others in _groups((log, log.integer("seed")) for log in series):
            for log in others:
                if log.sha256 != first.sha256 and (seed := log.one("seed")):
                    yield problem(f"seed {seed.value}, as in {first.path}", seed.line, path=log.path)


def _weights(log: Log) -> Hashable | None:
    """The digest of the weights that a completed run scored; none where nothing depends on the seed."""
    if log.text("method_kind") == "fitted":
        return None
    for _, value in results(log):
        digest = lookup(value, "weights_sha256")
        return digest if isinstance(digest, str) and log.completed else None
    return None


def _outcome(log: Log) -> Hashable | None:
    """The digest of every loss and accuracy of a completed run, likewise."""
    return outcome_of(log) if log.completed and log.text("method_kind") != "fitted" else None


@set_rule(
    "set-near-identical",
    clause="T-runs",
    expected="other weights and losses for every seed",
    remedy="find out why the seed changed nothing; a log with an edited seed is no run",
)
def set_near_identical(logs: Sequence[Log]) -> Iterator[Problem]:
    """Runs with different seeds must not have the same weights or the same losses. The seed decides the
    initial weights and the order of the patches, so equal outcomes show a copied run."""
    reported: set[str] = set()
    for trait, what in ((_weights, "weights_sha256"), (_outcome, "losses and accuracies")):
        for first, *others in _groups((log, trait(log)) for log in logs):
            for log in others:
                if log.integer("seed") != first.integer("seed") and log.path not in reported:
                    reported.add(log.path)
                    event = log.first("result") or log.events[-1]
                    found = f"{what} of {first.path} under another seed"
                    yield problem(found, event.line, path=log.path)


@set_rule(
    "set-same-setup",
    clause="T-consistent, S2",
    expected="the same commit, version, organisation, platform, division, status, data and configuration",
    remedy="repeat the run that differs, or keep it apart from this series",
)
def set_same_setup(logs: Sequence[Log]) -> Iterator[Problem]:
    """The runs of a series must differ in their seeds only. They have the same code, configuration, data
    and platform, and belong to the same submission. What most of the logs say is taken as meant."""
    for series, key in product(_series(logs), SETUP):
        stated = [(log, event) for log in series if (event := log.one(key))]
        for meant, times in Counter(str(event.value) for _, event in stated).most_common(1):
            for log, event in stated:
                if event.value != meant:
                    expected = f"{show(meant)}, as in {count(times, 'log')}"
                    yield problem(f"`{key}` {show(event.value)}", event.line, expected, path=log.path)


@set_rule(
    "set-completed",
    clause="T-non-converging",
    expected="at least one run with status success",
    remedy="fix what aborts the runs, and repeat them",
)
def set_completed(logs: Sequence[Log]) -> Iterator[Problem]:
    """A series must not consist of failed runs only."""
    for series in _series(logs):
        if len(series) > 1 and not any(log.completed for log in series):
            yield problem(f"none of {len(series)} runs was completed", path=series_of(series[0].path))


@set_rule(
    "set-numbering",
    clause="S2",
    expected="result_<i>.txt counted from 0, result-<n>.txt counted from 1, without gaps",
    remedy="number the results of a folder without gaps; `make submission` does",
)
def set_numbering(logs: Sequence[Log]) -> Iterator[Problem]:
    """Numbered results of a folder must be numbered without gaps. A gap is a run that is withheld."""
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for log in logs:
        path = PurePath(log.path)
        if match := re.fullmatch(r"result([_-])(\d{1,6})\.txt", path.name):
            numbers[str(path.parent), match[1]].append(int(match[2]))
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
    """A result should come from several runs. The policy is content with one, but then whether it is
    the best of several must be said; the training rules want a fixed number and an olympic mean."""
    for series in _series(logs):
        if len(series) == 1:
            yield problem("one run", path=series[0].path)
