"""Score a finished run again from its weights or tables: no training, no log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.config.schema import Config
from benchmark.core.collector import lasting_imports
from benchmark.methods.loading import LoadedMethod
from benchmark.record.masks import mask_digest, mask_of
from benchmark.record.weights import in_layer_order
from benchmark.scenes.scene import SceneInputs, read_inputs, read_labels
from benchmark.training.evaluate import (
    Predicted,
    PredictScene,
    SceneScore,
    by_patches,
    checked_probability,
    score_scene,
)
from benchmark.training.learning.fitted import fitted_predictions


class Rescored(NamedTuple):
    """The score of a scene predicted again, and the digest of its mask."""

    score: SceneScore
    mask_sha256: str


#: Returns the mask uint8 [R, C] of a scene.
MaskScene = Callable[[SceneInputs], NDArray[np.uint8]]


def masks_by(predict: PredictScene) -> MaskScene:
    """Turn a prediction into a scene's mask as a run stores it. Raises MethodError."""

    def mask(inputs: SceneInputs) -> NDArray[np.uint8]:
        probability = checked_probability(predict(inputs), inputs.inside.shape, inputs.name)
        return mask_of(probability.astype(np.float16))

    return mask


def rescore(config: Config, mask_scene: MaskScene, scenes: Sequence[Path]) -> Iterator[Rescored]:
    """Score the mask of each scene against its label. Raises SceneError and what ``mask_scene`` raises."""
    shape = config.geometry.rows, config.geometry.columns
    for path in scenes:
        inputs = read_inputs(path, shape, config.data.kind)
        mask = mask_scene(inputs)
        predicted = Predicted(path, inputs.name, inputs.period, np.packbits(inputs.inside), seconds=0.0)
        yield Rescored(score_scene(predicted, read_labels(path, shape), mask), mask_digest(mask))


def prediction(
    config: Config, method: LoadedMethod, arrays: Mapping[str, NDArray], precision: str
) -> tuple[PredictScene, PredictScene]:
    """Return a method's predictions with a run's weights or tables: as in the run, and in one piece.

    ``arrays`` is what `benchmark.record.weights` reads, ``precision`` the precision of the run. Raises
    WeightsError, RunError and MethodError.
    """
    if method.kind != "network":
        return fitted_predictions(method, dict(arrays), config.geometry)
    with lasting_imports():  # import TensorFlow only where tensors are computed
        from benchmark.compute.engine import Engine, choose_strategy, make_deterministic

    make_deterministic(config.seed)
    geometry, batch = config.geometry, config.training.batch_size
    engine = Engine(
        *(method.network, geometry.patch, batch, precision, choose_strategy()),
        crop=geometry.crop,
        xla=config.training.xla,
    )
    engine.take(in_layer_order(arrays))
    tiled = by_patches(engine.predict, geometry, engine.global_batch)
    return tiled, lambda scene: engine.predict_whole(scene.inputs)
