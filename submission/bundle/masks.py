"""Pack the masks of a bundle's runs into a separate archive, as images with one bit per pixel.

The archive is next to the bundle, whose bundle.json states its sha256. ``<n>/<scene>.png`` is the mask of
a scene in run n; cloud is white. Anyone who has the scenes can recount the pixels without our programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.core.errors import SubmissionError
from benchmark.record.masks import read_mask
from submission.bundle.archive import write_archive
from submission.runs.runs import RunSet


def write_masks(runs: RunSet, folder: Path, archive: Path, *, time: int) -> str:
    """Write the masks of all runs below ``folder``, pack it as ``archive``, and return the archive's sha256.

    Raises SubmissionError if a run has no mask of a scene.
    """
    for number, run in enumerate(runs.runs, start=1):
        (folder / str(number)).mkdir(parents=True)
        for event in run.log.sound("scene_accuracy"):
            scene = str(event.metadata["scene"])
            try:
                mask = read_mask(run.folder.mask(scene))
            except OSError as error:
                raise SubmissionError(
                    run.folder.mask(scene),
                    found=f"no mask ({error})",
                    expected="the mask of every scene that the run was scored on",
                    remedy="package without --masks, or make the run again",
                ) from None
            write_picture(folder / str(number) / f"{scene}.png", mask)
    return write_archive(folder, archive, name=archive.name.removesuffix(".tar.gz"), time=time)


def write_picture(path: Path, mask: NDArray[np.uint8]) -> None:
    """Write a mask [R, C] of 0 and 1 as a PNG with one bit per pixel."""
    Image.fromarray(mask.astype(bool)).save(path, "PNG", optimize=True)
    path.chmod(0o644)


def read_picture(path: Path, shape: Sequence[int]) -> NDArray[np.uint8]:
    """Read a mask, uint8 [R, C], from a PNG. Raises SubmissionError for any other image."""
    rows, columns = shape
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if (image.mode, image.size) == ("1", (columns, rows)):
                return np.asarray(image).astype(np.uint8)
            found = f"mode {image.mode}, {image.height} x {image.width} pixels"
    except FileNotFoundError:
        found = "not there"
    except (OSError, ValueError, SyntaxError) as error:  # raised by Pillow for a damaged file
        found = " ".join(str(error).split())[:200]
    raise SubmissionError(
        path.name,
        found=found,
        expected=f"a PNG of one bit a pixel, {rows} x {columns}",
        remedy="ask the submitter for the masks again",
    )
