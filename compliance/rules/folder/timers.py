"""Rules on timers.txt: a run's timers must be the intervals of its log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.subjects.evidence.evidence import TIMERS, Evidence
from compliance.subjects.evidence.timers import Timer
from compliance.subjects.log import Log
from compliance.wording import excerpt

#: Interval of the log -> name of its timer.
NAMES = {
    **{"init": "load", "run": "total", "staging": "staging", "epoch": "training", "eval": "evaluation"},
    **{"inference": "inference", "baselines": "baselines"},
}
#: Tolerances: timers are rounded to milliseconds, those of the table to six digits.
ROUNDING, ROUNDING_OF_TABLE = 0.0011, 1e-5

#: Seconds of an interval's last use and in total, and the start of the last in seconds since 1970.
Length = tuple[float, float, int]


def _lengths(log: Log) -> dict[str, Length]:
    """Return the lengths of the log's intervals by timer name."""
    found: dict[str, Length] = {}
    for interval, name in NAMES.items():
        starts, stops = (log.all(f"{interval}_{end}").times for end in ("start", "stop"))
        pairs = [
            (start, stop) for start, stop in zip(starts, stops, strict=False) if None not in (start, stop)
        ]
        lengths = [((stop or 0) - (start or 0)) / 1000 for start, stop in pairs]
        if lengths and len(lengths) == len(starts) == len(stops):
            found[name] = lengths[-1], sum(lengths), (pairs[-1][0] or 0) // 1000
    return found


@folder_rule(
    "timers-form",
    clause="house",
    expected="the table of the StopWatch and the same timers as values between commas, all `ok`",
    remedy=RECORDS,
)
def timers_form(evidence: Evidence) -> Iterator[Problem]:
    """The file of timers must hold the StopWatch's table, and nothing else."""
    for line, found in evidence.timers.defects if evidence.timers else ():
        yield problem(found, line, path=evidence.shown(TIMERS))


@folder_rule(
    "timers-names",
    clause="house",
    expected="each interval of the log once in the table and once among the values",
    remedy=RECORDS,
)
def timers_names(evidence: Evidence) -> Iterator[Problem]:
    """The timers must be the intervals of a complete run. Each appears once in the table, and once among
    the values below it."""
    timers, log, path = evidence.timers, evidence.log, evidence.shown(TIMERS)
    if timers is None or timers.defects or not log.completed:
        return
    logged = {name for interval, name in NAMES.items() if log.all(f"{interval}_stop")}
    for rounded, where in ((True, "in the table"), (False, "among the values")):
        times = Counter(timer.name for timer in timers.of(rounded=rounded))
        for name in sorted(logged - times.keys()):
            yield problem(f"no timer {name} {where}", path=path)
        for timer in timers.of(rounded=rounded):
            if timer.name not in logged:
                yield problem(f"a timer {excerpt(timer.name)} {where}", timer.line, path=path)
            elif times.pop(timer.name, 0) > 1:
                yield problem(f"the timer {timer.name} more than once {where}", timer.line, path=path)


@folder_rule(
    "timers-agree",
    clause="house",
    expected="the lengths of the log's intervals",
    remedy=RECORDS,
)
def timers_agree(evidence: Evidence) -> Iterator[Problem]:
    """The timers must last as long as the intervals of the log. A timer has the length and the start of an
    interval's last use, and the total length, to the millisecond; the table has six digits."""
    if evidence.timers is None or not evidence.log.completed:
        return
    lengths = _lengths(evidence.log)
    for timer in evidence.timers.timers:
        for name, stated, true in _compared(timer, lengths[timer.name]) if timer.name in lengths else ():
            found = f"{name} of {timer.name} {stated}"
            yield problem(found, timer.line, f"{true}, by the log", path=evidence.shown(TIMERS))


def _compared(timer: Timer, length: Length) -> Iterator[tuple[str, str, str]]:
    """Yield where a timer differs from the log: the quantity, the timer's value, and the true value."""
    last, total, start = length
    for name, stated, true in (("time", timer.time, last), ("sum", timer.sum, total)):
        if abs(stated - true) > ROUNDING + (ROUNDING_OF_TABLE * abs(true) if timer.is_rounded else 0):
            yield name, f"{stated:g} s", f"{true:.3f} s"
    if abs(timer.start - start) > 1:
        yield "start", _moment(timer.start), _moment(start)


def _moment(seconds: int) -> str:
    """Format seconds since 1970 as in the table."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):  # the log's times are not times
        return f"{seconds} s since 1970"
