"""Draw curves, accuracies by scene and the timeline from the logs alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from benchmark.core.processes import forked
from submission.figures.accuracies import accuracy_by_scene
from submission.figures.catalogue import BEST_RUN, SCENES, TIMELINE, TRAINING, VALIDATION
from submission.figures.curves import all_runs, best_run
from submission.figures.style import style, write
from submission.figures.timeline import timeline
from submission.runs.runs import RunSet


def draw_from_logs(runs: RunSet, folder: Path) -> None:
    """Draw the figures that need only the logs into ``folder``, several at a time."""
    figures: dict[str, Callable[[], Figure]] = {
        TRAINING: lambda: all_runs(runs.runs, "train"),
        VALIDATION: lambda: all_runs(runs.runs, "eval"),
        BEST_RUN: lambda: best_run(runs.best),
        SCENES: lambda: accuracy_by_scene(runs.runs),
        TIMELINE: lambda: timeline(runs.best),
    }
    with style():
        for _ in forked([partial(_draw, made, folder, name) for name, made in figures.items()]):
            pass


def _draw(figure: Callable[[], Figure], folder: Path, name: str) -> None:
    write(figure(), folder, name)
