"""Whole-scene inference with the best weights, and the scores of what it predicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmark.config.schema import Geometry
from benchmark.core.files import write_aside
from benchmark.scenes.geometry import inference_patches, stitch
from benchmark.scenes.scene import Scene
from benchmark.scenes.scores import Confusion, confusion

#: patches float32 [n, patch, patch, 9] -> probability of cloud float32 [n, patch, patch].
Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]

POLARITY = "mask 1 = cloud, 0 = clear; probability is that of cloud"


@dataclass(frozen=True)
class SceneScore:
    """Counts of one scene's mask against its reference masks, and the seconds it took."""

    scene: str
    period: str
    bayes: Confusion
    #: Against bayes, without the fill borders.
    inside: Confusion
    truth: Confusion | None
    truth_inside: Confusion | None
    seconds: float


def predict_scene(scene: Scene, predict: Predict, geometry: Geometry, batch: int) -> NDArray[np.float16]:
    """Probability of cloud of every pixel: float16 [R, C], as it is stored and thresholded."""
    patches = inference_patches(scene.inputs, geometry.patch, geometry.crop)
    predicted = [predict(patches[start : start + batch]) for start in range(0, len(patches), batch)]
    shape = (geometry.rows, geometry.columns)
    return stitch(np.concatenate(predicted), shape, geometry.crop).astype(np.float16)


def mask_of(probability: NDArray[np.float16]) -> NDArray[np.uint8]:
    """1 where the stored probability is above one half."""
    return (probability > 0.5).astype(np.uint8)


def score_scenes(
    paths: Sequence[Path],
    read: Callable[[Path], Scene],
    predict: Predict,
    geometry: Geometry,
    batch: int,
    mask_path: Callable[[str], Path] | None,
    attributes: Mapping[str, object],
) -> Iterator[SceneScore]:
    """Predict, write and score each scene in turn; without ``mask_path`` nothing is written.

    The seconds of a scene are those of reading, normalising, tiling, predicting and
    stitching; writing and scoring are not counted.
    """
    for path in paths:
        start = time.perf_counter()
        scene = read(path)
        probability = predict_scene(scene, predict, geometry, batch)
        seconds = time.perf_counter() - start
        mask = mask_of(probability)
        if mask_path is not None:
            write_mask(mask_path(scene.name), probability, mask, {**attributes, "scene": scene.name})
        yield SceneScore(
            scene=scene.name,
            period=scene.period,
            bayes=confusion(mask, scene.label),
            inside=confusion(mask, scene.label, scene.inside),
            truth=None if scene.truth is None else confusion(mask, scene.truth),
            truth_inside=None if scene.truth is None else confusion(mask, scene.truth, scene.inside),
            seconds=seconds,
        )


@dataclass(frozen=True)
class WholeScenes:
    """Scenes predicted in one piece: against their scored masks, and against the label."""

    agreement: Confusion
    accuracy: Confusion
    seconds: float


def compare_whole_scenes(
    paths: Iterable[Path],
    read: Callable[[Path], Scene],
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    mask_path: Callable[[str], Path],
) -> Iterator[WholeScenes]:
    """Predict each scene in one piece and compare it with the mask that was scored.

    ``predict`` takes a scene float32 [R, C, 9] and gives [R, C]. A pixel sees more of its scene
    than in a patch, so that both differ near the edges of tiles.
    """
    for path in paths:
        start = time.perf_counter()
        scene = read(path)
        mask = mask_of(predict(scene.inputs).astype(np.float16))
        seconds = time.perf_counter() - start
        with h5py.File(mask_path(scene.name)) as file:
            scored = file["mask"][...]
        yield WholeScenes(confusion(mask, scored), confusion(mask, scene.label), seconds)


def write_mask(
    path: Path, probability: NDArray[np.float16], mask: NDArray[np.uint8], attributes: Mapping[str, object]
) -> None:
    """HDF5 with ``probability`` float16 [R, C] and ``mask`` uint8 [R, C]; written aside and renamed."""
    with write_aside(path) as part, h5py.File(part, "w") as file:
        for name, values in (("probability", probability), ("mask", mask)):
            file.create_dataset(name, data=values, compression="lzf", shuffle=True)
        file.attrs["polarity"] = POLARITY
        file.attrs["threshold"] = 0.5
        for name, value in attributes.items():
            file.attrs[name] = value


def total(counts: Iterable[Confusion]) -> Confusion:
    """The sum of counts, for example over scenes."""
    return sum(counts, Confusion())


def summarise(scores: Sequence[SceneScore]) -> dict[str, dict[str, dict]]:
    """Scores by reference mask (bayes; truth where known) and by part: all, day, night, without borders."""
    summary = {"bayes": _by_part(scores, [s.bayes for s in scores], [s.inside for s in scores])}
    truth = [s.truth for s in scores if s.truth is not None]
    truth_inside = [s.truth_inside for s in scores if s.truth_inside is not None]
    if len(truth) == len(scores):
        summary["truth"] = _by_part(scores, truth, truth_inside)
    return summary


def _by_part(
    scores: Sequence[SceneScore], whole: Sequence[Confusion], inside: Sequence[Confusion]
) -> dict[str, dict]:
    parts = {"all": total(whole)}
    for period in ("day", "night"):
        chosen = [counts for score, counts in zip(scores, whole, strict=True) if score.period == period]
        if chosen:
            parts[period] = total(chosen)
    parts["without_borders"] = total(inside)
    return {part: counts.scores() for part, counts in parts.items()}
