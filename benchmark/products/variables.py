"""Read variables of a product's NetCDF files: check that they are as expected, and decode the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmark.core.escaping import quoted
from benchmark.products.product import AGAIN, Product, ProductError

#: Most pixels of an image to read: a product's largest has 7.2 million.
MOST_PIXELS = 64_000_000


class Grid(NamedTuple):
    """An image grid of a product, from the global attributes of a file.

    resolution: metres across and along the track; track_offset: the column of the satellite's track;
    start_offset: the row within the orbit of the first row.
    """

    across: float
    along: float
    track_offset: float
    start_offset: float


def read_raw(file: h5py.File, where: str, name: str, shape: tuple[int | None, ...]) -> NDArray:
    """Read the stored numbers of a variable; None in its shape accepts any size.

    Raises ProductError: it is missing, has another shape, is not numeric, not in this file, or unreadable.
    """
    return _read(_dataset(file, where, name, shape), where, name, shape)


def read_values(file: h5py.File, where: str, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """Read the scaled values of a variable, NaN for fill. Raises ProductError as `read_raw` does."""
    dataset = _dataset(file, where, name, shape)
    return decode(_read(dataset, where, name, shape), dataset.attrs)


def decode(raw: NDArray, attributes: Mapping[str, Any]) -> NDArray[np.float64]:
    """Decode numbers packed by CF: raw * scale_factor + add_offset, NaN where raw is _FillValue."""
    values = raw.astype(np.float64)
    fill = attributes.get("_FillValue")
    values *= _number(attributes, "scale_factor", 1.0)
    values += _number(attributes, "add_offset", 0.0)
    if fill is not None:
        values[raw == np.ravel(fill)[0]] = np.nan
    return values


def read_grid(file: h5py.File, where: str) -> Grid:
    """Read the grid of a file's images. Raises ProductError."""
    text = file.attrs.get("resolution", "")
    text = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    metres = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
    offsets = [_number(file.attrs, name, np.nan) for name in ("track_offset", "start_offset")]
    if len(metres) != 2 or min(metres) <= 0 or not np.isfinite(offsets).all():
        raise ProductError(
            where,
            found=f"resolution {quoted(text)}, track_offset and start_offset {offsets}",
            expected="global attributes as resolution '[ 1000 1000 ]', track_offset 998, start_offset 20437",
            remedy=AGAIN,
        )
    return Grid(*metres, *offsets)


def check_same_product(product: Product, file: h5py.File, name: str) -> None:
    """Refuse a file that names another product as its own. Raises ProductError."""
    said = file.attrs.get("product_name")
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    if isinstance(text, str) and text.strip("\0 ").removesuffix(".SEN3") != product.name:
        raise ProductError(
            product.where(name), found=f"a file of {quoted(text)}", expected=product.name, remedy=AGAIN
        )


def _dataset(file: h5py.File, where: str, name: str, shape: tuple[int | None, ...]) -> h5py.Dataset:
    if name not in file:
        listed = ", ".join(sorted(file)[:8]) or "nothing"
        raise _unfit(where, name, f"missing; the file holds {listed}", shape)
    dataset = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise _unfit(where, name, "nothing that is stored in this file", shape)
    found = dataset.shape or ()
    same = len(found) == len(shape) and all(w in (None, f) for f, w in zip(found, shape, strict=True))
    if not same or dataset.dtype.kind not in "iuf" or dataset.size > MOST_PIXELS:
        raise _unfit(where, name, f"{dataset.dtype} of shape {list(found)}", shape)
    return dataset


def _read(dataset: h5py.Dataset, where: str, name: str, shape: tuple[int | None, ...]) -> NDArray:
    try:
        values: NDArray = dataset[...]
    except OSError as error:
        raise _unfit(where, name, f"unreadable data ({error})", shape) from None
    return values


def _unfit(where: str, name: str, found: str, shape: tuple[int | None, ...]) -> ProductError:
    sizes = " x ".join("any" if size is None else str(size) for size in shape)
    return ProductError(f"{where}: {name}", found=found, expected=f"numbers of shape {sizes}", remedy=AGAIN)


def _number(attributes: Mapping[str, Any], name: str, default: float) -> float:
    try:
        return float(np.ravel(attributes.get(name, default))[0])
    except (IndexError, TypeError, ValueError):
        return float("nan")
