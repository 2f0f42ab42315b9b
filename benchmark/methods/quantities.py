"""What methods without a network look at in a scene: reflectance, temperature, texture, a warm reference."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from benchmark.methods.interface import Example
from benchmark.scenes.scene import REFLECTANCE_OFFSET, REFLECTANCES, TEMPERATURE_OFFSET, TEMPERATURE_SCALE

#: Rows and columns, and percentile, of the warm reference.
BLOCK, WARM_PERCENTILE = 300, 97
#: Colder is no measurement [K]: fill is 0 K.
COLDEST = 100.0
#: As Fmask: reflectances that are not positive count as this.
DARKEST = 1e-5


def physical(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Normalised inputs [R, C, 9] -> reflectances [R, C, 6] and temperatures [R, C, 3] in kelvin."""
    refs = inputs[..., :REFLECTANCES] + np.float32(REFLECTANCE_OFFSET)
    bts = inputs[..., REFLECTANCES:] * np.float32(TEMPERATURE_SCALE) + np.float32(TEMPERATURE_OFFSET)
    return refs, bts


def is_measured(bts: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where temperatures [R, C, 3] were measured: they are fill where 0 K, or exactly what replaces NaN."""
    replaced = (bts == TEMPERATURE_OFFSET).all(axis=-1)
    return (bts[..., 1:] > COLDEST).all(axis=-1) & ~replaced


def sampled_periods(
    image: Example, refs: NDArray[np.float32], measured: NDArray[np.bool_], pixels: int
) -> dict[str, NDArray[np.bool_]]:
    """Of an image, about ``pixels`` on a regular grid to fit on: bool [R, C] for day and night."""
    step = max(1, math.isqrt(measured.size // pixels))
    grid = np.zeros(measured.shape, bool)
    grid[::step, ::step] = True
    grid &= measured & image.inside
    day = (refs > 0).any(axis=-1)
    return {"day": grid & day, "night": grid & ~day}


def local_deviation(values: NDArray[np.float32], measured: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Standard deviation over the measured ones of 3 x 3 pixels, [R, C]; 0 where there are none."""
    centred = np.where(measured, values - np.float64(TEMPERATURE_OFFSET), 0)
    count = np.maximum(box_sum(measured.astype(np.float64)), 1)
    mean = box_sum(centred) / count
    variance = box_sum(centred * centred) / count - mean * mean
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)


def box_sum(values: NDArray) -> NDArray:
    """Sums over 3 x 3 pixels, [R, C]; beyond the edges there is nothing."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def warm_reference(temperature: NDArray[np.float32], measured: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What clear ground nearby may read: the 97th percentile of each block of about 300 x 300 pixels.

    [R, C] in kelvin, constant within a block; where a block holds no measurement, the temperature itself.
    """
    reference = temperature.copy()
    for rows in _blocks(temperature.shape[0]):
        for columns in _blocks(temperature.shape[1]):
            values = temperature[rows, columns][measured[rows, columns]]
            if values.size:
                reference[rows, columns] = np.percentile(values, WARM_PERCENTILE)
    return reference


def _blocks(size: int) -> list[slice]:
    """A side in equal parts, of BLOCK pixels where it divides."""
    edges = np.linspace(0, size, max(1, round(size / BLOCK)) + 1).astype(int)
    return [slice(first, last) for first, last in itertools.pairwise(edges)]
