"""The cloudmesh StopWatch of a run: a timer for each kind of interval of its log, and its table.

The timers run by the log's own times, so that a resumed run, which tells its StopWatch what the
log says of the time before, has the same figures as its events.
"""

from __future__ import annotations

import contextlib
import io
import time

from cloudmesh.common.StopWatch import StopWatch

from benchmark.core.files import write_text
from benchmark.record.run_folder import RunFolder

#: Names of the timers, by the interval of the log.
_NAMES = {"init": "load", "run": "total", "epoch": "training", "eval": "evaluation"}


def reset() -> None:
    """Forget all timers of an earlier run of this process."""
    StopWatch.clear()


def begin(interval: str, time_ms: int) -> None:
    """Start the timer of an interval that began at ``time_ms`` (since 1970)."""
    name = _NAMES.get(interval, interval)
    StopWatch.start(name)
    StopWatch.timer_start[name] = time_ms / 1000


def end(interval: str, time_ms: int) -> None:
    """Stop the timer of an interval that ended at ``time_ms``, if it had begun; uses add up."""
    name = _NAMES.get(interval, interval)
    if name not in StopWatch.timer_start:
        return
    StopWatch.stop(name)
    StopWatch.timer_sum[name] += time_ms / 1000 - StopWatch.timer_end[name]
    StopWatch.timer_end[name] = time_ms / 1000


def total(name: str) -> float:
    """Seconds of all uses of a timer, one that still runs included."""
    running = time.time() - StopWatch.timer_start[name] if StopWatch.timer_end[name] is None else 0
    return round(StopWatch.timer_sum[name] + running, 3)


def latest(name: str) -> float:
    """Seconds of the last use of a timer."""
    return StopWatch.get(name, digits=3)


def write_timers(folder: RunFolder) -> None:
    """The StopWatch's table and its CSV lines, without user and host; open timers end now."""
    for name, ended in list(StopWatch.timer_end.items()):
        if ended is None:
            StopWatch.stop(name)
    table = io.StringIO()
    with contextlib.redirect_stdout(table):
        StopWatch.benchmark(
            sysinfo=False, user="", node="", attributes=["timer", "status", "time", "sum", "start"]
        )
    write_text(folder.timers, table.getvalue().strip() + "\n")
