"""Format a measurement as its median and range."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from benchmark.core.display import Display

#: Measurements of a figure.
ROUNDS = 5


def row(display: Display, name: str, values: Sequence[float], unit: str, note: str = "") -> float:
    """Print median, lowest and highest; returns the median."""
    middle = statistics.median(values)
    digits = max(0, 2 - len(str(int(middle))) + 1)
    spread = f"({min(values):.{digits}f} to {max(values):.{digits}f})"
    display.say(f"{name:28} {middle:10.{digits}f} {unit:10} {spread:20} {note}")
    return middle


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratio(display: Display, ours: Sequence[float], theirs: Sequence[float], note: str) -> None:
    """Print how often ours fits into theirs, pair by pair."""
    row(display, "  to the reference's rate", [t / o for o, t in zip(ours, theirs, strict=True)], "", note)
