"""Predict whole scenes with the best weights, and score the masks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.config.schema import Geometry
from benchmark.core.errors import MethodError
from benchmark.record.masks import mask_of, read_mask, write_mask
from benchmark.scenes.geometry import inference_windows, stitch
from benchmark.scenes.scene import Scene, SceneInputs, SceneLabels
from benchmark.scenes.scores import Confusion, confusion

#: Patches float32 [n, patch, patch, 9] -> probability of cloud float32 [n, patch - crop, patch - crop].
Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class SceneScore:
    """Pixel counts of one scene's mask against its reference masks, and the seconds it took."""

    scene: str
    period: str
    bayes: Confusion
    #: Against bayes, without the fill borders.
    inside: Confusion
    truth: Confusion | None
    truth_inside: Confusion | None
    seconds: float


#: A scene's inputs [R, C, 9] -> probability of cloud [R, C].
PredictScene = Callable[[SceneInputs], NDArray[np.floating]]


def by_patches(predict: Predict, geometry: Geometry, batch: int) -> PredictScene:
    """Turn a prediction of patches into one of scenes: tile, predict in batches, and stitch.

    ``predict``: float32 [n, patch, patch, 9] -> [n, patch - crop, patch - crop], the inner part of patches.
    """

    def predict_scene(scene: SceneInputs) -> NDArray[np.floating]:
        windows = inference_windows(scene.inputs, geometry.patch, geometry.crop)
        places = np.array([*np.ndindex(*windows.shape[:2])])
        batches = (places[start : start + batch].T for start in range(0, len(places), batch))
        predicted = [predict(windows[rows, columns]) for rows, columns in batches]
        return stitch(np.concatenate(predicted), scene.inside.shape)

    return predict_scene


@dataclass(frozen=True)
class Predicted:
    """A scene whose mask is written but whose label has not been read."""

    path: Path
    scene: str
    period: str
    #: Pixels not on a fill border: bool [R, C], packed into bits row by row.
    inside: NDArray[np.uint8]
    #: Time to tile, predict and stitch, and to wait until the scene is read; not to write.
    seconds: float


def predict_scenes(
    paths: Sequence[Path],
    read: Callable[[Path], SceneInputs],
    predict: PredictScene,
    mask_path: Callable[[str], Path] | None,
    attributes: Mapping[str, object],
) -> Iterator[Predicted]:
    """Predict each scene in turn and write its mask; without ``mask_path`` nothing is written.

    Reads the next scene while one is predicted and written. The probability is stored as float16, and this
    value is compared with one half. Raises MethodError for an invalid prediction.
    """
    with ThreadPoolExecutor(1) as reader:
        reading = [reader.submit(read, path) for path in paths[:1]]
        for number, path in enumerate(paths, start=1):
            start = time.perf_counter()
            scene = reading.pop().result()
            reading += [reader.submit(read, following) for following in paths[number : number + 1]]
            probability = checked_probability(predict(scene), scene.inside.shape, scene.name)
            stored = probability.astype(np.float16)
            seconds = time.perf_counter() - start
            if mask_path is not None:
                about = {**attributes, "scene": scene.name}
                write_mask(mask_path(scene.name), stored, mask_of(stored), about)
            yield Predicted(path, scene.name, scene.period, np.packbits(scene.inside), seconds)


def checked_probability(found: object, shape: tuple[int, ...], where: str) -> NDArray[np.floating]:
    """Return ``found`` if it is a probability for every pixel of an image. Raises MethodError."""
    expected = f"a number from 0 to 1 for each of {shape[0]} x {shape[1]} pixels"
    remedy = "correct the method: a network ends in a sigmoid, or has a head that makes probabilities"
    if not isinstance(found, np.ndarray) or found.shape != shape or found.dtype.kind != "f":
        described = (
            f"{found.dtype} of shape {list(found.shape)}"
            if isinstance(found, np.ndarray)
            else type(found).__name__
        )
        raise MethodError(where, found=described, expected=expected, remedy=remedy)
    outside = int(np.count_nonzero(~((found >= 0) & (found <= 1))))
    if outside:
        nan = int(np.count_nonzero(np.isnan(found)))
        described = f"{outside} of {found.size} values are NaN or outside 0 to 1 ({nan} are NaN)"
        raise MethodError(where, found=described, expected=expected, remedy=remedy)
    return found


def score_scene(predicted: Predicted, labels: SceneLabels, mask: NDArray[np.uint8]) -> SceneScore:
    """Count a scene's written mask against its labels."""
    shape, truth = mask.shape, labels.truth
    inside = np.unpackbits(predicted.inside, count=mask.size).reshape(shape).astype(bool)
    return SceneScore(
        scene=predicted.scene,
        period=predicted.period,
        bayes=confusion(mask, labels.label),
        inside=confusion(mask, labels.label, inside),
        truth=None if truth is None else confusion(mask, truth),
        truth_inside=None if truth is None else confusion(mask, truth, inside),
        seconds=predicted.seconds,
    )


@dataclass(frozen=True)
class WholeScenes:
    """Whole-scene predictions: compared with the scored masks, and with the label."""

    agreement: Confusion
    accuracy: Confusion
    seconds: float


def compare_whole_scenes(
    paths: Iterable[Path],
    read: Callable[[Path], Scene],
    predict: PredictScene,
    mask_path: Callable[[str], Path],
) -> Iterator[WholeScenes]:
    """Predict each scene in one piece and compare it with the scored mask.

    A pixel sees more of its scene than in a patch, so the two differ near the edges of tiles.
    """
    for path in paths:
        start = time.perf_counter()
        scene = read(path)
        mask = mask_of(predict(scene).astype(np.float16))
        seconds = time.perf_counter() - start
        scored = read_mask(mask_path(scene.name))
        yield WholeScenes(confusion(mask, scored), confusion(mask, scene.label), seconds)


def total(counts: Iterable[Confusion]) -> Confusion:
    """Return the sum of counts, for example over scenes."""
    return sum(counts, Confusion())


def summarise(scores: Sequence[SceneScore]) -> dict[str, dict[str, dict]]:
    """Return scores by reference mask (bayes; truth if known) and part: all, day, night, without borders."""
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
