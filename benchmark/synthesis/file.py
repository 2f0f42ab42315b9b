"""The file of one synthetic scene: its name, its HDF5 content, and how to write it completely.

The format is that of the SLSTR dataset (docs/dataset.md), with the extra dataset ``truth``.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from benchmark.core.files import write_aside
from benchmark.synthesis.scene import GENERATOR_VERSION, SyntheticScene

#: Index of the first inference scene, so high that a training set of any size never reaches it.
FIRST_INFERENCE_INDEX = 1_000_000
NOT_OBSERVATIONS = (
    "Simulated by `python -m benchmark.synthesis` of the CloudMask benchmark. "
    "These are not SLSTR observations: no radiometer saw this scene."
)


def scene_name(index: int) -> str:
    """Return a scene's file name: that of an SLSTR level-1 product from the fictitious centre SYN.

    Eight neighbouring three-minute granules a day, from 10:00 UTC (day) and 21:30 UTC (night).
    """
    pair = index // 2
    split, number = divmod(pair, FIRST_INFERENCE_INDEX // 2)
    start = datetime(2019 + split, 10, 1, 10 if index % 2 == 0 else 21, 0 if index % 2 == 0 else 30)
    start += timedelta(days=number // 8, minutes=3 * (number % 8))
    stop, creation = start + timedelta(minutes=3), start + timedelta(hours=28)
    orbit, frame = 1 + number // 8 % 385, 180 * (1 + number % 8) + (0 if index % 2 == 0 else 3600)
    times = "_".join(time.strftime("%Y%m%dT%H%M%S") for time in (start, stop, creation))
    return f"S3A_SL_1_RBT____{times}_0179_050_{orbit:03d}_{frame:04d}_SYN_O_NT_003.hdf"


def scene_path(split_folder: Path, index: int) -> Path:
    """Return the path of a scene below ``training`` or ``inference``."""
    return split_folder / ("day" if index % 2 == 0 else "night") / scene_name(index)


def scene_image(scene: SyntheticScene) -> bytes:
    """Return the HDF5 file of a scene as bytes: refs, bts, bayes and truth, contiguous.

    At night refs are declared with fill value 0 and take no space.
    """
    import h5py  # late: --help does not need it

    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        for name in ("refs", "bts", "bayes", "truth"):
            values = getattr(scene, name)
            dataset = file.create_dataset(name, values.shape, values.dtype, fillvalue=0)
            if scene.day or name != "refs":
                dataset[...] = values
        attributes = {
            "synthetic": np.True_,
            "notice": NOT_OBSERVATIONS,
            "polarity": scene.polarity,
            "generator_version": GENERATOR_VERSION,
            "seed": scene.seed,
            "index": scene.index,
            "day": np.bool_(scene.day),
            "surface": scene.surface,
            "layers": scene.layers,
        }
        for name, value in attributes.items():
            file.attrs[name] = value
    return image.getvalue()


def write_scene(path: Path, scene: SyntheticScene) -> bytes:
    """Write a scene's file, complete or not at all, and return its bytes. Raises OSError.

    The file is built in memory first, so that a full disk fails a plain write and not the HDF5 library.
    """
    image = scene_image(scene)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(path) as part:
        part.write_bytes(image)
    return image
