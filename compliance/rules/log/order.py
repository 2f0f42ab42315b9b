"""Rules on the order of events: which interval contains what, and how a run ends."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from benchmark.record.events import OUTCOMES, PARAMETERS
from compliance.registry import Problem, log_rule, problem
from compliance.subjects.columns import LogEvent, is_ascending
from compliance.subjects.log import Log
from compliance.subjects.timeline import (
    ORDER,
    PHASE,
    SINGLE_INTERVALS,
    WORK,
    disorder,
    reached,
    where_it_belongs,
)
from compliance.wording import count, excerpt, listing


@log_rule(
    "run-stop",
    clause="H-run",
    expected="`run_stop` as the last event, with its status",
    remedy="find out why the run ended without it (killed, out of memory, time limit); repeat the run",
)
def run_stop(log: Log) -> Iterator[Problem]:
    """A run must end with `run_stop`. A log without it is from a run that was killed or is still running."""
    if log.events and not log.all("run_stop"):
        last = log.events[-1]
        yield problem(f"the log ends after {excerpt(last.key)}", last.line)


@log_rule(
    "run-success",
    clause="T-run, H-success",
    expected="status success",
    remedy="read the reason, fix it and repeat the run; a failed run is no result",
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


@log_rule(
    "one-run",
    clause="S2, H-run",
    expected="one run in a file",
    remedy="write each run to a separate file; the second run has not been judged",
)
def one_run(log: Log) -> Iterator[Problem]:
    """A file must hold one run. A log that was appended to mixes two runs; only the first is judged."""
    if log.second_run:
        yield problem(f"a second run begins with {excerpt(log.second_run.key)}", log.second_run.line)


@log_rule(
    "after-run-stop",
    clause="house",
    expected="`run_stop` as the last event",
    remedy="log everything before the clock stops",
)
def after_run_stop(log: Log) -> Iterator[Problem]:
    """Nothing may be logged after `run_stop`."""
    if log.after_run:
        keys = listing(excerpt(key) for key in dict.fromkeys(log.after_run.keys))
        yield problem(f"{count(len(log.after_run), 'event')}: {keys}", log.after_run[0].line)


def _unpaired(log: Log) -> Iterator[tuple[LogEvent, str]]:
    """Yield ends of single intervals that lack their other end, precede their start, or cross another."""
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


@log_rule(
    "interval-pairing",
    clause="L-interval",
    expected="every interval started, then stopped, within the interval that it was started in",
    remedy="open and close intervals with one `with` block in the program",
)
def interval_pairing(log: Log) -> Iterator[Problem]:
    """Every interval that starts must stop, and inside the interval in which it started. Other rules
    cover the intervals of epochs, and `run_start` without `run_stop`."""
    yield from (problem(found, event.line) for event, found in _unpaired(log))


def _outside(log: Log, keys: Iterable[str], start_key: str, stop_key: str) -> list[LogEvent]:
    """Return the events of some keys that come before a start or after a stop."""
    start, stop = log.first(start_key), log.first(stop_key)
    if start is None or (stop and stop.place < start.place):
        return []
    end = stop.place if stop else len(log.events)
    outside: list[int] = []
    for places in (log.all(key).places for key in keys):
        outside += [*places[: bisect_right(places, start.place)], *places[bisect_left(places, end) :]]
    return [log.events[place] for place in sorted(outside)]


@log_rule(
    "clock-covers",
    clause="T-clock, T-run-result, T-quality, P-staging, P-preparation",
    expected="staging, training, evaluation, inference and result between `run_start` and `run_stop`",
    remedy="start the clock before any input is touched",
)
def clock_covers(log: Log) -> Iterator[Problem]:
    """The clock must cover all the work. It starts before data is touched, and staging, every epoch,
    every evaluation and the inference take place between `run_start` and `run_stop`."""
    events = _outside(log, WORK, "run_start", "run_stop")
    if events:
        keys = listing(f"`{key}`" for key in dict.fromkeys(event.key for event in events))
        yield problem(f"before `run_start`: {keys}", events[0].line)


@log_rule(
    "init-contains-parameters",
    clause="house",
    expected="hyperparameters and facts of the run between `init_start` and `init_stop`",
    remedy="log them during initialisation",
)
def init_contains_parameters(log: Log) -> Iterator[Problem]:
    """Hyperparameters must be stated during initialisation, before anything is computed with them."""
    for event in _outside(log, PARAMETERS, "init_start", "init_stop"):
        yield problem(f"`{event.key}` outside init", event.line)


@log_rule(
    "cache-clear-first",
    clause="P-cache, T-cache",
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


def _in_order(log: Log) -> bool:
    """Whether the events of every group of the timeline precede those of the next."""
    ends: list[int] = []
    for group in ORDER:
        columns = [log.all(key).places for key in group if key != "cache_clear" and log.all(key)]
        if columns:
            ends += [min(places[0] for places in columns), max(places[-1] for places in columns)]
    return is_ascending(ends)


@log_rule(
    "event-order",
    clause="house",
    expected="the order of the timeline (docs/events.md)",
    remedy="log events when they happen; do not move lines",
)
def event_order(log: Log) -> Iterator[Problem]:
    """Events must stand in the order of the timeline. It is identity, init, and the run with staging,
    epochs, inference, baselines and result. The checker reports the fewest events that explain the
    disorder. Other rules cover events outside init or the run, unpaired intervals, and the order within
    epochs."""
    if _in_order(log):
        return
    elsewhere = [event for event, _ in _unpaired(log)]
    elsewhere += _outside(log, WORK, "run_start", "run_stop")
    elsewhere += _outside(log, PARAMETERS, "init_start", "init_stop")
    skipped = {event.place for event in [*elsewhere, *log.all("cache_clear")]}
    events = [event for event in log.events if event.key in PHASE and event.place not in skipped]
    for event, found in disorder(events, [PHASE[event.key] for event in events]):
        yield problem(found, event.line, where_it_belongs(event.key))
