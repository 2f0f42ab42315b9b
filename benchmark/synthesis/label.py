"""The label of a synthetic scene: an imitation of the operational Bayesian cloud flag. NumPy only.

The operational scheme compares observations with a clear-sky simulation from a weather forecast and turns the
departures into a probability. This imitation does the same with log-odds and an imperfect forecast: like the
real flag it misses low cloud over land at night, flags some snow, and widens edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.synthesis.radiance import Observation
from benchmark.synthesis.random_fields import Array, box_sum, random_field, row_blocks
from benchmark.synthesis.world import World

#: The bit for cloud in the nadir view (1 single_low, 2 single_moderate, 4 and 8 dual).
SINGLE_MODERATE = 2
#: Total optical depth above which ``truth`` is cloud.
TRUTH_OPTICAL_DEPTH = 0.10

#: Error of the forecast's clear-sky temperature in kelvin.
FORECAST_ERROR = 0.6
#: Spread of the clear S8 departure in kelvin; snow and ice add to it.
SPREAD_SEA, SPREAD_LAND, SPREAD_SNOW = 2.0, 3.5, 2.0
#: Weight of the night's S7-S8 departure over land, where emissivity varies.
NIGHT_LAND = 0.4
PRIOR = -3.2
TEXTURE_WEIGHT = 2.0
#: Number of successive 3 x 3 means, which widen the edges of clouds.
SMOOTHINGS = 4
#: Spread of the log-odds' smooth error and of their noise per pixel.
ERROR_FIELD = 0.5
ERROR_NOISE = 0.40


def evidence(world: World, block: slice, seen: Observation, forecast_error: Array) -> tuple[Array, Array]:
    """Return the log-odds of cloud per pixel, and the S8 texture (kelvin) of one unit: float32 [r, C].

    ``forecast_error``: float32 [r, C], unit variance.
    """
    zero = np.zeros_like(seen.tau)
    classes = {name: share[block] for name, share in world.classes.items()}
    snow = classes.get("snow", zero) + classes.get("ice", zero)
    sea = classes.get("ocean", zero) + classes.get("ice", zero)
    land = 1 - sea
    s7, s8, s9 = seen.bts
    clear = seen.clear

    z = clear.s8 + np.float32(FORECAST_ERROR) * forecast_error - s8
    z /= np.float32(SPREAD_SEA) + np.float32(SPREAD_LAND - SPREAD_SEA) * land + np.float32(SPREAD_SNOW) * snow
    colder = np.maximum(z, 0)
    odds: Array = np.minimum(colder * colder / 2, 8) + np.float32(0.3) * np.minimum(z, 0)
    split = (s8 - s9) - (clear.s8 - clear.s9)
    odds += np.minimum(split * split * np.float32(1 / (2 * 0.9**2)), 4)
    if world.day:
        assert clear.s3 is not None
        s3, s4 = seen.refs[2], seen.refs[3]
        spread = np.float32(0.03) + np.float32(0.06) * land + np.float32(0.25) * snow
        if world.glint is not None:
            spread = spread + np.float32(0.9) * world.glint[block]
        brighter = np.maximum((s3 - clear.s3) / spread, 0)
        odds += np.minimum(np.float32(0.4) * brighter * brighter, 6)
        odds += np.minimum(np.float32(60) * s4, 3)
    else:
        departure = ((s7 - s8) - (clear.s7 - clear.s8)) / np.float32(1.2)
        odds += np.minimum(departure * departure / 2, 4) * (1 - np.float32(1 - NIGHT_LAND) * land)
    return odds, np.float32(0.55) + np.float32(0.75) * land


def bayes_flags(rng: np.random.Generator, s8: Array, odds: Array, texture_unit: Array) -> NDArray[np.uint8]:
    """Return flags uint8 [R, C], 0 or 2, from S8 in kelvin and the log-odds of single pixels, both [R, C]."""
    error_field = random_field(rng, s8.shape, 2.6, highest=200)
    flags = np.empty(s8.shape, dtype=np.uint8)
    rows = s8.shape[0]
    for block in row_blocks(rows):
        # Each mean needs a margin of one pixel, and the texture another.
        margin = SMOOTHINGS + 1
        near = s8[_rows_around(block, rows, margin)] - np.float32(280)
        near = np.pad(near, ((0, 0), (margin, margin)), mode="edge")
        mean = box_sum(near) / 9
        variance = np.maximum(box_sum(near * near) / 9 - mean * mean, 0)
        around, sides = _rows_around(block, rows, SMOOTHINGS), ((0, 0), (SMOOTHINGS, SMOOTHINGS))
        unit = np.pad(texture_unit[around], sides, mode="edge")
        total: Array = np.pad(odds[around], sides, mode="edge")
        total += np.float32(TEXTURE_WEIGHT) * np.minimum(np.sqrt(variance) / unit, 4) - np.float32(0.5)
        for _ in range(SMOOTHINGS):
            total = box_sum(total) * np.float32(1 / 9)
        total += np.float32(PRIOR) + np.float32(ERROR_FIELD) * error_field[block]
        total += np.float32(ERROR_NOISE) * rng.standard_normal(total.shape, dtype=np.float32)
        flags[block] = (total > 0) * np.uint8(SINGLE_MODERATE)
    return flags


def _rows_around(block: slice, rows: int, margin: int) -> NDArray[np.intp]:
    """Return the rows of a block and ``margin`` rows on either side; beyond an edge the edge repeats."""
    return np.clip(np.arange(block.start - margin, block.stop + margin), 0, rows - 1)
