"""Shared parts of the commands that read products: their options, and a loop over products."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError
from benchmark.core.escaping import tell
from benchmark.products.reading import GRIDDINGS


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that control how products are read."""
    parser.add_argument(
        "--gridding",
        choices=GRIDDINGS,
        default=GRIDDINGS[0],
        help="how S1 to S6 are put on the 1 km grid: as in the dataset, on which models have learned, or by "
        "each sample's position, detector and sun angle (default: %(default)s)",
    )
    parser.add_argument(
        "--thermal-only",
        action="store_true",
        help="leave S1 to S6 out, also by day: reflectances are 0, as at night",
    )


def work_through(
    display: Display, what: str, paths: Sequence[Path], work: Callable[[Path], str]
) -> list[CloudMaskError]:
    """Call ``work`` on each product and print its result; one that fails does not stop the others.

    Returns the errors, for `report`: standard error may be redirected in the meantime.
    """
    failures = []
    with display.bar(what, len(paths)) as update:
        for done, path in enumerate(paths, start=1):
            try:
                display.say(work(path))
            except CloudMaskError as error:
                display.say(f"{path}: failed")
                failures.append(error)
            update(done, "")
    return failures


def report(failures: Sequence[CloudMaskError]) -> int:
    """Print the errors of a command; return its exit status."""
    for failure in failures:
        tell(f"error: {failure}", error=True)
    return 1 if failures else 0
