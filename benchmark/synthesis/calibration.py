"""Measure how hard and how plausible the synthetic scenes are. NumPy only.

Makes scenes in memory, fits the run's own per-pixel baselines on the training split and scores them on the
inference split, using the part of a scene that training uses (without the swath's edges); also prints what
typical clear and cloudy pixels look like. The generator is tuned on seeds other than that of the dataset that
runs are scored on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.scenes.baselines import fit_logistic, fit_majority, fit_threshold
from benchmark.scenes.scene import REFLECTANCE_OFFSET, REFLECTANCES, TEMPERATURE_OFFSET, TEMPERATURE_SCALE
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX
from benchmark.synthesis.random_fields import Shape
from benchmark.synthesis.scene import make_scene, random_stream
from benchmark.synthesis.world import World, draw_world

#: Number of random pixels taken from each scene.
SAMPLE = 50_000
CHANNELS = ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9")


@dataclass(frozen=True)
class Pixels:
    """Pixels of some scenes: channels float32 [n, 9]; the rest bool [n]."""

    channels: NDArray[np.float32]
    label: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    day: NDArray[np.bool_]
    #: Membership of each kind of pixel.
    kinds: dict[str, NDArray[np.bool_]]


def calibrate(seed: int, training_scenes: int, inference_scenes: int, shape: Shape) -> str:
    """Return the tables of docs/synthetic-scenes.md for one seed."""
    train = take_pixels(seed, 0, training_scenes, shape)
    test = take_pixels(seed, FIRST_INFERENCE_INDEX, inference_scenes, shape)
    inputs = _normalised(train.channels)
    predictions = {
        "majority class": fit_majority(train.label),
        "threshold on S8 and S2": fit_threshold(inputs, train.label),
        "logistic, 9 channels": fit_logistic(inputs, train.label),
    }
    lines = [
        f"seed {seed}, {training_scenes} training and {inference_scenes} inference scenes of "
        f"{shape[0]} x {shape[1]}; cloud by bayes: training {train.label.mean():.3f}, "
        f"inference {test.label.mean():.3f}",
        "",
        f"{'agreement with bayes':<26}{'all':>8}{'day':>8}{'night':>8}",
    ]
    test_inputs = _normalised(test.channels)[:, None]
    for name, predict in predictions.items():
        lines.append(_row(name, predict(test_inputs)[:, 0], test))
    lines += [_row("truth (not a method)", test.truth, test), "", *_kind_table(train)]
    return "\n".join(lines)


def _row(name: str, predicted: NDArray[np.bool_], pixels: Pixels) -> str:
    right = predicted == pixels.label
    parts = (right, right[pixels.day], right[~pixels.day])
    return f"{name:<26}" + "".join(f"{part.mean() if part.size else np.nan:>8.3f}" for part in parts)


def _normalised(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    inputs = channels.copy()
    inputs[:, :REFLECTANCES] -= np.float32(REFLECTANCE_OFFSET)
    inputs[:, REFLECTANCES:] -= np.float32(TEMPERATURE_OFFSET)
    inputs[:, REFLECTANCES:] /= np.float32(TEMPERATURE_SCALE)
    return inputs


def take_pixels(seed: int, first: int, count: int, shape: Shape) -> Pixels:
    """Take random pixels of ``count`` scenes from index ``first`` on, without swath edges."""
    rows, columns = shape
    top, left = round(rows * 88 / 1200), round(columns * 110 / 1500)
    inner = np.zeros(shape, dtype=bool)
    inner[top : rows - top, left : columns - left] = True
    places = np.flatnonzero(inner)
    rng = np.random.default_rng([seed, first])
    parts = []
    for index in range(first, first + count):
        scene = make_scene(seed, index, shape)
        world = draw_world(random_stream(seed, index), index, shape)
        at = rng.choice(places, size=min(SAMPLE, len(places)), replace=False)
        channels = np.concatenate(
            [scene.refs.reshape(-1, 6)[at], scene.bts.reshape(-1, 3)[at]], axis=1, dtype=np.float32
        )
        kinds = {name: member(world).ravel()[at] for name, member in KINDS.items()}
        label, truth = scene.bayes.ravel()[at] > 0, scene.truth.ravel()[at] > 0
        parts.append(Pixels(channels, label, truth, np.full(len(at), scene.day), kinds))
    return Pixels(
        channels=np.concatenate([part.channels for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        truth=np.concatenate([part.truth for part in parts]),
        day=np.concatenate([part.day for part in parts]),
        kinds={name: np.concatenate([part.kinds[name] for part in parts]) for name in KINDS},
    )


def _depth(world: World, *names: str) -> NDArray[np.float32]:
    """Return the total optical depth of the named kinds of cloud, [R, C]."""
    total = np.zeros_like(world.skin)
    for layer in world.layers:
        if layer.kind in names:
            total += layer.tau
    return total


def _sea(world: World) -> NDArray[np.bool_]:
    return world.classes.get("ocean", np.zeros_like(world.skin)) > 0


def _is_only(world: World, *names: str) -> NDArray[np.bool_]:
    others = {layer.kind for layer in world.layers} - set(names)
    return _sea(world) & (_depth(world, *others) == 0)


#: Kinds of pixel over the sea whose mean channels are informative.
KINDS: dict[str, Callable[[World], NDArray[np.bool_]]] = {
    "clear sea": lambda world: _is_only(world),
    "water cloud": lambda world: _is_only(world, "sc", "st") & (_depth(world, "sc", "st") > 4),
    "thin cirrus": lambda world: _is_only(world, "ci") & (np.abs(_depth(world, "ci") - 1) < 0.6),
    "deep ice cloud": lambda world: _sea(world) & (_depth(world, "deep") > 20),
}


def _kind_table(pixels: Pixels) -> list[str]:
    """Tabulate mean reflectances and temperatures (kelvin) of the kinds of pixel, by day and by night."""
    heads = [*CHANNELS, "S7-S8", "S8-S9", "flagged"]
    lines = [f"{'mean of training pixels':<26}" + "".join(f"{head:>8}" for head in heads)]
    for name, member in pixels.kinds.items():
        for period, when in (("day", pixels.day), ("night", ~pixels.day)):
            chosen = member & when
            if not chosen.any():
                continue
            mean = pixels.channels[chosen].mean(axis=0, dtype=np.float64)
            values = [*mean, mean[6] - mean[7], mean[7] - mean[8], pixels.label[chosen].mean()]
            digits = [3] * 6 + [1] * 5 + [3]
            cells = (f"{value:>8.{places}f}" for value, places in zip(values, digits, strict=True))
            lines.append(f"{name + ', ' + period:<26}" + "".join(cells))
    return lines
