"""The three classifiers any model must beat."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.scenes.baselines import BINS, fit_logistic, fit_majority, fit_threshold
from benchmark.scenes.scene import CHANNELS, S2, S8


def accuracy(classify, pixels, cloud):
    return np.mean(classify(pixels[None])[0] == cloud)


def test_majority_is_the_more_frequent_class_everywhere():
    image = np.zeros((2, 3, CHANNELS), np.float32)
    assert fit_majority(np.array([True, True, False]))(image).all()
    assert not fit_majority(np.array([True, False, False]))(image).any()


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6))
def test_thresholds_are_the_best_pair_of_all_bin_edges(seed):
    rng = np.random.default_rng(seed)
    pixels = rng.normal(size=(60, CHANNELS)).astype(np.float32)
    cloud = (pixels[:, S8] < -0.4) ^ (rng.random(60) < 0.2)
    edges = [np.quantile(pixels[:, c], np.linspace(0, 1, BINS + 1)).astype(np.float32) for c in (S8, S2)]
    best = max(
        np.mean(((pixels[:, S8] < cold) | (pixels[:, S2] > bright)) == cloud)
        for cold in edges[0]
        for bright in edges[1]
    )
    assert accuracy(fit_threshold(pixels, cloud), pixels, cloud) == best


def test_the_logistic_model_finds_a_plane_between_the_classes():
    rng = np.random.default_rng(1)
    pixels = rng.normal(size=(4000, CHANNELS)).astype(np.float32)
    cloud = pixels @ np.arange(-4, 5) + 0.5 > 0
    assert accuracy(fit_logistic(pixels, cloud), pixels, cloud) > 0.98


def test_the_logistic_model_bears_channels_without_variation():
    rng = np.random.default_rng(2)
    pixels = rng.normal(size=(1000, CHANNELS)).astype(np.float32)
    pixels[:, :6] = -0.5
    cloud = pixels[:, S8] < 0
    assert accuracy(fit_logistic(pixels, cloud), pixels, cloud) > 0.98
