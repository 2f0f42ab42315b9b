"""Run a method that is fitted once: a run of one epoch, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.config.schema import Geometry
from benchmark.core.errors import CloudMaskError, MethodError
from benchmark.methods.interface import Example, Tables
from benchmark.methods.loading import LoadedMethod
from benchmark.record.weights import save_tables, tables_digest
from benchmark.scenes.geometry import kept, training_patches
from benchmark.scenes.scene import SceneInputs
from benchmark.stores.opening import StagedPart
from benchmark.training.context import RunContext
from benchmark.training.evaluate import PredictScene, by_patches, checked_probability
from benchmark.training.identity import Computing
from benchmark.training.learning.checkpoint import Checkpoint
from benchmark.training.learning.learned import Learned
from benchmark.training.learning.metrics import write_metrics
from benchmark.training.stage import Staged

#: Keras clips probabilities like this in its binary cross-entropy.
_CLIP = 1e-7


class Count(NamedTuple):
    """For the patches of a part: mean cross-entropy, correct pixels, and all pixels."""

    loss: float
    correct: int
    pixels: int


class FittedLearner:
    """The fitted method of a run."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self.computing = Computing()

    def learn(self, staged: Staged | None, checkpoint: Checkpoint | None) -> Learned:
        """Fit; there is nothing to resume."""
        assert staged is not None
        run = self._run
        tables, row = fit_once(run, staged)
        predict, predict_whole = fitted_predictions(run.method, tables, run.config.geometry)
        return Learned(
            predict=predict,
            predict_whole=predict_whole,
            rows=[row],
            best_epoch=1,
            weights="fitted to the training scenes",
            sha256=tables_digest(tables),
            parameters=table_values(tables),
            precision=self.computing.precision,
        )


def fitted_predictions(
    method: LoadedMethod, tables: Tables, geometry: Geometry
) -> tuple[PredictScene, PredictScene]:
    """Return a fitted method's predictions of a scene: as it is scored, and in one piece."""

    def predict_whole(scene: SceneInputs) -> NDArray[np.floating]:
        return predict_with(method, tables, scene.inputs)

    def predict_patches(patches: NDArray[np.float32]) -> NDArray[np.floating]:
        return kept(np.stack([predict_with(method, tables, patch) for patch in patches]), geometry.crop)

    tiled = by_patches(predict_patches, geometry, batch=1)
    return predict_whole if method.fitted.scenes else tiled, predict_whole


class Examples:
    """Training images that can be iterated several times: complete scenes, or staged patches."""

    def __init__(self, run: RunContext, part: StagedPart, update: Callable[[int, str], None]) -> None:
        self._run, self._part, self._update = run, part, update

    def __iter__(self) -> Iterator[Example]:
        if self._run.method.fitted.scenes:
            for number, path in enumerate(self._part.paths, start=1):
                scene = self._run.read(path)
                yield Example(scene.inputs, scene.label > 0, scene.inside)
                self._update(number, "")
        else:
            store = self._part.store
            for index in range(store.count):
                inputs, labels = store.read([index])
                yield Example(inputs[0], labels[0] > 0, np.ones(labels.shape[1:], bool))
                self._update((index + 1) * len(self._part.paths) // store.count, "")


def fit_once(run: RunContext, staged: Staged) -> tuple[Tables, dict[str, Any]]:
    """Run the epoch: fit the method to the training scenes, measure it on both parts, and log it.

    Returns the tables, which are saved, and the epoch's measurements. Raises MethodError.
    """
    log = run.log
    with log.interval("epoch", epoch_num=1) as trained:
        with run.display.bar("fit", len(staged.training.paths)) as update:
            examples = Examples(run, staged.training, update)
            tables = checked_tables(
                _called(run.method, "fit", run.method.fitted.fit, examples, run.config.seed)
            )
        train = _measure(run, staged.training, tables, "training")
        log.event("train_loss", train.loss, epoch_num=1)
        accuracy = train.correct / train.pixels
        log.event("train_accuracy", accuracy, epoch_num=1, correct=train.correct, pixels=train.pixels)
    with log.interval("eval", epoch_num=1) as evaluated:
        test = _measure(run, staged.validation, tables, "validation")
        log.event("eval_loss", test.loss, epoch_num=1)
        accuracy = test.correct / test.pixels
        log.event("eval_accuracy", accuracy, epoch_num=1, correct=test.correct, pixels=test.pixels)
    row = {
        "epoch": 1,
        "train_loss": train.loss,
        "train_accuracy": train.correct / train.pixels,
        "eval_loss": test.loss,
        "eval_accuracy": test.correct / test.pixels,
        "learning_rate": 0.0,
        "training_seconds": trained.seconds,
        "evaluation_seconds": evaluated.seconds,
    }
    save_tables(run.folder.weights, tables)
    write_metrics(run, [row])
    run.display.say(
        f"fitted: train loss {train.loss:.4f} accuracy {row['train_accuracy']:.4f}, "
        f"validation loss {test.loss:.4f} accuracy {row['eval_accuracy']:.4f}, "
        f"{trained.seconds + evaluated.seconds:.1f} s"
    )
    return tables, row


def predict_with(method: LoadedMethod, tables: Tables, inputs: NDArray[np.float32]) -> NDArray[np.floating]:
    """Return the fitted method's probability for one image. Raises MethodError."""
    found = _called(method, "predict", method.fitted.predict, inputs, tables)
    return checked_probability(found, inputs.shape[:2], f"{method.path}: predict()")


def table_values(tables: Tables) -> int:
    """Return how many numbers the tables hold."""
    return sum(values.size for values in tables.values())


def checked_tables(found: object) -> Tables:
    """Return the result of a fit as tables. Raises MethodError."""
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        described = type(found).__name__
    else:
        tables = {name: np.asarray(values) for name, values in found.items()}
        wrong = [name for name, values in tables.items() if values.dtype.kind not in "biuf"]
        if not wrong:
            return tables
        described = f"{', '.join(wrong)}: no numbers"
    raise MethodError(
        "fit()", found=described, expected="arrays of numbers by name", remedy="correct the method's fit"
    )


def _measure(run: RunContext, part: StagedPart, tables: Tables, name: str) -> Count:
    """Predict every image of a part; count only the pixels of its patches, as for a network."""
    patch = run.config.geometry.patch
    loss, correct, pixels = [], 0, 0
    low, high = math.inf, -math.inf
    with run.display.bar(name, len(part.paths)) as update:
        for inputs, cloud, _ in Examples(run, part, update):
            probability = predict_with(run.method, tables, inputs).astype(np.float64)
            if run.method.fitted.scenes:
                probability, cloud = training_patches(probability, patch), training_patches(cloud, patch)
            of_label = np.clip(np.where(cloud, probability, 1 - probability), _CLIP, 1 - _CLIP)
            loss.append(-float(np.log(of_label).sum()))
            correct += int(np.count_nonzero((probability > 0.5) == cloud))
            pixels += cloud.size
            low, high = min(low, float(probability.min())), max(high, float(probability.max()))
    if low == high:
        raise MethodError(
            run.method.path,
            found=f"the same probability, {low}, for every pixel of the {name} scenes",
            expected="probabilities that differ",
            remedy="correct the method: a constant is what the majority baseline is there for",
        )
    return Count(math.fsum(loss) / pixels, correct, pixels)


def _called(method: LoadedMethod, name: str, function: Callable[..., Any], *arguments: object) -> Any:
    """Return the result of the method's function. Raises MethodError if the function raises."""
    try:
        return function(*arguments)
    except CloudMaskError:
        raise
    except Exception as error:
        raise MethodError(
            method.path,
            found=f"{name}() raised {type(error).__name__}: {error}",
            expected="a fit of the training scenes, and a prediction for any scene",
            remedy=f"correct the method's {name}",
        ) from error
