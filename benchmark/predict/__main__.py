"""Make cloud masks of Sentinel-3 SLSTR products, or of scenes in the dataset's format, with a finished run.

    python -m benchmark.predict S3A_SL_1_RBT____….SEN3 --run logs/quickstart-seed-1
    python -m benchmark.predict archive/*.zip --run logs/reference-seed-1 --output masks --quicklook

docs/products.md says what is read and what the mask file holds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmark.core.display import Display, native_messages_to
from benchmark.core.errors import CloudMaskError, RunError, memory_as_error, os_failure
from benchmark.core.escaping import tell
from benchmark.predict.inputs import Predictable, read
from benchmark.predict.mask_file import write_mask_file
from benchmark.predict.model import Model, load_model
from benchmark.predict.quicklook import write_quicklook
from benchmark.products.command import add_reading, report, work_through

#: Ending of a mask's file name, so that it can be stored among the files of its product.
ENDING = "_cloudmask_in.nc"


def build_parser() -> argparse.ArgumentParser:
    """Build the command-line parser."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.predict",
        description="Make cloud masks of Sentinel-3 SLSTR products, or of scenes of the dataset's form.",
        epilog="Exit status: 0 done, 1 a product or the run failed (the message says why), 2 wrong usage.",
    )
    add = parser.add_argument
    add(
        "products",
        nargs="+",
        type=Path,
        metavar="PRODUCT",
        help="a .SEN3 folder, the zip of one, or a scene (.hdf) of the dataset's form",
    )
    add("--run", type=Path, required=True, metavar="DIR", help="folder of the finished run that predicts")
    add("--output", type=Path, metavar="DIR", help="folder for the masks (default: that of each product)")
    add("--whole", action="store_true", help="predict a scene in one piece, not in tiles as runs are scored")
    add("--quicklook", action="store_true", help="write a picture (PNG) next to each mask")
    add("--quiet", action="store_true", help="print errors only")
    add_reading(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = build_parser().parse_args(arguments)
    display = Display(quiet=options.quiet)
    try:
        # keep TensorFlow's messages about the machine off the terminal
        with memory_as_error(), native_messages_to(Path(os.devnull)):
            model = load_model(options.run)
            failures = work_through(
                display, "masks", options.products, lambda path: _mask_of(path, model, options)
            )
    except CloudMaskError as error:
        tell(f"error: {error}", error=True)
        return 1
    except KeyboardInterrupt:
        tell("\ninterrupted; finished masks are kept", error=True)
        return 130
    return report(failures)


def _mask_of(path: Path, model: Model, options: argparse.Namespace) -> str:
    """Make the mask of a product or scene; return a line about it. Raises CloudMaskError."""
    started = time.monotonic()
    found = read(path, options.gridding, thermal_only=options.thermal_only)
    scene = found.scene
    probability = model.probability(scene, whole=options.whole)
    target = (options.output or path.parent) / f"{scene.name}{ENDING}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        attributes = provenance(found, model, whole=options.whole)
        write_mask_file(target, probability, scene.inside, found.positions, attributes)
        if options.quicklook:
            write_quicklook(target.with_suffix(".png"), scene, probability)
    except OSError as error:
        remedy = "free space, or choose another folder with --output"
        raise os_failure(
            RunError, error, target, expected="a folder that can be written", remedy=remedy
        ) from None
    cloud = float((probability[scene.inside] > 0.5).mean())
    return f"{target}: {scene.period}, cloud {cloud:.3f}, {time.monotonic() - started:.1f} s"


def provenance(found: Predictable, model: Model, *, whole: bool) -> dict[str, Any]:
    """Return the global attributes of a mask file: its source, the model, and how it was made."""
    method, now = model.method, datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "title": f"Cloud mask of {found.scene.name}",
        "source": f"Sentinel-3 SLSTR level-1 brightness temperatures and reflectances; {method.about.title}",
        "references": "; ".join(method.about.citations) or "none",
        "history": f"{now} python -m benchmark.predict",
        "product": found.scene.name,
        "run": model.name,
        "seed": model.config.seed,
        "commit": model.commit,
        "weights_sha256": model.weights_sha256,
        "method": method.name,
        "method_source": method.source,
        "precision": model.precision,
        "tiling": "one piece"
        if whole
        else f"tiles of {model.config.geometry.patch} pixels, as runs are scored",
        "gridding": found.gridding,
        "reflectances": "left out, 0 as at night" if found.thermal_only else found.scene.period,
        "trained_on": f"{model.config.data.kind} scenes",
        "synthetic": "true" if found.scene.synthetic else "false",
    }


if __name__ == "__main__":
    sys.exit(main())
