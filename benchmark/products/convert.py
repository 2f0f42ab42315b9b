"""Write a product as a scene file in the dataset's format (docs/dataset.md, docs/products.md)."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmark.core.files import write_aside
from benchmark.core.hdf5 import open_hdf5
from benchmark.products.flags import BAYES_BITS, SUMMARY_CLOUD, flagged
from benchmark.products.product import Product, ProductError
from benchmark.products.reading import Measured, read_measured

#: Folders of the dataset.
DAY, NIGHT = "day", "night"


def convert(product: Product, output: Path, gridding: str, *, thermal_only: bool = False) -> Path:
    """Write a product's scene below ``output`` and return its path: day/NAME.hdf or night/NAME.hdf.

    The scene goes to ``day`` if every pixel is day, else to ``night``, as do twilight scenes and scenes
    without reflectances. The file is complete or absent. Raises ProductError and OSError.
    """
    measured = read_measured(product, gridding, thermal_only=thermal_only)
    is_day = measured.flags.is_day and not measured.thermal_only
    path = scene_path(output, product.name, DAY if is_day else NIGHT)
    attributes = {"product": product.name, "gridding": gridding, "thermal_only": measured.thermal_only}
    path.parent.mkdir(parents=True, exist_ok=True)
    # built in memory first, so that a full disk fails a plain write and not the HDF5 library
    image = scene_image(measured, attributes)
    with write_aside(path) as part:
        part.write_bytes(image)
    return path


def scene_path(output: Path, name: str, period: str) -> Path:
    """Return the path of a product's scene below a folder of scenes."""
    return output / period / f"{name}.hdf"


def existing(output: Path, name: str, gridding: str) -> Path | None:
    """Return the existing scene of a product, or None. Raises ProductError for one of another gridding."""
    for period in (DAY, NIGHT):
        path = scene_path(output, name, period)
        if not path.exists():
            continue
        try:
            with open_hdf5(path) as file:
                found = file.attrs.get("gridding")
        except OSError as error:
            found = f"a file that HDF5 cannot open ({error})"
        if found == gridding:
            return path
        raise ProductError(
            path,
            found=f"a scene of gridding {found}",
            expected=f"none, or one of gridding {gridding}",
            remedy="choose another folder with --output, or remove the file",
        )
    return None


def scene_image(measured: Measured, attributes: dict[str, object]) -> bytes:
    """Return the HDF5 file of a scene, with the names, shapes, types and values of the makers' files.

    In addition it has ``bayes_bits`` uint8 [R, C, 1], the bits of the product's `bayes_in`, and attributes
    that state its origin.
    """
    flags = measured.flags
    datasets: dict[str, NDArray] = {
        "bts": measured.bts,
        "rads": measured.rads,
        "refs": measured.refs,
        "bayes": flagged(flags.bayes, sum(BAYES_BITS.values())),
        "summary": flagged(flags.confidence, SUMMARY_CLOUD),
        "bayes_bits": flags.bayes[..., np.newaxis],
    }
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        for name, values in datasets.items():
            _create(file, name, values)
        for name, value in attributes.items():
            file.attrs[name] = value
    return image.getvalue()


def _create(file: h5py.File, name: str, values: NDArray) -> None:
    """Create a dataset, which takes no space if it is 0 throughout."""
    dataset = file.create_dataset(name, values.shape, values.dtype, fillvalue=0)
    if values.any():
        dataset[...] = values
