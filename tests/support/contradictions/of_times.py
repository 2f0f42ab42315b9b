"""Contradictions in the clock and the schedule, and rates that no machine reaches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from tests.support.contradictions.consistent_changes import (
    HOUR_MS,
    keys_of,
    later,
    longer,
    of_method,
    with_field,
)
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import (
    events_of,
    fields_of,
    last_epoch,
    place_of,
    require,
    retimed,
    value_of,
    with_result,
    with_value,
)


def unexplained(text: str, key: str, number: int) -> str:
    """Insert an hour before an event at which the run was not resumed."""
    keys = keys_of(text)
    require(
        keys[[place for place, _ in events_of(text)].index(place_of(text, key, number)) - 1] != "run_resumed"
    )
    return later(text, key, HOUR_MS, number)


def uneven(text: str, milliseconds: int) -> str:
    require(last_epoch(text) > 2)
    return longer(text, "epoch", milliseconds, 1)


def short_epoch(text: str) -> str:
    """Shorten one epoch to a second, among longer ones."""
    begin, stop = (fields_of(text, key, 1)["time_ms"] for key in ("epoch_start", "epoch_stop"))
    require(stop - begin > 10_000)
    return compressed(text, begin, stop, 1000)


def compressed(text: str, begin: int, stop: int, length: int) -> str:
    """Compress the events between two times to ``length`` milliseconds from the first."""
    lost = stop - begin - length

    def clock(_: int, time: int) -> int:
        if time <= begin:
            return time
        return begin + (time - begin) * length // (stop - begin) if time < stop else time - lost

    text = retimed(text, clock)
    for name in ("training_seconds", "total_seconds"):
        text = with_result(text, f"timing.{name}", lambda seconds: seconds - lost / 1000)
    return text


def without_staging(text: str) -> str:
    """Shorten staging to half a second, and leave it out of the total time."""
    require("skipped_scene" not in keys_of(text))
    length = fields_of(text, "staging_stop")["time_ms"] - fields_of(text, "staging_start")["time_ms"]
    text = later(text, "staging_stop", 500 - length)
    text = with_result(text, "timing.staging_seconds", lambda _: 0.5)
    return with_result(text, "timing.total_seconds", lambda seconds: seconds - 0.5)


def slow_evaluations(text: str) -> str:
    for number in range(last_epoch(text)):
        text = longer(text, "eval", 60_000, number)
    return text


def times() -> Iterator[Defect]:
    for name, milliseconds in {"three hours": 3 * HOUR_MS, "two minutes": 120_000}.items():
        yield defect(
            f"clock: {name} before it starts",
            lambda text, milliseconds=milliseconds: later(text, "run_start", milliseconds),
            "clock-start",
        )
    for key, number in (("epoch_start", 0), ("eval_start", 1), ("epoch_start", 1), ("inference_start", 0)):
        yield defect(
            f"clock: an hour before {key} {number}",
            lambda text, key=key, number=number: unexplained(text, key, number),
            "clock-idle",
        )
    yield defect(
        "clock: an hour before it stops", lambda text: later(text, "run_stop", HOUR_MS), "clock-idle"
    )
    yield defect("clock: an hour in an epoch", lambda text: uneven(text, HOUR_MS), "epochs-even")
    yield defect(
        "clock: an hour in an evaluation", lambda text: longer(text, "eval", HOUR_MS, 1), "epochs-even"
    )
    yield defect("clock: an epoch of a second", short_epoch, "epochs-even")
    yield defect("timing: all but a short staging", without_staging, "result-timing")
    yield defect(
        "timing: scenes of three times their share",
        lambda text: with_result(
            text,
            "timing.seconds_per_scene",
            lambda _: (
                3 * value_of(text, "result")["timing"]["inference_seconds"] / value_of(text, "test_samples")
            ),
        ),
        "result-timing",
    )


# ---- rates and schedules


def sped_up(text: str, factor: int) -> str:
    """Make everything from the first epoch on ``factor`` times as fast, also in the result.

    Each interval gets one extra millisecond, so that none is empty.
    """
    begin = fields_of(text, "epoch_start")["time_ms"]
    stops = [*accumulate(fields["key"].endswith("_stop") for _, fields in events_of(text))]
    text = retimed(
        text, lambda n, time: begin + (time - begin) // factor + stops[n] if time > begin else time
    )
    for interval, name in (("epoch", "training"), ("eval", "evaluation"), ("inference", "inference")):
        ends = {f"{interval}_start": -1, f"{interval}_stop": 1}
        length = sum(ends.get(fields["key"], 0) * fields["time_ms"] for _, fields in events_of(text))
        text = with_result(text, f"timing.{name}_seconds", lambda _, length=length: length / 1000)
    whole = fields_of(text, "result")["time_ms"] - fields_of(text, "run_start")["time_ms"]
    text = with_result(text, "timing.total_seconds", lambda _: whole / 1000)
    return with_result(text, "timing.seconds_per_scene", lambda _: 0.0)


def on_an_old_node(text: str, factor: int) -> str:
    """Make a run in float32 without accelerators ``factor`` times as fast."""
    require(value_of(text, "accelerators_per_node") == 0)
    text = with_result(with_value(text, "precision", "float32"), "precision", lambda _: "float32")
    return sped_up(text, factor)


def large(text: str, operations: int) -> str:
    """Turn the log into that of another network with more operations."""
    return with_field(of_method(text, "rsnet", recipe="published"), "operations", operations)


def rates() -> Iterator[Defect]:
    yield defect("rate: a thousand times as fast", lambda text: on_an_old_node(text, 2000), "rate-possible")
    yield defect("rate: of a network too large", lambda text: large(text, 10**15), "rate-possible")
    yield defect(
        "rate: of scenes alone",
        lambda text: with_result(text, "timing.seconds_per_scene", lambda _: 1e-6),
        "rate-possible",
    )
    yield defect("rate: of evaluations alone", slow_evaluations, "rates-agree")
    yield defect(
        "reference: other weights", lambda text: with_field(text, "parameters", 1_000_000), "reference-size"
    )
    yield defect(
        "reference: fewer operations", lambda text: with_field(text, "operations", 10**9), "reference-size"
    )
    yield defect("schedule: only warm-up", only_warmup, "warmup-possible")


def only_warmup(text: str) -> str:
    steps = value_of(text, "train_samples") // value_of(text, "global_batch_size") * value_of(text, "epochs")
    return with_value(text, "opt_learning_rate_warmup_steps", 2 * steps + 1)
