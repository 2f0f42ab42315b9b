"""Rules on time: its unit, its order, and possible durations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, repeat

from compliance.registry import Problem, log_rule, problem
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log, count_of
from compliance.subjects.timeline import series
from compliance.wording import count, describe, show

#: T: the longest initialisation in the open division, and in the closed one (H: in either).
INIT_LIMIT_MINUTES, INIT_USUAL_MINUTES = 240, 30
#: The benchmark's first code is from 2018 (Unix time of 2018-01-01, in seconds).
EARLIEST_S = 1_514_764_800
DAY_S = 24 * 60 * 60
#: Possible units of a timestamp, and how many make a second.
UNITS = {"milliseconds": 10**3, "seconds": 1, "microseconds": 10**6, "nanoseconds": 10**9}


def unit_of(stamp: int) -> str | None:
    """Return the unit in which a timestamp is a date from 2018 to tomorrow, or None if there is none."""
    latest = time.time() + DAY_S
    return next((name for name, n in UNITS.items() if EARLIEST_S * n <= stamp <= latest * n), None)


def milliseconds(event: LogEvent | None) -> int | None:
    """Return the time of an event if it is possible in milliseconds, else None."""
    stamp = event.time_ms if event else None
    return stamp if stamp is not None and unit_of(stamp) == "milliseconds" else None


def _by_unit(log: Log) -> Mapping[str | None, Sequence[LogEvent]]:
    """Return the events that have a time, by the unit of the time."""
    ends = [milliseconds(log.events[place]) for place in (0, -1) if log.events]
    if log.is_chronological and None not in ends:
        return {None: [], "milliseconds": log.events}
    events: dict[str | None, list[LogEvent]] = {None: [], **{unit: [] for unit in UNITS}}
    for event in log.events:
        if event.time_ms is not None:
            events[unit_of(event.time_ms)].append(event)
    return events


@log_rule(
    "time-unit",
    clause="L-time",
    expected="milliseconds since 1970, 13 digits",
    remedy="log with mlperf_logging.mllog, which takes the time itself",
)
def time_unit(log: Log) -> Iterator[Problem]:
    """Times must be in milliseconds. Times in seconds turn a 13-minute run into one of 0.8
    seconds, which upstream's checker does not notice."""
    for unit, events in _by_unit(log).items():
        if events and unit not in ("milliseconds", None):
            found = f"{events[0].time_ms}, which is in {unit}; {count(len(events), 'such time')}"
            yield problem(found, events[0].line)


@log_rule(
    "time-plausible",
    clause="house",
    expected="a date from 2018 to tomorrow",
    remedy="set the clock of the node (NTP) and repeat the run",
)
def time_plausible(log: Log) -> Iterator[Problem]:
    """Times must be of a date at which the run can have been made."""
    if events := _by_unit(log)[None]:
        found = f"time_ms {describe(events[0].time_ms)}; {count(len(events), 'such time')}"
        yield problem(found, events[0].line)


@log_rule(
    "time-order",
    clause="house",
    expected="a time not before that of the event above",
    remedy="let one process write the log; use a node whose clock is not set back during a run",
)
def time_order(log: Log) -> Iterator[Problem]:
    """Time must never run back from one event to the next. If it does, events were moved, added
    later or written by several processes, or the clock was changed, and no duration can be trusted."""
    for before, event in () if log.is_chronological else pairwise(_by_unit(log)["milliseconds"]):
        step = (before.time_ms or 0) - (event.time_ms or 0)
        if step > 0:
            yield problem(f"{step} ms before the event on line {before.line}", event.line)


@log_rule(
    "clock-set",
    severity="warning",
    clause="house",
    expected="a clock that runs on during the run, corrected in steps below a second",
    remedy="synchronise the node's clock (NTP) before a run; the log's times are right, its dates may not be",
)
def clock_set(log: Log) -> Iterator[Problem]:
    """The clock of the node should not be set during a run. A log takes its times from the monotonic clock;
    `clock_set_ms` of `run_stop` states by how much the node's clock was ahead of them at the end, because it
    was set or the node slept."""
    stop = log.first("run_stop")
    set_ms = stop.metadata.get("clock_set_ms") if stop else None
    if stop and set_ms is not None:
        yield problem(f"clock_set_ms {show(set_ms)}", stop.line)


@log_rule(
    "init-duration",
    clause="T-init",
    expected="less than 4 hours",
    remedy="do less before the clock starts; work on data belongs into the run",
)
def init_duration(log: Log) -> Iterator[Problem]:
    """Initialisation must take less than 4 hours, the limit of the open division."""
    yield from _initialised(log, INIT_LIMIT_MINUTES, float("inf"))


@log_rule(
    "init-long",
    severity="warning",
    clause="H-init-duration",
    expected="less than 30 minutes",
    remedy="do less before the clock starts, or say in the contribution what takes so long",
)
def init_long(log: Log) -> Iterator[Problem]:
    """Initialisation should take less than 30 minutes, the limit of the closed division and of MLPerf HPC."""
    yield from _initialised(log, INIT_USUAL_MINUTES, INIT_LIMIT_MINUTES)


def _initialised(log: Log, least: float, most: float) -> Iterator[Problem]:
    """Report initialisation that took from ``least`` to less than ``most`` minutes."""
    stop_event = log.first("init_stop")
    start, stop = milliseconds(log.first("init_start")), milliseconds(stop_event)
    if start is not None and stop is not None and stop_event and least <= (stop - start) / 60_000 < most:
        yield problem(f"{(stop - start) / 60_000:.1f} minutes", stop_event.line)


#: More pixels than any device can read from its memory in a second (9 channels of 2 bytes at 1.8 TB/s).
PIXELS_PER_SECOND = 10**11


def _work(log: Log, devices: int) -> Iterator[tuple[LogEvent, LogEvent, LogEvent | None]]:
    """Yield start and stop of work that may be too short, and the accuracy that counts its pixels."""
    for interval, score in (("run", None), ("staging", None), ("inference", log.one("test_accuracy"))):
        start, stop = log.first(f"{interval}_start"), log.first(f"{interval}_stop")
        if start and stop:
            yield start, stop, score
    for interval, key in (("epoch", "train_accuracy"), ("eval", "eval_accuracy")):
        starts, stops = series(log, f"{interval}_start"), series(log, f"{interval}_stop")
        scores = series(log, key)
        # If even the shortest interval can process the most pixels, all are possible.
        lengths = [(stop or 0) - (start or 0) for start, stop in zip(starts.times, stops.times, strict=False)]
        pixels = max(scores.facts("pixels"), default=0)
        if lengths and not is_possible(min(lengths), pixels, devices):
            yield from zip(starts, stops, scores or repeat(None), strict=False)


def is_possible(milliseconds: int, pixels: int, devices: int) -> bool:
    """Whether the time is above 0 and long enough for the devices to take in this many pixels."""
    return milliseconds > 0 and milliseconds * devices * PIXELS_PER_SECOND >= pixels * 1000


@log_rule(
    "interval-length",
    clause="house",
    expected="more time than the hardware stated needs at the very least",
    remedy="log the start of an interval before its work and the stop after it, each at its own time",
)
def interval_length(log: Log) -> Iterator[Problem]:
    """Work must take time. The run, staging, training, evaluation and inference last at least a
    millisecond, and no device takes in more than 10^11 pixels a second. The rule skips runs that did not
    complete."""
    if not log.completed:
        return
    devices = max(log.integer("number_of_nodes") or 1, 1) * max(log.integer("accelerators_per_node") or 1, 1)
    for start, stop, score in _work(log, devices):
        length = (stop.time_ms or 0) - (start.time_ms or 0)
        pixels = count_of(score, "pixels") if score else 0
        if is_possible(length, pixels, devices):
            continue
        if length < 0 or stop.place < start.place or None in (milliseconds(start), milliseconds(stop)):
            continue  # other rules report it
        of_pixels = f" for {pixels} pixels" if score else ""
        yield problem(f"{length} ms from {start.key} to {stop.key}{of_pixels}", stop.line)
