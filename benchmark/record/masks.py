"""Write the predicted mask of a scene to a file, and compute its digest for the scene's event."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmark.core.files import write_aside
from benchmark.core.hdf5 import open_hdf5

POLARITY = "mask 1 = cloud, 0 = clear; probability is that of cloud"


def mask_of(probability: NDArray[np.float16]) -> NDArray[np.uint8]:
    """Return 1 where the stored probability is above one half."""
    return (probability > 0.5).astype(np.uint8)


def mask_digest(mask: NDArray[np.uint8]) -> str:
    """Return the sha256 of a mask uint8 [R, C] of 0 and 1, one bit a pixel, row by row (`numpy.packbits`)."""
    return hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return the mask that ``write_mask`` wrote: uint8 [R, C]."""
    with open_hdf5(path) as file:
        mask: NDArray[np.uint8] = file["mask"][...]
    return mask


def write_mask(
    path: Path, probability: NDArray[np.float16], mask: NDArray[np.uint8], attributes: Mapping[str, object]
) -> None:
    """Write HDF5 with ``probability`` float16 [R, C] and ``mask`` uint8 [R, C], aside and renamed."""
    with write_aside(path) as part, h5py.File(part, "w", locking=False) as file:
        for name, values in (("probability", probability), ("mask", mask)):
            file.create_dataset(name, data=values, compression="lzf", shuffle=True)
        file.attrs["polarity"] = POLARITY
        file.attrs["threshold"] = 0.5
        for name, value in attributes.items():
            file.attrs[name] = value
