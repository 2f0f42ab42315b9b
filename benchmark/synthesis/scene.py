"""Make one synthetic scene in memory, as a radiometer like SLSTR would deliver it. NumPy only.

A scene is a function of (seed, index, shape): one SFC64 stream, drawn from in a fixed order, gives the same
bytes in every process of one machine. (Another processor may round the last bit of a transform or an
exponential differently.) docs/synthetic-scenes.md says what the scenes imitate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import SceneError
from benchmark.scenes.geometry import FULL_SHAPE
from benchmark.synthesis.label import TRUTH_OPTICAL_DEPTH, bayes_flags, evidence
from benchmark.synthesis.radiance import observe
from benchmark.synthesis.random_fields import Array, Shape, random_field, row_blocks
from benchmark.synthesis.world import World, draw_world

#: Changes whenever the same (seed, index, shape) gives other values.
GENERATOR_VERSION = 3
SMALLEST_SIDE = 32

POLARITY = "bayes > 0 means cloud; 0 means clear, or outside the swath"


@dataclass(frozen=True)
class SyntheticScene:
    """One scene as the dataset stores it, and its origin.

    refs: float32 [R, C, 6], reflectance of S1-S6; 0 at night and outside the swath.
    bts: float32 [R, C, 3], brightness temperature of S7-S9 in kelvin; 0 outside the swath.
    bayes: uint8 [R, C, 1], 0 or 2 (single_moderate): the imitated operational flag.
    truth: uint8 [R, C], 1 where the cloud's total optical depth is above 0.1.
    """

    refs: Array
    bts: Array
    bayes: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    seed: int
    index: int
    day: bool
    surface: str
    #: Cloud layers from the lowest up, with the cover of each: "sc 0.43, ci 0.12".
    layers: str
    synthetic: bool = True
    polarity: str = POLARITY


def random_stream(seed: int, index: int) -> np.random.Generator:
    """Return the random number generator of one scene."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, index])))


def make_scene(seed: int, index: int, shape: Shape = FULL_SHAPE) -> SyntheticScene:
    """Simulate scene ``index`` of the dataset ``seed``; even indices are day, odd ones night.

    Raises SceneError for a negative seed or index, or sides below 32 pixels.
    """
    if seed < 0 or index < 0 or min(shape) < SMALLEST_SIDE:
        raise SceneError(
            "synthetic scene",
            found=f"seed {seed}, index {index}, {shape[0]} x {shape[1]} pixels",
            expected=f"seed and index of 0 or more, at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels",
            remedy="choose other numbers",
        )
    rng = random_stream(seed, index)
    world = draw_world(rng, index, shape)
    refs = np.zeros((*shape, 6), dtype=np.float32)
    bts = np.empty((*shape, 3), dtype=np.float32)
    truth = np.empty(shape, dtype=np.uint8)
    odds, texture_unit, s8 = (np.empty(shape, dtype=np.float32) for _ in range(3))
    forecast_error = random_field(rng, shape, 3.2, highest=60)
    for block in row_blocks(shape[0]):
        seen = observe(rng, world, block)
        for channel, values in enumerate(seen.refs):
            refs[block, :, channel] = values
        for channel, values in enumerate(seen.bts):
            bts[block, :, channel] = values
        s8[block] = seen.bts[1]
        truth[block] = seen.tau > TRUTH_OPTICAL_DEPTH
        odds[block], texture_unit[block] = evidence(world, block, seen, forecast_error[block])
    bayes = bayes_flags(rng, s8, odds, texture_unit)

    _blank(world, refs, bts, truth, bayes)
    return SyntheticScene(
        refs, bts, bayes[..., None], truth, seed, index, world.day, world.surface,
        ", ".join(f"{layer.kind} {layer.cover:.2f}" for layer in world.layers),
    )  # fmt: skip


def _blank(world: World, *images: NDArray[Any]) -> None:
    """Set pixels outside the swath to 0, in images [R, C, ...]."""
    for image in images:
        image[:, : world.left] = 0
        image[:, image.shape[1] - world.right :] = 0
        image[list(world.missing_lines)] = 0
