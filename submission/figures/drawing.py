"""The process that draws. It imports what draws, which takes as long as drawing, while this one checks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmark.core.processes import meanwhile
from submission.runs.runs import RunSet

#: Draws into a folder what needs nothing but the logs of runs, during a block.
Draw = Callable[[RunSet, Path], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def drawing() -> Iterator[Draw]:
    """A process that gets ready to draw. To be entered before anything slow; it draws once."""
    with meanwhile(_import) as during:
        yield lambda runs, folder: during(partial(_draw, runs, folder))


def _import() -> None:
    import submission.figures.from_logs  # noqa: F401


def _draw(runs: RunSet, folder: Path) -> None:
    # late: the packages that draw are needed in that process only
    from submission.figures.from_logs import draw_from_logs

    draw_from_logs(runs, folder)
