"""The cloudmesh StopWatch of a run: one timer per part, and its benchmark table beside the log."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator

from cloudmesh.common.StopWatch import StopWatch

from benchmark.run_folder import RunFolder, write_text


def reset() -> None:
    """Forget all timers of an earlier run of this process."""
    StopWatch.clear()


def total(name: str) -> float:
    """Seconds of all uses of a timer."""
    return StopWatch.sum(name, digits=3)


class Timer:
    """Seconds of one use of a timer, known when its block has ended."""

    seconds = math.nan


@contextlib.contextmanager
def timer(name: str) -> Iterator[Timer]:
    """Run the cloudmesh StopWatch ``name`` during a block; it sums over all its uses."""
    use = Timer()
    StopWatch.start(name)
    try:
        yield use
    finally:
        StopWatch.stop(name)
        use.seconds = StopWatch.get(name, digits=3)


def write_timers(folder: RunFolder) -> None:
    """The StopWatch's table and its CSV lines, without user and host."""
    table = io.StringIO()
    with contextlib.redirect_stdout(table):
        StopWatch.benchmark(
            sysinfo=False, user="", node="", attributes=["timer", "status", "time", "sum", "start"]
        )
    write_text(folder.timers, table.getvalue().strip() + "\n")
