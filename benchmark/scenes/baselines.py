"""Baselines that any model must beat: majority class, two-channel threshold, per-pixel logistic model.

On the dataset's real inference scenes a constant 'cloud' scores about 0.81, and some published results look
exactly like that. All three baselines are fitted on pixels of the training scenes and ignore a pixel's
neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmark.scenes.scene import CHANNELS, S2, S8

#: Bins of each channel for the threshold search.
BINS = 256
NEWTON_STEPS = 25
#: Ridge on the weights of the logistic model, because reflectances are constant in night scenes.
RIDGE = 1e-3

#: inputs float32 [R, C, 9] -> mask bool [R, C], true where cloud.
Classifier = Callable[[NDArray[np.float32]], NDArray[np.bool_]]


def fit_baselines(pixels: NDArray[np.float32], cloud: NDArray[np.bool_]) -> dict[str, Classifier]:
    """Return the three classifiers, fitted on pixels: float32 [n, 9] and cloud: bool [n]."""
    return {
        "majority": fit_majority(cloud),
        "threshold": fit_threshold(pixels, cloud),
        "logistic": fit_logistic(pixels, cloud),
    }


def fit_majority(cloud: NDArray[np.bool_]) -> Classifier:
    """Predict the more frequent class everywhere."""
    majority = bool(2 * np.count_nonzero(cloud) >= cloud.size)
    return lambda inputs: np.full(inputs.shape[:2], majority)


def fit_threshold(pixels: NDArray[np.float32], cloud: NDArray[np.bool_]) -> Classifier:
    """Predict cloud where S8 is colder than one threshold or S2 brighter than another.

    Tries all pairs of bin edges. pixels: float32 [n, 9] and cloud: bool [n].
    """
    cold, bright = pixels[:, S8], pixels[:, S2]
    edges = [np.quantile(values, np.linspace(0, 1, BINS + 1)).astype(np.float32) for values in (cold, bright)]
    # cell (i, j) holds the pixels with i edges at or below S8 and j edges strictly below S2, so that
    # S8 < edges[a] is exactly i <= a, and S2 > edges[b] exactly j > b
    i = np.searchsorted(edges[0], cold, side="right")
    j = np.searchsorted(edges[1], bright, side="left")
    gain = np.zeros((BINS + 2, BINS + 2), np.int64)
    np.add.at(gain, (i, j), np.where(cloud, 1, -1))
    # pixels gained over calling all cloud, if those with i > a and j <= b are called clear
    clear_gain = -gain[::-1].cumsum(0)[::-1].cumsum(1)
    a, b = np.unravel_index(np.argmax(clear_gain[1:, :-1]), (BINS + 1, BINS + 1))
    coldest, brightest = edges[0][a], edges[1][b]
    return lambda inputs: (inputs[..., S8] < coldest) | (inputs[..., S2] > brightest)


def fit_logistic(pixels: NDArray[np.float32], cloud: NDArray[np.bool_]) -> Classifier:
    """Fit a logistic model of a pixel's nine channels by Newton's method.

    pixels: float32 [n, 9] and cloud: bool [n].
    """
    design = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1).astype(np.float64)
    ridge = RIDGE * np.eye(CHANNELS + 1)
    weights = np.zeros(CHANNELS + 1)
    for _ in range(NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (probability - cloud) / len(design) + ridge @ weights
        hessian = (design * (probability * (1 - probability))[:, None]).T @ design / len(design) + ridge
        weights -= np.linalg.solve(hessian, gradient)
    slope, offset = weights[:-1].astype(np.float32), np.float32(weights[-1])
    return lambda inputs: inputs @ slope + offset > 0
