"""The interface of a method for the engine, and the errors for a method that cannot be trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmark.core.errors import MethodError


class TrainableMethod(Protocol):
    """The parts of a network that the engine uses; methods/interface.py describes them."""

    @property
    def build(self) -> Callable[[tuple[int, int, int]], keras.Model]: ...
    @property
    def loss(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]: ...
    @property
    def optimizer(self) -> Callable[[], keras.Optimizer]: ...
    @property
    def head(self) -> Callable[[tf.Tensor], tf.Tensor]: ...
    @property
    def multiple(self) -> int: ...
    @property
    def margin(self) -> int: ...
    @property
    def optimised(self) -> Callable[[keras.Model, tuple[int, int] | None, bool], keras.Model] | None: ...
    @property
    def inner(self) -> Callable[[keras.Model, int, bool], keras.Model] | None: ...


def no_network(shape: Sequence[int], found: str) -> MethodError:
    """Return the error for a network that does not build, or not as required."""
    return MethodError(
        f"network for images of {' x '.join(map(str, shape))}",
        found=found,
        expected="a Keras model with outputs [n, rows, columns, k], a loss that sums over pixels, and a head "
        "that makes probabilities [n, rows, columns] of the outputs",
        remedy="correct build, loss or head of the method",
    )


def refuse_logits(predict: Callable[[NDArray], tf.Tensor], shape: tuple[int, ...]) -> None:
    """Predict a patch of noise. Raises MethodError if a value is no probability, as without a sigmoid."""
    noise = np.random.default_rng(0).standard_normal((1, *shape), np.float32)
    found = predict(noise).numpy()
    lowest, highest = float(found.min()), float(found.max())
    if not 0 <= lowest <= highest <= 1:  # or NaN
        raise no_network(shape, f"values from {lowest:.3g} to {highest:.3g} for a patch of noise")


@contextmanager
def compiled_by_xla() -> Iterator[None]:
    """Raise a MethodError if XLA cannot compile a network's operations deterministically."""
    try:
        yield
    except tf.errors.UnimplementedError as error:
        raise MethodError(
            "training.xla",
            found=summary(error),
            expected="a network whose operations can be computed deterministically on this device",
            remedy="set training.xla to false, or give the method an `optimised` model for XLA",
        ) from error


def summary(error: Exception) -> str:
    """Return an error in one line: TensorFlow lists every call of a graph and states the cause last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"
