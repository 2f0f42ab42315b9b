"""Defects in the times of events."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.record.events import INTERVALS
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import edit, events_of, fields_of, place_of, retimed, with_metadata


def frozen(text: str, start: str, stop: str, number: int = 0) -> str:
    """Shorten an interval to nothing: move all its events to the time of its start."""
    times = [fields["time_ms"] for _, fields in events_of(text)]
    numbers = [place for place, _ in events_of(text)]
    begin = numbers.index(place_of(text, start, number))
    end = numbers.index(place_of(text, stop, number))
    lost = times[end] - times[begin]
    return retimed(text, lambda n, time: time if n <= begin else times[begin] if n <= end else time - lost)


def delayed(text: str, key: str, milliseconds: int) -> str:
    """Delay an event and all events after it."""
    late = [place for place, _ in events_of(text)].index(place_of(text, key))
    return retimed(text, lambda number, time: time + milliseconds * (number >= late))


def times_of(text: str) -> list[int]:
    return [fields["time_ms"] for _, fields in events_of(text)]


def time() -> Iterator[Defect]:
    unit, plausible = "time-unit", "time-plausible"
    for name, factor in {"seconds": 1e-3, "microseconds": 1e3, "nanoseconds": 1e6}.items():
        yield defect(
            f"time: in {name}",
            lambda text, factor=factor: retimed(text, lambda _, time: int(time * factor)),
            unit,
        )
        yield defect(
            f"time: one in {name}",
            lambda text, factor=factor: edit(
                text, "epoch_start", lambda fields: fields.update(time_ms=int(fields["time_ms"] * factor))
            ),
            unit,
        )
    for name, stamp in {
        "zero": 0,
        "negative": -1,
        "before the benchmark": 1_000_000_000_000,
        "in the future": 4_102_444_800_000,
        "of the year 292278994": 2**63 - 1,
    }.items():
        yield defect(
            f"time: {name}",
            lambda text, stamp=stamp: retimed(text, lambda number, _: stamp),
            plausible,
        )
        yield defect(
            f"time: one {name}",
            lambda text, stamp=stamp: edit(text, "seed", lambda fields: fields.update(time_ms=stamp)),
            plausible,
        )
    yield defect(
        "time: one event a minute early",
        lambda text: edit(
            text, "epoch_stop", lambda fields: fields.update(time_ms=fields["time_ms"] - 60_000)
        ),
        "time-order",
    )
    yield defect(
        "time: one millisecond back",
        lambda text: edit(
            text, "seed", lambda fields: fields.update(time_ms=fields_of(text, "init_start")["time_ms"] - 1)
        ),
        "time-order",
    )
    yield defect(
        "time: an hour back in the run",
        lambda text: delayed(text, "inference_start", -3_600_000),
        "time-order",
    )
    yield defect(
        "time: backwards",
        lambda text: retimed(text, lambda n, time: 2 * times_of(text)[0] - time),
        "time-order",
    )
    yield defect(
        "time: two clocks",
        lambda text: retimed(text, lambda number, time: time - 5_000 * (number % 2)),
        "time-order",
        "result-timing",
    )
    yield defect(
        "time: an hour ahead in the run",
        lambda text: delayed(text, "inference_start", 3_600_000),
        "result-timing",
        "clock-idle",
    )
    yield defect(
        "time: a clock that was set",
        lambda text: with_metadata(text, "run_stop", clock_set_ms=-5000),
        "clock-set",
    )
    for minutes, rule in ((31, "init-long"), (241, "init-duration")):
        yield defect(
            f"time: init of {minutes} minutes",
            lambda text, minutes=minutes: delayed(text, "init_stop", minutes * 60_000),
            rule,
        )
    yield defect(
        "time: a run of no length",
        lambda text: retimed(text, lambda _, time: times_of(text)[0]),
        "interval-length",
        "result-timing",
    )
    yield defect(
        "time: ten times as fast",
        lambda text: retimed(text, lambda _, time: times_of(text)[0] + (time - times_of(text)[0]) // 10),
        "result-timing",
    )
    for start in ("staging_start", "epoch_start", "eval_start", "inference_start"):
        yield defect(
            f"time: no time from {start}",
            lambda text, start=start: frozen(text, start, INTERVALS[start]),
            "interval-length",
            "result-timing",
        )
