"""Make, complete or check the embedded dataset, or measure how hard it is.

    python -m benchmark.synthesis --output data/synthetic --seed 21 --training 20 --inference 8
    python -m benchmark.synthesis --calibrate --seed 101

docs/synthetic-scenes.md says what the scenes are and what they are not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError, memory_as_error
from benchmark.scenes.geometry import FULL_SHAPE
from benchmark.synthesis.dataset import ensure_dataset
from benchmark.synthesis.manifest import DatasetManifest
from benchmark.synthesis.scene import SMALLEST_SIDE


def build_parser() -> argparse.ArgumentParser:
    """Build the command-line parser."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.synthesis",
        description="Make synthetic scenes in the format of the SLSTR cloud dataset. "
        "They are simulated, not observations.",
        epilog="Exit status: 0 done, 1 failed (the message says why), 2 wrong usage.",
    )
    add = parser.add_argument
    count, side = _whole_number(0), _whole_number(SMALLEST_SIDE)
    add("--output", type=Path, default=Path("data/synthetic"), help="folder of the dataset (%(default)s)")
    add("--seed", type=count, default=21, metavar="N", help="seed of all scenes (%(default)s)")
    add("--training", type=count, default=20, metavar="N", help="training scenes (%(default)s)")
    add("--inference", type=count, default=8, metavar="N", help="inference scenes (%(default)s)")
    add("--rows", type=side, default=FULL_SHAPE[0], metavar="N", help="rows of a scene (%(default)s)")
    add("--columns", type=side, default=FULL_SHAPE[1], metavar="N", help="columns of a scene (%(default)s)")
    add("--jobs", type=_whole_number(1), metavar="N", help="processes at most (default: all processors)")
    add("--verify", action="store_true", help="compare every byte of existing scenes, not only a few blocks")
    add("--replace", action="store_true", help="discard the synthetic dataset in the folder first")
    add("--calibrate", action="store_true", help="make nothing; measure what simple methods reach")
    return parser


def _whole_number(least: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of {least} or more")
        return int(text)

    return convert


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.calibrate and not (options.training and options.inference):
        parser.error("--calibrate needs scenes to fit on (--training) and to score (--inference)")
    try:
        if options.calibrate:
            from benchmark.synthesis.calibration import calibrate  # late: --help does not need h5py

            shape = (options.rows, options.columns)
            print(calibrate(options.seed, options.training, options.inference, shape))
        else:
            with memory_as_error():
                print(_make(options))
        return 0
    except CloudMaskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; finished scenes are kept, the same command continues", file=sys.stderr)
        return 130


def _make(options: argparse.Namespace) -> str:
    """Make or complete the dataset; return its summary."""
    started, made = time.monotonic(), 0
    wanted = options.training + options.inference
    with Display().bar("scenes", wanted, lines=True) as update:

        def on_progress(done: int, missing: int) -> None:
            nonlocal made
            made = done
            update(wanted - missing + done, "")

        manifest = ensure_dataset(
            options.output,
            seed=options.seed,
            training_scenes=options.training,
            inference_scenes=options.inference,
            shape=(options.rows, options.columns),
            jobs=options.jobs,
            verify=options.verify,
            replace=options.replace,
            on_progress=on_progress,
        )
    return summary(options.output, manifest, made, time.monotonic() - started)


def summary(root: Path, manifest: DatasetManifest, made: int, seconds: float) -> str:
    """Summarise the dataset in a few lines."""
    records = list(manifest.files.values())
    lines = [
        f"{root}: {manifest.training_scenes} training and {manifest.inference_scenes} inference scenes, "
        f"{sum(record.bytes for record in records) / 1e6:.0f} MB, seed {manifest.settings.seed}, "
        "synthetic (not observations)",
        f"  made now: {made} in {seconds:.1f} s; already complete: {len(records) - made}",
    ]
    for period, parity in (("day", 0), ("night", 1)):
        scenes = [record for record in records if record.index % 2 == parity]
        if scenes:
            cloud = sum(record.cloud for record in scenes) / len(scenes)
            lines.append(f"  {period:<5} {len(scenes):>3} scenes, cloud {cloud:.3f} of all pixels")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
