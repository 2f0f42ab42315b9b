"""Compute the numbers of one run, and of several runs together, from the events of their logs alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from compliance.subjects.log import Log, count_of, number_of

#: Share of the distribution inside a confidence interval.
CONFIDENCE = 0.95
#: A mean without best and worst needs at least one value in between.
OLYMPIC_RUNS = 3


@dataclass(frozen=True)
class RunSummary:
    """One run in numbers; None if the log does not state them.

    Accuracies are shares of pixels; training and validation accuracy are those of the best
    epoch, which has the lowest validation loss. Times are seconds between events.
    """

    seed: int | None
    epochs: int
    best_epoch: int | None
    stopped: str
    resumptions: int
    #: Scenes staged by an earlier run, whose staging is not in this run's time.
    reused: int
    train_accuracy: float | None
    eval_accuracy: float | None
    test_accuracy: float | None
    #: First epoch whose validation accuracy reaches the quality target.
    target_epoch: int | None
    #: From the start of the clock to that accuracy.
    seconds_to_target: float | None
    #: From the start of the clock to its stop.
    seconds: float | None
    staging_seconds: float
    training_seconds: float
    evaluation_seconds: float
    inference_seconds: float
    seconds_per_epoch: float | None
    seconds_per_scene: float | None
    #: Joules of training and evaluation in all epochs; None unless every epoch was measured.
    energy: float | None
    energy_sources: str


@dataclass(frozen=True)
class Spread:
    """Statistics over several runs; None if there are too few runs."""

    count: int
    mean: float
    lowest: float
    highest: float
    #: Sample standard deviation (n - 1), for two or more runs.
    deviation: float | None
    #: Mean without the lowest and the highest value (T), for three or more runs.
    olympic_mean: float | None
    #: Only if all values are above 0 (T: for the final quality, in the open division).
    geometric_mean: float | None
    #: Bounds of the mean's 95 % confidence interval (Student's t), for two or more runs.
    interval: tuple[float, float] | None


def summarise(log: Log) -> RunSummary:
    """Return the numbers of a run, complete or aborted."""
    best, target = _best_epoch(log), _target_epoch(log)
    epochs = _durations(log, "epoch")
    training, inference = sum(epochs), sum(_durations(log, "inference"))
    scenes = len(log.sound("scene_accuracy"))
    return RunSummary(
        seed=log.integer("seed"),
        epochs=len(epochs),
        best_epoch=best,
        stopped=_stopped(log, len(epochs)),
        resumptions=len(log.sound("run_resumed")),
        reused=sum(count_of(event, "reused") for event in log.sound("staging_stop")),
        train_accuracy=_of_epoch(log, "train_accuracy", best),
        eval_accuracy=_of_epoch(log, "eval_accuracy", best),
        test_accuracy=log.number("test_accuracy"),
        target_epoch=target,
        seconds_to_target=_seconds_to(log, target),
        seconds=next(iter(_durations(log, "run")), None),
        staging_seconds=sum(_durations(log, "staging")),
        training_seconds=training,
        evaluation_seconds=sum(_durations(log, "eval")),
        inference_seconds=inference,
        seconds_per_epoch=training / len(epochs) if epochs else None,
        seconds_per_scene=inference / scenes if scenes and inference else None,
        energy=_energy(log, len(epochs)),
        energy_sources=", ".join(sorted(set(log.sound("epoch_energy").facts("sources")))),
    )


def intervals(log: Log, name: str) -> list[tuple[int, int]]:
    """Return start and end, in ms, of each complete interval of this name; epochs are matched by number."""
    starts = {event.metadata.get("epoch_num"): event.time_ms for event in log.sound(f"{name}_start")}
    pairs = [(starts.get(e.metadata.get("epoch_num")), e.time_ms) for e in log.sound(f"{name}_stop")]
    return [(start, stop) for start, stop in pairs if start is not None and stop is not None]


def curve(log: Log, key: str) -> tuple[list[int], list[float]]:
    """Return epochs and values of an event that is logged once per epoch."""
    events = log.sound(key)
    return [count_of(event, "epoch_num") for event in events], [number_of(event) for event in events]


def spread(values: Sequence[float]) -> Spread:
    """Return statistics of the values of at least one run."""
    count, mean = len(values), statistics.fmean(values)
    deviation = interval = None
    if count >= 2:
        deviation = statistics.stdev(values)
        half = student_t(CONFIDENCE, count - 1) * deviation / math.sqrt(count)
        interval = (mean - half, mean + half)
    return Spread(
        count=count,
        mean=mean,
        lowest=min(values),
        highest=max(values),
        deviation=deviation,
        olympic_mean=olympic_mean(values) if count >= OLYMPIC_RUNS else None,
        geometric_mean=statistics.geometric_mean(values) if min(values) > 0 else None,
        interval=interval,
    )


def olympic_mean(values: Sequence[float]) -> float:
    """Return the mean without the best and the worst (T) of at least three values."""
    assert len(values) >= OLYMPIC_RUNS
    return statistics.fmean(sorted(values)[1:-1])


def student_t(confidence: float, degrees: int) -> float:
    """Return the t for which this share (0 to 1) of Student's distribution lies between -t and t.

    For integer degrees of freedom the share is a finite sum in the angle atan(t / sqrt(degrees)),
    which is between 0 and a right angle: bisection finds it to the last bit.
    """
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _student_share(middle, degrees) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _student_share(angle: float, degrees: int) -> float:
    """Return the share of Student's distribution between -t and t, where t = sqrt(degrees) tan(angle)."""
    odd = degrees % 2
    cosine = math.cos(angle)
    term = cosine if odd else 1.0
    total = 0.0
    for factor in range(1 + odd, degrees, 2):
        total += term
        term *= cosine * cosine * factor / (factor + 1)
    return (angle + math.sin(angle) * total) * 2 / math.pi if odd else math.sin(angle) * total


def _durations(log: Log, name: str) -> list[float]:
    """Return the seconds of each complete interval of this name."""
    return [(stop - start) / 1000 for start, stop in intervals(log, name)]


def _of_epoch(log: Log, key: str, epoch: int | None) -> float | None:
    events = log.sound(key)
    return next((number_of(event) for event in events if event.metadata["epoch_num"] == epoch), None)


def _best_epoch(log: Log) -> int | None:
    losses = log.sound("eval_loss")
    return count_of(min(losses, key=number_of), "epoch_num") if losses else None


def _target_epoch(log: Log) -> int | None:
    target = log.number("quality_target")
    reached = [e for e in log.sound("eval_accuracy") if target is not None and number_of(e) >= target]
    return count_of(reached[0], "epoch_num") if reached else None


def _seconds_to(log: Log, epoch: int | None) -> float | None:
    """Return the seconds from the start of the clock to the validation accuracy of an epoch."""
    start = log.one("run_start")
    times = [e.time_ms for e in log.sound("eval_accuracy") if e.metadata["epoch_num"] == epoch]
    if start is None or start.time_ms is None or not times or times[0] is None:
        return None
    return (times[0] - start.time_ms) / 1000


def _stopped(log: Log, epochs: int) -> str:
    """Say why no further epoch was trained."""
    stop, early = log.one("run_stop"), log.one("early_stop")
    if stop is None:
        return "the log just ends"
    if not log.completed:
        return f"aborted: {stop.metadata.get('reason', 'no reason given')}"
    if early is None:
        return f"all {epochs} epochs done" if epochs > 1 else "its only epoch done"
    return f"patience of {log.integer('early_stopping_patience')} epochs ran out"


def _energy(log: Log, epochs: int) -> float | None:
    measured = log.sound("epoch_energy")
    return sum(map(number_of, measured)) if measured and len(measured) == epochs else None
