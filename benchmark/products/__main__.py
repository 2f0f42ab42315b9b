"""Turn Sentinel-3 SLSTR level-1 products into scenes in the dataset's format, to train on and to score.

    python -m benchmark.products S3A_SL_1_RBT____*.SEN3 --output data/mine/training
    python -m benchmark.products archive/*.zip --output data/mine/inference
    python -m benchmark.run --data data/mine --seed 1

docs/products.md says what is read, how S1 to S6 are gridded, and what the label is.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError, memory_as_error, os_failure
from benchmark.core.escaping import tell
from benchmark.products.command import add_reading, report, work_through
from benchmark.products.convert import convert, existing
from benchmark.products.product import ProductError, open_product

MORE_MEMORY = "give it more memory: a product takes 0.5 GB, by geometric gridding 1.2 GB"


def build_parser() -> argparse.ArgumentParser:
    """Build the command-line parser."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.products",
        description="Turn Sentinel-3 SLSTR level-1 products into scenes of the dataset's form.",
        epilog="Exit status: 0 done, 1 a product failed (the message says why), 2 wrong usage.",
    )
    add = parser.add_argument
    add("products", nargs="+", type=Path, metavar="PRODUCT", help="a .SEN3 folder, or the zip of one")
    add("--output", type=Path, required=True, metavar="DIR", help="folder for day/ and night/ scenes")
    add_reading(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        with memory_as_error(MORE_MEMORY):
            failures = work_through(
                Display(), "products", options.products, lambda path: _scene_of(path, options)
            )
    except CloudMaskError as error:
        tell(f"error: {error}", error=True)
        return 1
    except KeyboardInterrupt:
        tell("\ninterrupted; finished scenes are kept, the same command continues", error=True)
        return 130
    return report(failures)


def _scene_of(path: Path, options: argparse.Namespace) -> str:
    """Make the scene of a product unless it exists; return a line about it. Raises CloudMaskError."""
    started = time.monotonic()
    with open_product(path) as product:
        if there := existing(options.output, product.name, options.gridding):
            return f"{there}: already there"
        try:
            made = convert(product, options.output, options.gridding, thermal_only=options.thermal_only)
        except OSError as error:
            expected, remedy = (
                "a folder with room for 200 MB a scene",
                "free space, or choose another --output",
            )
            raise os_failure(ProductError, error, options.output, expected=expected, remedy=remedy) from None
    return f"{made}: {time.monotonic() - started:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
