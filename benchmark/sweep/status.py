"""Find how far the runs of an experiment are, from the scheduler's queue and from their logs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.interruption import EXIT_RESUMABLE
from benchmark.record.events import TOKEN
from benchmark.record.log_tail import last_lines
from benchmark.sweep.experiment import Experiment, PlannedRun, Queued
from benchmark.sweep.folder import ExperimentFolder

#: Events that show a run's progress.
_PROGRESS_KEYS = ("epoch_start", "eval_accuracy", "test_accuracy", "result", "run_stop")


@dataclass(frozen=True)
class LoggedProgress:
    """What the end of a run's log says; None for values it does not state."""

    #: Complete epochs so far.
    epochs: int = 0
    #: On the validation patches after the last epoch.
    eval_accuracy: float | None = None
    #: On the inference scenes, once the run is complete.
    test_accuracy: float | None = None
    seconds_per_epoch: float | None = None
    #: The value of the event ``result``.
    result: dict[str, Any] | None = None
    #: success or aborted, once the log is complete.
    outcome: str | None = None

    @property
    def is_complete(self) -> bool:
        return self.outcome == "success" and self.result is not None


@dataclass(frozen=True)
class RunStatus:
    """The state of one run."""

    run: PlannedRun
    #: complete, running, waiting, interrupted (it can be resumed), failed, killed or missing.
    state: str
    detail: str
    progress: LoggedProgress
    #: The scheduler's name for it, while it has it.
    job: str = ""

    @property
    def hours_left(self) -> float | None:
        """Return the hours until the last epoch at most, at the rate of the latest one."""
        if self.state == "complete" or self.progress.seconds_per_epoch is None:
            return None
        epochs = self.run.config.training.epochs - self.progress.epochs
        return epochs * self.progress.seconds_per_epoch / 3600


#: States of runs that `resume` submits.
UNDONE = ("interrupted", "failed", "killed", "missing")


def statuses(
    experiment: Experiment, folder: ExperimentFolder, ask: Callable[[], Iterable[Queued]]
) -> list[RunStatus]:
    """Return the state of every run, in the order of their numbers.

    ``ask`` returns the scheduler's queue. It is not called if all runs are complete, so that these can be
    read wherever their folder has been copied.
    """
    found = [(run, read_progress(folder.run(run).log)) for run in experiment.runs]
    is_done = all(progress.is_complete for _, progress in found)
    queue = {} if is_done else {queued.index: queued for queued in ask()}
    return [_status(run, folder, progress, queue.get(run.index)) for run, progress in found]


def _status(
    run: PlannedRun, folder: ExperimentFolder, progress: LoggedProgress, queued: Queued | None
) -> RunStatus:
    if progress.is_complete:
        return RunStatus(run, "complete", "", progress)
    if queued is not None:
        return RunStatus(run, queued.state, queued.detail, progress, queued.job)
    status = exit_status_in(folder.exit_status(run))
    if status == EXIT_RESUMABLE:
        checkpoints = any(folder.run(run).checkpoints.glob("*.checkpoint.npz"))
        stopped = "a checkpoint was made" if checkpoints else "before its first checkpoint"
        return RunStatus(run, "interrupted", stopped, progress)
    if status is not None:
        return RunStatus(run, "failed", f"exit status {status}: {last_words(folder.output(run))}", progress)
    if folder.output(run).exists():
        return RunStatus(run, "killed", last_words(folder.output(run)), progress)
    return RunStatus(run, "missing", "never started", progress)


def read_progress(log: Path) -> LoggedProgress:
    """Return what the end of a log says about its run; empty if there is no log."""
    epochs, seconds, last = 0, None, dict[str, Any]()
    starts: list[int] = []
    for event in _progress_events(log):
        with contextlib.suppress(KeyError, TypeError):
            if event["key"] == "epoch_start":
                starts.append(int(event["time_ms"]))
                last.pop("run_stop", None)
            if event["key"] == "eval_accuracy":
                epochs = int(event["metadata"]["epoch_num"])
            last[event["key"]] = event
    if len(starts) > 1:
        seconds = (starts[-1] - starts[-2]) / 1000
    accuracies = {name: last.get(name, {}).get("value") for name in ("eval_accuracy", "test_accuracy")}
    result = last.get("result", {}).get("value")
    stop = last.get("run_stop", {}).get("metadata")
    return LoggedProgress(
        epochs,
        **{name: value if isinstance(value, float) else None for name, value in accuracies.items()},
        seconds_per_epoch=seconds,
        result=result if isinstance(result, dict) else None,
        outcome=stop.get("status") if isinstance(stop, dict) else None,
    )


def _progress_events(log: Path) -> list[dict[str, Any]]:
    """Return the events at the end of a log that show its run's progress."""
    events = []
    for line in _tail(log):
        # most lines are other events, and decoding them would take most of the time
        if any(f'"key": "{key}"' in line for key in _PROGRESS_KEYS):
            with contextlib.suppress(ValueError, RecursionError):
                event = json.loads(line.removeprefix(TOKEN))
                if isinstance(event, dict):
                    events.append(event)
    return events


def _tail(path: Path) -> list[str]:
    try:
        return last_lines(path)
    except OSError:
        return []


def exit_status_in(path: Path) -> int | None:
    """Return the exit status in a run's file; None if the run was killed or has not ended."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def last_words(path: Path) -> str:
    """Return why a run ended, from the end of its output: the error and what was found, or the last line."""
    lines = [line.strip() for line in _tail(path) if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("error:")]
    if not errors:
        return lines[-1] if lines else "no output"
    found = [line for line in lines[errors[-1] + 1 : errors[-1] + 4] if line.startswith("found:")]
    return "; ".join(" ".join(line.split()) for line in (lines[errors[-1]], *found))
