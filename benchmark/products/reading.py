"""A product as the arrays of a scene: S1 to S6 on the 1 km grid in one of two griddings, S7 to S9, flags."""

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
    true_cosine,
)
from benchmark.products.flags import COSMETIC, UNFILLED, Flags
from benchmark.products.gridding import add_samples, block_mean, footprints, halve
from benchmark.products.product import Product, ProductError
from benchmark.products.variables import check_same_product, read_raw, read_values

#: dataset: as the makers of the data set did it, on whose scenes models have learned. geometric: with each
#: pixel's own sun angle, detector and position.
GRIDDINGS = ("dataset", "geometric")


class Measured(NamedTuple):
    """What a product measured, on its 1 km grid of R x C pixels.

    refs: float64 [R, C, 6], reflectance of S1 to S6, 0 where there is none. rads: float32 [R, C, 6], their
    radiance, mW m-2 sr-1 nm-1. bts: float32 [R, C, 3], S7 to S9 in kelvin, 0 where there are none.
    thermal_only: whether reflectances were left out although it was day.
    """

    refs: NDArray[np.float64]
    rads: NDArray[np.float32]
    bts: NDArray[np.float32]
    flags: Flags
    thermal_only: bool


def read_measured(product: Product, gridding: str, *, thermal_only: bool = False) -> Measured:
    """All bands and flags of a product. Raises ProductError.

    ``thermal_only`` leaves S1 to S6 out: reflectances are 0, as the data set has them at night. So they are
    without it where no pixel is day or twilight and the product has no radiances.
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
        grid = _as_makers if gridding == "dataset" else _by_position
        refs, rads = grid(product, shape)
    return Measured(refs, rads, bts, flags, thermal_only and flags.has_day)


def _as_makers(product: Product, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Reflectance and radiance as in the data set: stripe a, detector 0, NaN as 0, halved."""
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


def _by_position(product: Product, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Reflectance and radiance of what was measured within each 1 km pixel.

    Both stripes where there are two, each sample with the irradiance of its detector and the sun's angle at
    its place; cosmetic samples, which repeat a neighbour, and orphans are left out. A pixel in which nothing
    was measured gets the mean of the four samples in its place of the grid. Without sun reflectance is 0.
    """
    fine, sun = (2 * shape[0], 2 * shape[1]), read_sun(product, shape[0])
    x, y = _positions(product, "i", shape)
    sums, instead = np.zeros((2, 6, *shape)), np.zeros((2, 6, *shape))
    counts = np.zeros((2, 6, *shape), np.uint8)
    for stripe, bands in (("a", REFLECTIVE), ("b", REFLECTIVE[3:])):
        if stripe == "b" and any(radiance_file(band, stripe) not in product for band in bands):
            continue
        places = footprints(x, y, *_positions(product, stripe, fine), _is_measured(product, stripe, fine))
        detector = _detectors(product, stripe, fine)
        cosine = true_cosine(sun, fine, read_radiance(product, bands[0], stripe, fine).grid)
        for band in bands:
            radiance = read_radiance(product, band, stripe, fine).values
            irradiance = read_irradiance(product, band, stripe)
            reflectance = np.pi * radiance / (_of_detectors(irradiance, detector) * cosine)
            for kind, values in enumerate((reflectance, radiance)):
                place = kind, REFLECTIVE.index(band)
                add_samples(sums[place], counts[place], values, places)
                if stripe == "a":
                    instead[place] = block_mean(values)
    refs, rads = np.moveaxis(np.where(counts > 0, sums / np.maximum(counts, 1), instead), 1, -1)
    return refs, rads.astype(np.float32)


def _positions(
    product: Product, grid: str, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres across and along the track of the pixels of a grid: i, a or b."""
    name = f"cartesian_{grid}n.nc"
    with product.open(name) as file:
        check_same_product(product, file, name)
        x, y = (read_values(file, product.where(name), f"{axis}_{grid}n", shape) for axis in "xy")
    return x, y


def _is_measured(product: Product, stripe: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    name = f"flags_{stripe}n.nc"
    with product.open(name) as file:
        check_same_product(product, file, name)
        confidence = read_raw(file, product.where(name), f"confidence_{stripe}n", shape)
    return confidence & (UNFILLED | COSMETIC) == 0


def _detectors(product: Product, stripe: str, shape: tuple[int, int]) -> NDArray:
    """The number of the detector that measured each pixel; beyond the last one where none did."""
    name = f"indices_{stripe}n.nc"
    with product.open(name) as file:
        check_same_product(product, file, name)
        return read_raw(file, product.where(name), f"detector_{stripe}n", shape)


def _of_detectors(irradiance: NDArray[np.float64], detector: NDArray) -> NDArray[np.float64]:
    """The irradiance of each pixel's detector, NaN where there is none.

    Those of stripe b may be counted on from those of stripe a, as in viscal.nc, or from 0.
    """
    by_number = np.full(256, np.nan)
    by_number[: 2 * len(irradiance)] = np.tile(irradiance, 2)[:256]
    return by_number[np.clip(detector, 0, 255)]
