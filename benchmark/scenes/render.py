"""Render scenes and masks as pictures: arrays of colours and of classes. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.scenes.scene import REFLECTANCE_OFFSET, S8, TEMPERATURE_OFFSET, TEMPERATURE_SCALE, SceneInputs


def false_colour(scene: SceneInputs) -> NDArray[np.float32]:
    """Return RGB [R, C, 3] in 0..1: S5, S3, S2 by day; S8 in grey with cold white by night."""
    if scene.period == "day":
        return np.clip((scene.inputs[..., [4, 2, 1]] + REFLECTANCE_OFFSET) / 0.9, 0, 1) ** 0.6
    kelvin = scene.inputs[..., S8] * TEMPERATURE_SCALE + TEMPERATURE_OFFSET
    grey = np.where(scene.inside, np.clip((300 - kelvin) / 75, 0, 1), 0)
    return np.repeat(grey[..., None], 3, axis=-1)


def outcome(mask: NDArray, label: NDArray) -> NDArray[np.uint8]:
    """Return 0 for correct clear, 1 correct cloud, 2 missed cloud, 3 false cloud."""
    return np.select([mask & label == 1, label > mask, mask > label], [1, 2, 3], 0).astype(np.uint8)
