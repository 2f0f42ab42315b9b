"""Rules on time that no work explains: before the clock, between intervals, in single epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import sub
from statistics import median

from compliance.registry import Problem, log_rule, problem
from compliance.rules.log.time import milliseconds
from compliance.subjects.columns import Events, LogEvent
from compliance.subjects.log import Log
from compliance.subjects.timeline import RESUMED, series
from compliance.wording import show

#: A run does nothing between the end of initialisation and the start of the clock.
BEFORE_CLOCK_MS = 60_000
#: Between intervals a run writes only weights, a checkpoint of a few MB, and a table.
BETWEEN_MS = 600_000
#: A run's epochs do the same work. Other load does not explain one that takes UNEVEN times as long as usual
#: and LONGER_MS longer, nor one UNEVEN times shorter if the usual time is at least FROM_MS.
UNEVEN, LONGER_MS, FROM_MS = 10, 60_000, 10_000


def _has_clock(log: Log) -> bool:
    """Whether times ascend and are milliseconds of possible dates (else other rules report it)."""
    ends = (log.events[0], log.events[-1]) if log.events else ()
    return bool(ends) and log.is_chronological and None not in map(milliseconds, ends)


def _minutes(length_ms: float) -> str:
    return f"{length_ms / 60_000:.1f} minutes"


@log_rule(
    "clock-start",
    clause="T-clock",
    expected="`run_start` within a minute of `init_stop`",
    remedy="start the clock where initialisation ends; work on data belongs into the run",
)
def clock_start(log: Log) -> Iterator[Problem]:
    """The clock must start where initialisation ends. Time between the two belongs to neither: work
    hidden there counts nowhere."""
    stop, start = log.first("init_stop"), log.first("run_start")
    if stop is None or start is None or not _has_clock(log):
        return
    length = (start.time_ms or 0) - (stop.time_ms or 0)
    if length > BEFORE_CLOCK_MS and stop.place < start.place:
        yield problem(f"{_minutes(length)} after `init_stop`", start.line)


def _gaps(log: Log) -> Iterator[tuple[LogEvent, LogEvent]]:
    """Yield the end of an interval of the run and the start of the next if too much time lies between."""
    epochs = [series(log, key) for key in ("epoch_start", "epoch_stop", "eval_start", "eval_stop")]
    whole = log.first("whole_scene_agreement")  # it has no interval
    ends: list[tuple[LogEvent | None, LogEvent | None]] = [
        (log.first("run_start"), log.first("staging_start")),
        (log.first("inference_stop"), None if whole else log.first("baselines_start")),
        (log.first("baselines_stop"), log.first("run_stop")),
    ]
    if all(epochs):
        starts, stops, eval_starts, eval_stops = epochs
        ends += [(log.first("staging_stop"), starts[0]), (eval_stops[-1], log.first("inference_start"))]
        ends += _apart(stops, eval_starts)
        ends += _apart(eval_stops[:-1], starts[1:])
    for stop, start in ends:
        if stop and start and (start.time_ms or 0) - (stop.time_ms or 0) > BETWEEN_MS:
            yield stop, start


def _apart(stops: Events, starts: Events) -> list[tuple[LogEvent, LogEvent]]:
    """Return the ends and starts, one of each per epoch, between which too much time lies."""
    late = [n for n, gap in enumerate(_lengths(stops, starts)) if gap > BETWEEN_MS]
    return [(stops[n], starts[n]) for n in late]


def _lengths(begin: Events, end: Events) -> list[int]:
    """Return the milliseconds between the pairs of events, all of which have a time."""
    times: list[Sequence[int]] = [begin.times, end.times]  # type: ignore[list-item]
    return list(map(sub, times[1], times[0]))


@log_rule(
    "clock-idle",
    severity="warning",
    clause="house",
    expected="at most 10 minutes from the end of an interval to the start of the next, unless resumed",
    remedy="say what the time was spent on, or whether the node's clock was set; resumed runs say so",
)
def clock_idle(log: Log) -> Iterator[Problem]:
    """No long time should pass between the intervals of a run. A run only writes weights, checkpoint and
    table there; a gap means that the clock was set, the run was stopped, or work was done that no event
    mentions. A run that was resumed in the gap says so."""
    if not _has_clock(log):
        return
    marks = [event.place for event in log.all(RESUMED)]
    for stop, start in _gaps(log):
        if stop.place < start.place and not any(stop.place < mark < start.place for mark in marks):
            length = (start.time_ms or 0) - (stop.time_ms or 0)
            yield problem(f"{_minutes(length)} from `{stop.key}` to `{start.key}`", start.line)


@log_rule(
    "epochs-even",
    severity="warning",
    clause="house",
    expected="a time within ten times that of most epochs, longer or shorter",
    remedy="say in the contribution what held the run up, or whether the node's clock was set",
)
def epochs_even(log: Log) -> Iterator[Problem]:
    """Epochs should take about the same time, since they do the same work. One that takes ten times as
    long as most, or a tenth, shows that the run was stopped for a while or the clock was set."""
    if not _has_clock(log):
        return
    marks = [event.place for event in log.all(RESUMED)]
    for interval in ("epoch", "eval"):
        starts, stops = series(log, f"{interval}_start"), series(log, f"{interval}_stop")
        if len(starts) < 3 or len(starts) != len(stops):
            continue
        lengths = _lengths(starts, stops)
        usual = median(lengths)
        least, most = usual / UNEVEN if usual >= FROM_MS else 0, max(usual * UNEVEN, usual + LONGER_MS)
        for number, length in enumerate(lengths):
            if least <= length <= most or length <= 0:  # interval-length
                continue
            stop = stops[number]
            if not any(starts[number].place < mark < stop.place for mark in marks):
                found = f"{length / 1000:.1f} s from `{starts[number].key}` to `{stop.key}`"
                yield problem(found, stop.line, f"about {show(usual / 1000)} s, as most epochs")
