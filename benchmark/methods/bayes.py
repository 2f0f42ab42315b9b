"""A Bayesian classifier in the form of Merchant and others (2005), with empirical densities. NumPy only.

P(cloud | y) follows from a prior and from how often clear and cloudy training pixels look like y, counted in
histograms of quantities of a pixel and its neighbours, by day and by night.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.methods.interface import About, Example, Fitted, Tables
from benchmark.methods.quantities import (
    is_measured,
    local_deviation,
    physical,
    sampled_periods,
    warm_reference,
)

ABOUT = About(
    title="Bayesian classifier with empirical densities",
    citations=(
        "Probabilistic physically based cloud screening of satellite infrared imagery for operational sea "
        "surface temperature retrieval (2005). https://doi.org/10.1256/qj.05.15",
        "Cloud-clearing techniques over land for land-surface temperature retrieval from the Advanced "
        "Along-Track Scanning Radiometer (2014). https://doi.org/10.1080/01431161.2014.907941",
        "Bayesian cloud detection for MERIS, AATSR, and their combination (2015). "
        "https://doi.org/10.5194/amt-8-1757-2015",
    ),
    adapted="Bayes' rule and joint densities of spectrum and texture are the original's. Its clear-sky "
    "density comes from a radiative transfer model and a weather forecast; here both densities are "
    "histograms of training pixels, and the warmest pixels of each 300 km square replace the forecast. "
    "The label is itself the flag of such a classifier, a cousin of this one.",
)

#: Standard deviation of the histogram smoothing, in bins, and half the width of its kernel.
SIGMA, REACH = 1.0, 3
#: Part of each density that is spread evenly over all cells, so that none is empty.
FLOOR = 1e-3
#: Lower limit of the texture [K] before taking its logarithm.
SMOOTHEST = 0.01
#: Approximate number of pixels taken from a training scene, on a grid.
PIXELS_PER_SCENE = 200_000
PERIODS = ("day", "night")


@dataclass(frozen=True)
class Axis:
    """Bins of equal width of one quantity; values beyond the range count in the first or last bin."""

    quantity: str
    low: float
    high: float
    bins: int

    def cells(self, values: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the bin of each value."""
        scaled = (values - np.float32(self.low)) * np.float32(self.bins / (self.high - self.low))
        return np.clip(np.floor(scaled), 0, self.bins - 1).astype(np.intp)


#: The joint densities of each period; those of one period are treated as independent.
DENSITIES: dict[str, tuple[str, tuple[Axis, ...]]] = {
    "day_spectrum": (
        "day",
        (
            Axis("cold", -5, 60, 26),
            Axis("texture", -4, 3, 14),
            Axis("root_660", 0, 1.2, 24),
            Axis("root_1610", 0, 1.0, 20),
        ),
    ),
    "day_cirrus": ("day", (Axis("root_1375", 0, 0.6, 30), Axis("split", -2, 8, 20))),
    "night_spectrum": (
        "night",
        (
            Axis("t11", 200, 315, 30),
            Axis("texture", -4, 3, 14),
            Axis("t37_t11", -8, 30, 30),
            Axis("split", -2, 8, 16),
        ),
    ),
}


@dataclass(frozen=True)
class Options:
    """prior: probability of cloud before a pixel is seen; null: the training scenes' cloud fraction."""

    prior: float | None = None

    def __post_init__(self) -> None:
        if self.prior is not None and not 0 < self.prior < 1:
            raise ValueError(f"prior is {self.prior}; it may be a number between 0 and 1, or null")


def method(options: Options) -> Fitted:
    """Return the classifier; P is the posterior probability."""
    return Fitted(lambda images, seed: fit(images, options.prior), predict)


def fit(images: Iterable[Example], prior: float | None = None) -> Tables:
    """Count, smooth, divide.

    Tables: for every density ln p(y | cloud) - ln p(y | clear), float32 with an axis per quantity;
    "prior_log_odds", float64 [2], of cloud by day and by night.
    """
    shapes = {name: tuple(axis.bins for axis in axes) for name, (_, axes) in DENSITIES.items()}
    counts = {name: np.zeros((2, math.prod(shape)), np.int64) for name, shape in shapes.items()}
    of_class = {period: np.zeros(2, np.int64) for period in PERIODS}
    for image in images:
        refs, bts = physical(image.inputs)
        measured = is_measured(bts)
        values = quantities(refs, bts, measured)
        for period, where in sampled_periods(image, refs, measured, PIXELS_PER_SCENE).items():
            for label, pixels in enumerate((where & ~image.cloud, where & image.cloud)):
                of_class[period][label] += np.count_nonzero(pixels)
                for name in _names(period):
                    cells = flat_cells(values, name, pixels)
                    counts[name][label] += np.bincount(cells, minlength=counts[name].shape[1])
    tables: Tables = {}
    for name, shape in shapes.items():
        clear, cloud = (density(of_label.reshape(shape)) for of_label in counts[name])
        tables[name] = np.log(cloud / clear).astype(np.float32)
    tables["prior_log_odds"] = np.array([_prior_log_odds(of_class[period], prior) for period in PERIODS])
    return tables


def predict(inputs: NDArray[np.float32], tables: Tables) -> NDArray[np.float32]:
    """Return the probability of cloud [R, C], 0 where nothing was measured. inputs: [R, C, 9], normalised."""
    refs, bts = physical(inputs)
    measured = is_measured(bts)
    values = quantities(refs, bts, measured)
    day = (refs > 0).any(axis=-1)
    probability = np.zeros(measured.shape, np.float32)
    for period, prior, where in zip(
        PERIODS, tables["prior_log_odds"], (measured & day, measured & ~day), strict=True
    ):
        odds = np.full(np.count_nonzero(where), prior)
        for name in _names(period):
            odds += tables[name].ravel()[flat_cells(values, name, where)]
        probability[where] = 0.5 + 0.5 * np.tanh(odds / 2)  # the logistic function, without overflow
    return probability


def quantities(
    refs: NDArray[np.float32], bts: NDArray[np.float32], measured: NDArray[np.bool_]
) -> dict[str, NDArray[np.float32]]:
    """Return the quantities on the axes of the densities, each [R, C].

    Temperatures in kelvin, texture as the logarithm of kelvin; square roots of reflectances, which spread
    dark scenes over more bins. refs: [R, C, 6]. bts: [R, C, 3].
    """
    t37, t11, t12 = np.moveaxis(bts, -1, 0)
    roots = {
        name: np.sqrt(np.maximum(refs[..., channel], 0))
        for name, channel in (("root_660", 1), ("root_1375", 3), ("root_1610", 4))
    }
    return roots | {
        "cold": warm_reference(t11, measured) - t11,
        "texture": np.log(np.maximum(local_deviation(t11, measured), SMOOTHEST)),
        "split": t11 - t12,
        "t37_t11": t37 - t11,
        "t11": t11,
    }


def flat_cells(
    values: dict[str, NDArray[np.float32]], name: str, where: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Return the index of each pixel of ``where`` in the flat density ``name``."""
    axes = DENSITIES[name][1]
    cells = tuple(axis.cells(values[axis.quantity][where]) for axis in axes)
    return np.ravel_multi_index(cells, tuple(axis.bins for axis in axes))


def density(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability of each cell from its pixel count: smoothed, none empty, sum 1.

    Without pixels it is the same in all cells.
    """
    smoothed = smooth(counts.astype(np.float64))
    pixels = smoothed.sum()
    known = smoothed / pixels if pixels else np.full(counts.shape, 1 / counts.size)
    return (1 - FLOOR) * known + FLOOR / counts.size


def smooth(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth with a Gaussian along every axis; values mirror at the ends, so that sums are kept."""
    offsets = np.arange(-REACH, REACH + 1)
    kernel = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    kernel /= kernel.sum()
    for axis in range(counts.ndim):
        width = [(REACH, REACH) if each == axis else (0, 0) for each in range(counts.ndim)]
        padded = np.moveaxis(np.pad(counts, width, mode="symmetric"), axis, 0)
        size = counts.shape[axis]
        smoothed = sum(weight * padded[shift : shift + size] for shift, weight in enumerate(kernel))
        counts = np.moveaxis(np.asarray(smoothed), 0, axis)
    return counts


def _prior_log_odds(pixels: NDArray[np.int64], prior: float | None) -> float:
    """Return the log-odds of cloud: of the prior, or of pixels [clear, cloud] plus 1 each to avoid 0."""
    if prior is not None:
        return math.log(prior / (1 - prior))
    clear, cloud = (int(count) + 1 for count in pixels)
    return math.log(cloud / clear)


def _names(period: str) -> list[str]:
    return [name for name, (of_period, _) in DENSITIES.items() if of_period == period]
