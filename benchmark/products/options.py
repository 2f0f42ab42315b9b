"""The options of both commands that read products."""

from __future__ import annotations

import argparse

from benchmark.products.reading import GRIDDINGS


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The options that say how products are read."""
    parser.add_argument(
        "--gridding",
        choices=GRIDDINGS,
        default=GRIDDINGS[0],
        help="how S1 to S6 come to the 1 km grid: as in the dataset, on which models have learned, or by "
        "each sample's position, detector and sun angle (default: %(default)s)",
    )
    parser.add_argument(
        "--thermal-only",
        action="store_true",
        help="leave S1 to S6 out, also by day: reflectances are 0, as at night",
    )
