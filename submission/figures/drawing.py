"""Draw in a second process: it imports the drawing packages (as slow as drawing) while this one checks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmark.core.processes import meanwhile
from submission.runs.runs import RunSet

#: Draws the figures that need only the runs' logs into a folder, while a block runs.
Draw = Callable[[RunSet, Path], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def drawing() -> Iterator[Draw]:
    """Start a process that prepares to draw, once. Enter this before anything slow."""
    with meanwhile(_import) as during:
        yield lambda runs, folder: during(partial(_draw, runs, folder))


def _import() -> None:
    import submission.figures.from_logs  # noqa: F401


def _draw(runs: RunSet, folder: Path) -> None:
    # late: only that process needs the drawing packages
    from submission.figures.from_logs import draw_from_logs

    draw_from_logs(runs, folder)
