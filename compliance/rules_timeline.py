"""Rules on the order of events and on time: what lies inside what, and when the clock runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise, repeat

from benchmark.events import OUTCOMES, PARAMETERS
from compliance.log import Log, LogEvent, count_of
from compliance.registry import Problem, problem, rule
from compliance.timeline import (
    PHASE,
    SINGLE_INTERVALS,
    WORK,
    disorder,
    is_ascending,
    reached,
    series,
    where_it_belongs,
)
from compliance.wording import count, describe, excerpt, listing

#: H: initialisation takes at most 30 minutes.
INIT_LIMIT_MS = 30 * 60 * 1000
#: The benchmark's first code is of 2018 (Unix time of 2018-01-01, in seconds).
EARLIEST_S = 1_514_764_800
DAY_S = 24 * 60 * 60
#: Units that a timestamp may have been written in, and how many make a second.
UNITS = {"milliseconds": 10**3, "seconds": 1, "microseconds": 10**6, "nanoseconds": 10**9}


def unit_of(stamp: int) -> str | None:
    """The unit in which a timestamp is of a date from 2018 to tomorrow, or None if there is none."""
    latest = time.time() + DAY_S
    return next((name for name, n in UNITS.items() if EARLIEST_S * n <= stamp <= latest * n), None)


def milliseconds(event: LogEvent | None) -> int | None:
    """The time of an event where it is a possible one in milliseconds."""
    stamp = event.time_ms if event else None
    return stamp if stamp is not None and unit_of(stamp) == "milliseconds" else None


def _by_unit(log: Log) -> dict[str | None, list[LogEvent]]:
    """The events that have a time, by the unit that it is in."""
    times = [event.time_ms for event in log.events if event.time_ms is not None]
    if len(times) == len(log.events) > 0 and unit_of(min(times)) == unit_of(max(times)) == "milliseconds":
        return {None: [], "milliseconds": log.events}
    events: dict[str | None, list[LogEvent]] = {None: [], **{unit: [] for unit in UNITS}}
    for event in log.events:
        if event.time_ms is not None:
            events[unit_of(event.time_ms)].append(event)
    return events


@rule(
    "time-unit",
    scope="log",
    severity="error",
    clause="mllog line format",
    expected="milliseconds since 1970, 13 digits",
    remedy="log with mlperf_logging.mllog, which takes the time itself",
)
def time_unit(log: Log) -> Iterator[Problem]:
    """Times must be in milliseconds. In seconds they turn a 13-minute run into one of 0.8 seconds,
    which upstream's checker does not notice."""
    for unit, events in _by_unit(log).items():
        if events and unit not in ("milliseconds", None):
            found = f"{events[0].time_ms}, which is in {unit}; {count(len(events), 'such time')}"
            yield problem(found, events[0].line)


@rule(
    "time-plausible",
    scope="log",
    severity="error",
    clause="house",
    expected="a date from 2018 to tomorrow",
    remedy="set the clock of the node (NTP) and repeat the run",
)
def time_plausible(log: Log) -> Iterator[Problem]:
    """Times must be of a date at which the run can have been made."""
    if events := _by_unit(log)[None]:
        found = f"time_ms {describe(events[0].time_ms)}; {count(len(events), 'such time')}"
        yield problem(found, events[0].line)


@rule(
    "time-order",
    scope="log",
    severity="error",
    clause="T",
    expected="a time not before that of the event above",
    remedy="let one process write the log; use a node whose clock is not set back during a run",
)
def time_order(log: Log) -> Iterator[Problem]:
    """Time must never run back from one event to the next. Where it does, events were moved, added
    later or written by several processes, or the clock was changed, and no duration can be trusted."""
    events = _by_unit(log)["milliseconds"]
    if is_ascending([event.time_ms or 0 for event in events]):
        return
    for before, event in pairwise(events):
        step = (before.time_ms or 0) - (event.time_ms or 0)
        if step > 0:
            yield problem(f"{step} ms before the event on line {before.line}", event.line)


@rule(
    "run-stop",
    scope="log",
    severity="error",
    clause="H",
    expected="`run_stop` as the last event, with its status",
    remedy="find out why the run ended without it (killed, out of memory, time limit); repeat the run",
)
def run_stop(log: Log) -> Iterator[Problem]:
    """A run must end with `run_stop`. A log without it is that of a run that was killed or still runs."""
    if log.events and not log.all("run_stop"):
        last = log.events[-1]
        yield problem(f"the log ends after {excerpt(last.key)}", last.line)


@rule(
    "run-success",
    scope="log",
    severity="error",
    clause="H",
    expected="status success",
    remedy="read the reason, mend it and repeat the run; a failed run is no result",
)
def run_success(log: Log) -> Iterator[Problem]:
    """A run must end with status success. An aborted run says so and why; it is kept as a record but
    cannot be submitted."""
    stop = log.first("run_stop")
    if stop and log.status is not None and not log.completed:
        reason = stop.metadata.get("reason")
        because = f": {excerpt(reason, width=300)}" if isinstance(reason, str) else ""
        found = f"status {excerpt(log.status)}{because}"
        expected = None if log.status in OUTCOMES else f"status {listing(OUTCOMES, last='or')}"
        yield problem(found, stop.line, expected)


@rule(
    "one-run",
    scope="log",
    severity="error",
    clause="S6",
    expected="one run in a file",
    remedy="write every run to a file of its own; the second run has not been judged",
)
def one_run(log: Log) -> Iterator[Problem]:
    """A file must hold one run. A log that was appended to mixes two; only the first is judged."""
    if log.second_run:
        yield problem(f"a second run begins with {excerpt(log.second_run.key)}", log.second_run.line)


@rule(
    "after-run-stop",
    scope="log",
    severity="error",
    clause="H",
    expected="`run_stop` as the last event",
    remedy="log everything before the clock stops",
)
def after_run_stop(log: Log) -> Iterator[Problem]:
    """Nothing may be logged after `run_stop`."""
    if log.after_run:
        keys = listing(excerpt(key) for key in dict.fromkeys(event.key for event in log.after_run))
        yield problem(f"{count(len(log.after_run), 'event')}: {keys}", log.after_run[0].line)


def _unpaired(log: Log) -> Iterator[tuple[LogEvent, str]]:
    """The ends of single intervals that lack their other end, stand before it, or cross another's."""
    spans: list[tuple[LogEvent, LogEvent]] = []
    for start_key, stop_key in SINGLE_INTERVALS.items():
        start, stop = log.first(start_key), log.first(stop_key)
        if start and stop and start.place < stop.place:
            spans.append((start, stop))
        elif start and stop:
            yield stop, f"`{stop_key}` before `{start_key}` on line {start.line}"
        elif start and log.completed:
            yield start, f"`{start_key}` without `{stop_key}`"
        elif stop and reached(log) >= PHASE[start_key]:  # a run may abort before it starts
            yield stop, f"`{stop_key}` without `{start_key}`"
    for start, stop in spans:
        for inner_start, inner_stop in spans:
            crossed = start.place < inner_start.place < stop.place < inner_stop.place
            if crossed and not (start.key in WORK and inner_start.key == "run_start"):  # clock-covers
                yield stop, f"`{stop.key}` before `{inner_stop.key}`, whose interval began inside"


@rule(
    "interval-pairing",
    scope="log",
    severity="error",
    clause="H",
    expected="every interval started, then stopped, within the interval that it was started in",
    remedy="open and close intervals with one `with` block in the program",
)
def interval_pairing(log: Log) -> Iterator[Problem]:
    """Every interval that starts must stop, and inside the interval in which it started. The intervals
    of epochs have rules of their own, `run_start` without `run_stop` too."""
    yield from (problem(found, event.line) for event, found in _unpaired(log))


def _outside(log: Log, keys: frozenset[str], start_key: str, stop_key: str) -> list[LogEvent]:
    """The events of some keys that stand before a start or after a stop."""
    start, stop = log.first(start_key), log.first(stop_key)
    if start is None or (stop and stop.place < start.place):
        return []
    end = stop.place if stop else len(log.events)
    return [event for event in log.events if event.key in keys and not start.place < event.place < end]


@rule(
    "clock-covers",
    scope="log",
    severity="error",
    clause="T, P",
    expected="staging, training, evaluation, inference and result between `run_start` and `run_stop`",
    remedy="start the clock before any input is touched",
)
def clock_covers(log: Log) -> Iterator[Problem]:
    """The clock must cover all the work. It starts before data is touched, and staging, every epoch,
    every evaluation and the inference lie between `run_start` and `run_stop`."""
    events = _outside(log, WORK, "run_start", "run_stop")
    if events:
        keys = listing(f"`{key}`" for key in dict.fromkeys(event.key for event in events))
        yield problem(f"before `run_start`: {keys}", events[0].line)


@rule(
    "init-contains-parameters",
    scope="log",
    severity="error",
    clause="H",
    expected="hyperparameters and facts of the run between `init_start` and `init_stop`",
    remedy="log them during initialisation",
)
def init_contains_parameters(log: Log) -> Iterator[Problem]:
    """Hyperparameters must be stated during initialisation, before anything is computed with them."""
    for event in _outside(log, frozenset(PARAMETERS), "init_start", "init_stop"):
        yield problem(f"`{event.key}` outside init", event.line)


@rule(
    "init-duration",
    scope="log",
    severity="error",
    clause="H",
    expected="at most 30 minutes",
    remedy="do less before the clock starts; work on data belongs into the run",
)
def init_duration(log: Log) -> Iterator[Problem]:
    """Initialisation must not take longer than 30 minutes."""
    stop_event = log.first("init_stop")
    start, stop = milliseconds(log.first("init_start")), milliseconds(stop_event)
    if start is not None and stop is not None and stop_event and stop - start > INIT_LIMIT_MS:
        yield problem(f"{(stop - start) / 60_000:.1f} minutes", stop_event.line)


#: More pixels than any device can read from its memory in a second (9 channels of 2 bytes at 1.8 TB/s).
PIXELS_PER_SECOND = 10**11


def _work(log: Log, devices: int) -> Iterator[tuple[LogEvent, LogEvent, LogEvent | None]]:
    """Start and stop of intervals of work that may be too short, and the accuracy that counts the pixels."""
    for interval, score in (("run", None), ("staging", None), ("inference", log.one("test_accuracy"))):
        start, stop = log.first(f"{interval}_start"), log.first(f"{interval}_stop")
        if start and stop:
            yield start, stop, score
    for interval, key in (("epoch", "train_accuracy"), ("eval", "eval_accuracy")):
        starts, stops = series(log, f"{interval}_start"), series(log, f"{interval}_stop")
        work = list(zip(starts, stops, series(log, key) or repeat(None), strict=False))
        # The shortest with the pixels of the largest is enough to see that nothing is amiss.
        lengths = [(stop.time_ms or 0) - (start.time_ms or 0) for start, stop, _ in work]
        pixels = [count_of(score, "pixels") for _, _, score in work if score]
        if work and not _is_possible(min(lengths), max(pixels, default=0), devices):
            yield from work


def _is_possible(milliseconds: int, pixels: int, devices: int) -> bool:
    return milliseconds > 0 and milliseconds * devices * PIXELS_PER_SECOND >= pixels * 1000


@rule(
    "interval-length",
    scope="log",
    severity="error",
    clause="T",
    expected="more time than the hardware stated needs at the very least",
    remedy="log the start of an interval before its work and the stop after it, each at its own time",
)
def interval_length(log: Log) -> Iterator[Problem]:
    """Work must take time. The run, staging, training, evaluation and inference last at least a
    millisecond, and no device takes in more than 10^11 pixels a second. A run that did not come to
    its end is not judged."""
    if not log.completed:
        return
    devices = max(log.integer("number_of_nodes") or 1, 1) * max(log.integer("accelerators_per_node") or 1, 1)
    for start, stop, score in _work(log, devices):
        length = (stop.time_ms or 0) - (start.time_ms or 0)
        pixels = count_of(score, "pixels") if score else 0
        if _is_possible(length, pixels, devices):
            continue
        if length < 0 or stop.place < start.place or None in (milliseconds(start), milliseconds(stop)):
            continue  # rules of their own
        of_pixels = f" for {pixels} pixels" if score else ""
        yield problem(f"{length} ms from {start.key} to {stop.key}{of_pixels}", stop.line)


@rule(
    "cache-clear-first",
    scope="log",
    severity="error",
    clause="H, P",
    expected="a `cache_clear` before `init_start` and `run_start`",
    remedy="drop the input files from the page cache first",
)
def cache_clear_first(log: Log) -> Iterator[Problem]:
    """Caches must be flushed before the run, so that no run finds its input already in memory."""
    clear = log.first("cache_clear")
    for start in (log.first("init_start"), log.first("run_start")):
        if clear and start and clear.place > start.place:
            yield problem(f"first after `{start.key}` on line {start.line}", clear.line)
            return


@rule(
    "event-order",
    scope="log",
    severity="error",
    clause="H",
    expected="the order of the timeline (docs/events.md)",
    remedy="log events when they happen; do not move lines",
)
def event_order(log: Log) -> Iterator[Problem]:
    """Events must stand in the order of the timeline. It is identity, init, and the run with staging,
    epochs, inference, baselines and result. The fewest events that explain the disorder are reported. What
    lies outside init or the run, unpaired intervals, and the order within epochs have rules of
    their own."""
    ranks = [PHASE[event.key] for event in log.events if event.key in PHASE and event.key != "cache_clear"]
    if is_ascending(ranks):
        return
    elsewhere = [event for event, _ in _unpaired(log)]
    elsewhere += _outside(log, WORK, "run_start", "run_stop")
    elsewhere += _outside(log, frozenset(PARAMETERS), "init_start", "init_stop")
    skipped = {event.place for event in [*elsewhere, *log.all("cache_clear")]}
    events = [event for event in log.events if event.key in PHASE and event.place not in skipped]
    for event, found in disorder(events, [PHASE[event.key] for event in events]):
        yield problem(found, event.line, where_it_belongs(event.key))
