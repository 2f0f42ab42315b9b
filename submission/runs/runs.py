"""Read the runs of a submission once and check that they form one set; they are never changed."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmark.config.files import load_config
from benchmark.config.schema import Config
from benchmark.core.errors import SubmissionError
from benchmark.core.files import sha256_of
from benchmark.record.events import PARAMETERS
from benchmark.record.run_folder import RunFolder
from compliance.subjects.discover import discover
from compliance.subjects.log import Log
from compliance.subjects.parse import LogReader, read_log
from compliance.subjects.result_fields import faults, fields_of
from submission.runs.files import REMEDY, read_measured
from submission.runs.statistics import RunSummary, summarise

#: Events with the same value in all runs of a submission; the runs differ only in the seed.
SHARED = (
    "submission_org",
    "submission_division",
    "submission_status",
    "submission_platform",
    "submission_version",
    "submission_github_commit_version",
    "submission_poc_name",
    "submission_poc_email",
    *(name for name in PARAMETERS if name != "seed"),
)


@dataclass(frozen=True)
class CheckedRun:
    """A run that can be submitted: its files, log, configuration, and measurements of its node."""

    folder: RunFolder
    log: Log
    config: Config
    system: Mapping[str, Any]

    @property
    def seed(self) -> int:
        seed = self.log.integer("seed")
        assert seed is not None  # read_runs has checked it
        return seed

    @property
    def test_accuracy(self) -> float:
        """The score (P)."""
        return float(self.result["value"])

    @property
    def result(self) -> Mapping[str, Any]:
        """The value of the event ``result`` (S6.3)."""
        value = self.log.value("result")
        assert isinstance(value, dict)
        return value

    @cached_property
    def summary(self) -> RunSummary:
        """The summary of the run in numbers."""
        return summarise(self.log)


@dataclass(frozen=True)
class RunSet:
    """The runs of a submission, ordered by seed; a run's number n is its position, from 1."""

    runs: tuple[CheckedRun, ...]

    @property
    def first(self) -> CheckedRun:
        """The first run, used for everything that all runs have in common."""
        return self.runs[0]

    @property
    def org(self) -> str:
        return self.shared("submission_org")

    @property
    def status(self) -> str:
        return self.shared("submission_status")

    @property
    def commit(self) -> str:
        return self.shared("submission_github_commit_version")

    @property
    def config(self) -> Config:
        return self.first.config

    @property
    def synthetic(self) -> bool:
        """Whether the scenes are simulated."""
        return self.first.log.value("data_kind") == "synthetic"

    def shared(self, key: str) -> str:
        """Return the text that all logs state for ``key``."""
        return self.first.log.text(key) or ""

    @property
    def parameters(self) -> dict[str, object]:
        """All hyperparameters and facts that the logs have in common, by key in the log."""
        log = self.first.log
        return {name: log.value(name) for name in PARAMETERS if name != "seed" and log.all(name)}

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    @property
    def accuracies(self) -> list[float]:
        return [run.test_accuracy for run in self.runs]

    @property
    def best(self) -> CheckedRun:
        """The run with the highest test accuracy; if equal, the first."""
        return max(self.runs, key=lambda run: run.test_accuracy)

    @property
    def mean(self) -> float:
        """Mean test accuracy over all runs."""
        return statistics.fmean(self.accuracies)


def read_once() -> LogReader:
    """Return a reader that parses each log once; copies with the same bytes count as the same log."""
    known: dict[str, Log] = {}

    def read(path: Path, name: str) -> Log:
        digest = sha256_of(path)
        if digest not in known:
            known[digest] = read_log(path, name)
        return dataclasses.replace(known[digest], path=name)

    return read


def read_runs(paths: Sequence[Path], read: LogReader = read_log) -> RunSet:
    """Read the runs below the given paths, ordered by seed. Raises CloudMaskError.

    The logs are those that the checker finds. Each must be in its run's folder with the
    configuration and the measured system, and all runs must have the same configuration.
    """
    logs = {log.resolve(): log for path in paths for log in discover(path).logs}
    runs = sorted((_read_run(log, read) for log in logs.values()), key=lambda run: run.seed)
    if not runs:
        raise no_run(paths, remedy="make runs first: python -m benchmark.run --seed 1")
    _refuse_differences(runs)
    return RunSet(tuple(runs))


def no_run(paths: Sequence[Path], remedy: str) -> SubmissionError:
    """Return the error for paths without the log of a run."""
    return SubmissionError(
        ", ".join(map(str, paths)),
        found="no log of a run",
        expected="folders of runs, such as logs/",
        remedy=remedy,
    )


def _read_run(path: Path, read: LogReader) -> CheckedRun:
    folder = RunFolder(path.parent)
    log = read(path, str(path))
    if log.integer("seed") is None:
        raise _unusable(path, "no seed", "the log of a complete run")
    commit = log.one("submission_github_commit_version")
    if commit is None or commit.metadata["dirty"] is not False:
        raise SubmissionError(
            path,
            found="a run of an export, whose changes are not known"
            if commit is not None and commit.metadata["dirty"] is None
            else "a run from a checkout with uncommitted changes",
            expected="a run of a commit, so that its code can be submitted",
            remedy="commit the changes and make the run again",
        )
    for found, expected in faults(log.value("result"), fields_of(log), "result"):
        raise _unusable(path, found, expected)
    system = read_measured(folder.system)
    config = load_config(folder.config)
    if config.digest() != log.value("config_digest"):
        raise _unusable(folder.config, "another configuration than the log's", "the configuration that ran")
    return CheckedRun(folder, log, config, system)


def _unusable(path: Path, found: str, expected: str) -> SubmissionError:
    return SubmissionError(path, found=found, expected=expected, remedy=REMEDY)


def _refuse_differences(runs: Sequence[CheckedRun]) -> None:
    first = runs[0]
    for run, other in itertools.pairwise(runs):
        if run.seed == other.seed:
            raise SubmissionError(
                other.folder.root,
                found=f"seed {other.seed}, which {run.folder.root} has too",
                expected="another seed for each run (T)",
                remedy="leave one of them out: --logs RUN RUN ...",
            )
    for run in runs[1:]:
        for key in SHARED:
            ours, theirs = first.log.value(key), run.log.value(key)
            if ours != theirs:
                raise SubmissionError(
                    run.folder.root,
                    found=f"{key} {theirs}, but {ours} in {first.folder.root}",
                    expected="runs that differ in their seed only",
                    remedy="package them apart: --logs RUN RUN ...",
                )
