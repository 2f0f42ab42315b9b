"""Scene quantities for methods without a network: reflectance, temperature, texture, a warm reference."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from benchmark.methods.interface import Example
from benchmark.scenes.scene import REFLECTANCE_OFFSET, REFLECTANCES, TEMPERATURE_OFFSET, TEMPERATURE_SCALE

#: Block size (rows and columns) and percentile of the warm reference.
BLOCK, WARM_PERCENTILE = 300, 97
#: A colder value is not a measurement [K]: fill is 0 K.
COLDEST = 100.0
#: Reflectances that are not positive count as this, as in Fmask.
DARKEST = 1e-5


def physical(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Convert normalised inputs [R, C, 9] to reflectances [R, C, 6] and temperatures [R, C, 3] in kelvin."""
    refs = inputs[..., :REFLECTANCES] + np.float32(REFLECTANCE_OFFSET)
    bts = inputs[..., REFLECTANCES:] * np.float32(TEMPERATURE_SCALE) + np.float32(TEMPERATURE_OFFSET)
    return refs, bts


def is_measured(bts: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where temperatures [R, C, 3] were measured: fill is 0 K, or exactly what replaces NaN."""
    replaced = (bts == TEMPERATURE_OFFSET).all(axis=-1)
    return (bts[..., 1:] > COLDEST).all(axis=-1) & ~replaced


def sampled_periods(
    image: Example, refs: NDArray[np.float32], measured: NDArray[np.bool_], pixels: int
) -> dict[str, NDArray[np.bool_]]:
    """Choose about ``pixels`` of an image to fit on, on a regular grid: bool [R, C] for day and night."""
    step = max(1, math.isqrt(measured.size // pixels))
    grid = np.zeros(measured.shape, bool)
    grid[::step, ::step] = True
    grid &= measured & image.inside
    day = (refs > 0).any(axis=-1)
    return {"day": grid & day, "night": grid & ~day}


def local_deviation(values: NDArray[np.float32], measured: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the standard deviation of the measured pixels among 3 x 3, [R, C]; 0 where there are none."""
    centred = np.where(measured, values - np.float64(TEMPERATURE_OFFSET), 0)
    count = np.maximum(box_sum(measured.astype(np.float64)), 1)
    mean = box_sum(centred) / count
    variance = box_sum(centred * centred) / count - mean * mean
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)


def box_sum(values: NDArray) -> NDArray:
    """Return sums over 3 x 3 pixels, [R, C]; pixels beyond the edges count as 0."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def warm_reference(temperature: NDArray[np.float32], measured: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Estimate clear ground nearby: the 97th percentile of each block of about 300 x 300 pixels.

    [R, C] in kelvin, constant within a block; in a block without measurements, the temperature itself.
    """
    reference = temperature.copy()
    for rows in _blocks(temperature.shape[0]):
        for columns in _blocks(temperature.shape[1]):
            values = temperature[rows, columns][measured[rows, columns]]
            if values.size:
                reference[rows, columns] = np.percentile(values, WARM_PERCENTILE)
    return reference


def _blocks(size: int) -> list[slice]:
    """Divide a side into equal parts, of BLOCK pixels if it is divisible."""
    edges = np.linspace(0, size, max(1, round(size / BLOCK)) + 1).astype(int)
    return [slice(first, last) for first, last in itertools.pairwise(edges)]
