"""Read a product as the arrays of a scene: S1 to S6 on the 1 km grid by one of two griddings, S7-S9."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.products.bands import (
    REFLECTIVE,
    makers_cosine,
    radiance_file,
    read_flags,
    read_irradiance,
    read_radiance,
    read_sun,
    read_thermal,
)
from benchmark.products.flags import Flags
from benchmark.products.gridding import halve
from benchmark.products.product import Product, ProductError
from benchmark.products.samples import grid_by_position

#: dataset: as the makers of the dataset did, whose scenes models are trained on. geometric: with each pixel's
#: own sun angle, detector and position.
GRIDDINGS = ("dataset", "geometric")


class Measured(NamedTuple):
    """The measurements of a product, on its 1 km grid of R x C pixels.

    refs: float64 [R, C, 6], reflectance of S1 to S6, 0 if missing. rads: float32 [R, C, 6], their radiance,
    mW m-2 sr-1 nm-1. bts: float32 [R, C, 3], S7 to S9 in kelvin, 0 if missing. thermal_only: whether
    reflectances were left out although it was day.
    """

    refs: NDArray[np.float64]
    rads: NDArray[np.float32]
    bts: NDArray[np.float32]
    flags: Flags
    thermal_only: bool


def read_measured(product: Product, gridding: str, *, thermal_only: bool = False) -> Measured:
    """Read all bands and flags of a product. Raises ProductError.

    ``thermal_only`` leaves S1 to S6 out: reflectances are 0, as at night in the dataset. The same happens
    without it if no pixel is day or twilight and the product has no radiances.
    """
    bts = np.nan_to_num(read_thermal(product), nan=0.0).astype(np.float32)
    shape = bts.shape[:2]
    flags = read_flags(product, shape)
    missing = [file for band in REFLECTIVE if (file := radiance_file(band, "a")) not in product]
    if missing and flags.has_day and not thermal_only:
        raise ProductError(
            product.path,
            found=f"a scene by day without {', '.join(missing)}",
            expected="the radiances of S1 to S6",
            remedy="download the complete product, or pass --thermal-only: reflectances are 0, as at night",
        )
    if thermal_only or missing:
        refs, rads = np.zeros((*shape, 6)), np.zeros((*shape, 6), np.float32)
    else:
        grid = _as_makers if gridding == "dataset" else grid_by_position
        refs, rads = grid(product, shape)
    return Measured(refs, rads, bts, flags, thermal_only and flags.has_day)


def _as_makers(product: Product, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return reflectance and radiance as in the dataset: stripe a, detector 0, NaN as 0, halved."""
    fine = (2 * shape[0], 2 * shape[1])
    sun = read_sun(product, shape[0])
    refs, rads = np.empty((*shape, 6)), np.empty((*shape, 6), np.float32)
    for channel, band in enumerate(REFLECTIVE):
        radiance = read_radiance(product, band, "a", fine)
        factor = np.pi / (read_irradiance(product, band, "a")[0] * makers_cosine(sun, fine, radiance.grid))
        values = np.nan_to_num(radiance.values, nan=0.0)
        rads[..., channel] = halve(values)
        refs[..., channel] = halve(values * factor)
    return refs, rads
