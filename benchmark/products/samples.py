"""Find what was measured within each 1 km pixel: a product's 500 m samples by their true positions.

The samples of the instrument's curved scan are moved to the cells of a regular grid: they come from up to
half a cell away, some cells get a copy of a neighbour (cosmetic), and some samples find no cell (orphans).
Position files say where each sample was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.products.bands import (
    REFLECTIVE,
    SunAngles,
    radiance_file,
    read_irradiance,
    read_radiance,
    read_sun,
    true_cosine,
)
from benchmark.products.flags import COSMETIC, UNFILLED
from benchmark.products.gridding import block_mean
from benchmark.products.product import Product
from benchmark.products.variables import Grid, check_same_product, read_grid, read_raw, read_values

#: Half the width of a 1 km pixel, in metres.
HALF_PIXEL = 500.0


class Positions(NamedTuple):
    """Metres across and along the track, [R, C], and the grid that they belong to.

    For a 500 m grid also those of its orphans, [R, n].
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    grid: Grid
    orphan_x: NDArray[np.float64]
    orphan_y: NDArray[np.float64]


class Footprint(NamedTuple):
    """Samples and the pixels that contain them, one sample per pixel.

    pixels: index into the 1 km grid; samples: index into the samples; inside: whether the sample is in the
    pixel and was measured, in the shape that the two indices give.
    """

    pixels: tuple
    samples: tuple
    inside: NDArray[np.bool_]


class Stripe(NamedTuple):
    """Values common to the bands of a stripe, for the samples in the grid and for the orphans."""

    footprints: list[Footprint]
    orphan_footprints: list[Footprint]
    detector: NDArray
    orphan_detector: NDArray
    cosine: NDArray[np.float64]
    orphan_cosine: NDArray[np.float64]


def grid_by_position(
    product: Product, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return reflectance float64 and radiance float32 [R, C, 6] from the samples within each 1 km pixel.

    Uses both stripes if there are two, and orphans; each sample with the irradiance of its detector and the
    sun's angle at its place; cosmetic samples are left out. A pixel without measurements gets the mean of the
    four samples at its place in the grid. Without sun, reflectance is 0. Raises ProductError.
    """
    fine, sun = (2 * shape[0], 2 * shape[1]), read_sun(product, shape[0])
    pixels = _read_positions(product, "i", shape)
    sums, instead = np.zeros((2, 6, *shape)), np.zeros((2, 6, *shape))
    counts = np.zeros((2, 6, *shape), np.uint16)
    for letter, bands in (("a", REFLECTIVE), ("b", REFLECTIVE[3:])):
        if letter == "b" and any(radiance_file(band, letter) not in product for band in bands):
            continue
        stripe = _read_stripe(product, letter, fine, pixels, sun)
        for band in bands:
            radiance, orphans, _ = read_radiance(product, band, letter, fine, orphans=True)
            irradiance = read_irradiance(product, band, letter)
            reflectance = np.pi * radiance / (_of_detectors(irradiance, stripe.detector) * stripe.cosine)
            of_orphans = _of_detectors(irradiance, stripe.orphan_detector) * stripe.orphan_cosine
            both = (reflectance, np.pi * orphans / of_orphans), (radiance, orphans)
            for kind, (values, orphan_values) in enumerate(both):
                place = kind, REFLECTIVE.index(band)
                _add(sums[place], counts[place], values, stripe.footprints)
                _add(sums[place], counts[place], orphan_values, stripe.orphan_footprints)
                if letter == "a":
                    instead[place] = block_mean(values)
    refs, rads = np.moveaxis(np.where(counts > 0, sums / np.maximum(counts, 1), instead), 1, -1)
    return refs, rads.astype(np.float32)


def _read_stripe(
    product: Product, letter: str, fine: tuple[int, int], pixels: Positions, sun: SunAngles
) -> Stripe:
    positions = _read_positions(product, letter, fine)
    with product.open(name := f"flags_{letter}n.nc") as file:
        check_same_product(product, file, name)
        confidence = read_raw(file, product.where(name), f"confidence_{letter}n", fine)
    with product.open(name := f"indices_{letter}n.nc") as file:
        check_same_product(product, file, name)
        detector = read_raw(file, product.where(name), f"detector_{letter}n", fine)
        orphan_detector = read_raw(
            file, product.where(name), f"detector_orphan_{letter}n", positions.orphan_x.shape
        )
    cosine = true_cosine(sun, fine, positions.grid)
    # an orphan has its row in the grid, and its column follows from its position
    column = positions.grid.track_offset - positions.orphan_x / positions.grid.across
    nearest = np.clip(np.rint(np.nan_to_num(column)), 0, fine[1] - 1).astype(int)
    return Stripe(
        list(_footprints(pixels, positions, confidence & (UNFILLED | COSMETIC) == 0)),
        list(_orphan_footprints(pixels, positions)),
        detector,
        orphan_detector,
        cosine,
        np.take_along_axis(cosine, nearest, axis=1),
    )


def _read_positions(product: Product, letter: str, shape: tuple[int, int]) -> Positions:
    """Read the positions of a grid: i, a or b."""
    with product.open(name := f"cartesian_{letter}n.nc") as file:
        check_same_product(product, file, name)
        where = product.where(name)
        x, y = (read_values(file, where, f"{axis}_{letter}n", shape) for axis in "xy")
        orphans = [np.empty((0, 0))] * 2
        if letter != "i":
            size = (shape[0], None)
            orphans = [read_values(file, where, f"{axis}_orphan_{letter}n", size) for axis in "xy"]
        return Positions(x, y, read_grid(file, where), *orphans)


def _footprints(pixels: Positions, samples: Positions, measured: NDArray[np.bool_]) -> Iterator[Footprint]:
    """Yield the samples in the grid: a sample near its cell is among the 6 x 6 around its pixel."""
    for down in range(-2, 4):
        rows, sample_rows = _overlap(pixels.x.shape[0], down)
        for right in range(-2, 4):
            columns, sample_columns = _overlap(pixels.x.shape[1], right)
            of_pixels, of_samples = (rows, columns), (sample_rows, sample_columns)
            inside = measured[of_samples] & _is_inside(
                samples.x[of_samples] - pixels.x[of_pixels], samples.y[of_samples] - pixels.y[of_pixels]
            )
            yield Footprint(of_pixels, of_samples, inside)


def _orphan_footprints(pixels: Positions, samples: Positions) -> Iterator[Footprint]:
    """Yield the orphans with the 3 x 3 pixels around the place of each."""
    grid, (last_row, last_column) = pixels.grid, np.array(pixels.x.shape) - 1
    known = np.nonzero(np.isfinite(samples.orphan_x) & np.isfinite(samples.orphan_y))
    x, y = samples.orphan_x[known], samples.orphan_y[known]
    row, column = known[0] // 2, np.rint(grid.track_offset - x / grid.across).astype(int)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            exists = (row + down >= 0) & (row + down <= last_row)
            exists &= (column + right >= 0) & (column + right <= last_column)
            of_pixels = (row[exists] + down, column[exists] + right)
            inside = _is_inside(x[exists] - pixels.x[of_pixels], y[exists] - pixels.y[of_pixels])
            yield Footprint(of_pixels, tuple(index[exists] for index in known), inside)


def _is_inside(across: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether samples at these metres from a pixel's centre are in it; false where either is NaN."""
    return (np.abs(across) <= HALF_PIXEL) & (np.abs(along) <= HALF_PIXEL)


def _add(
    total: NDArray[np.float64],
    count: NDArray[np.uint16],
    values: NDArray[np.float64],
    footprints: list[Footprint],
) -> None:
    """Add the samples that are inside and not NaN to sums and counts [R, C]."""
    for pixels, samples, inside in footprints:
        sample = values[samples]
        taken = inside & np.isfinite(sample)
        if isinstance(pixels[0], slice):
            total[pixels] += np.where(taken, sample, 0)
            count[pixels] += taken
        else:  # a pixel can have several orphans
            np.add.at(total, pixels, np.where(taken, sample, 0))
            np.add.at(count, pixels, taken)


def _overlap(size: int, offset: int) -> tuple[slice, slice]:
    """Return the pixels i with 2 i + offset on the finer grid of twice the size, and those positions."""
    first = max(0, -(offset // 2)) if offset < 0 else 0
    last = min(size, (2 * size - 1 - offset) // 2 + 1)
    return slice(first, last), slice(2 * first + offset, 2 * (last - 1) + offset + 1, 2)


def _of_detectors(irradiance: NDArray[np.float64], detector: NDArray) -> NDArray[np.float64]:
    """Return the irradiance of each sample's detector, NaN if it has none.

    The detectors of stripe b may be numbered on from those of stripe a, as in viscal.nc, or from 0.
    """
    by_number = np.full(256, np.nan)
    by_number[: 2 * len(irradiance)] = np.tile(irradiance, 2)[:256]
    return by_number[np.clip(detector, 0, 255)]
