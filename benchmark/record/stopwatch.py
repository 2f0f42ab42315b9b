"""Write the table of the cloudmesh StopWatch: a timer for each kind of interval in a run's log.

The timers use the log's own times, so that a resumed run has the same figures as its events.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from cloudmesh.common.StopWatch import StopWatch

from benchmark.core.files import write_text

#: Names of the timers, by the interval in the log.
_NAMES = {"init": "load", "run": "total", "epoch": "training", "eval": "evaluation"}


def write_timers(path: Path, intervals: Mapping[str, Sequence[tuple[int, int | None]]], now_ms: int) -> None:
    """Write the table and its CSV lines, without user and host.

    ``intervals``: by name, start and stop of each use in milliseconds since 1970; an open one (None) ends at
    ``now_ms``. A timer shows its last use and the sum of all.
    """
    StopWatch.clear()
    for interval, uses in intervals.items():
        name = _NAMES.get(interval, interval)
        StopWatch.start(name)
        StopWatch.stop(name)
        closed = [(start, now_ms if stop is None else stop) for start, stop in uses]
        StopWatch.timer_start[name], StopWatch.timer_end[name] = (ms / 1000 for ms in closed[-1])
        StopWatch.timer_sum[name] = sum(stop - start for start, stop in closed) / 1000
    table = io.StringIO()
    with contextlib.redirect_stdout(table):
        StopWatch.benchmark(
            sysinfo=False, user="", node="", attributes=["timer", "status", "time", "sum", "start"]
        )
    write_text(path, table.getvalue().strip() + "\n")
