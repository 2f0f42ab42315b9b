"""What defines a method: a module with ``ABOUT`` and ``method``, and with ``Options`` if it has any.

``ABOUT`` is an About. ``Options`` is a frozen dataclass with the method's defaults; its ``__post_init__`` may
raise ValueError. ``method(options)`` returns a Network or a Fitted (without ``Options`` it is called without
arguments). Everything up to a probability belongs to the method, everything after it to the benchmark: no
function here receives the label of an inference scene.

Importing a method does not load TensorFlow; the functions of a network import it when called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

#: Keras clips probabilities like this in its binary cross-entropy.
_CLIP = 1e-7


@dataclass(frozen=True)
class About:
    """What documents say about a method."""

    title: str
    #: Publications and code that the method follows, one line each with a DOI or an address.
    citations: tuple[str, ...]
    #: Differences from the original: adapted for nine SLSTR channels, left out, or chosen here.
    adapted: str
    #: Licence of the method's code, as an SPDX identifier.
    licence: str = "Apache-2.0"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            texts = value if name == "citations" else (value,)
            if not isinstance(texts, tuple | list) or not all(isinstance(text, str) for text in texts):
                raise TypeError(
                    f"ABOUT.{name} is {value!r}; expected {'texts' if name == 'citations' else 'a text'}"
                )


def cross_entropy(outputs: tf.Tensor, cloud: tf.Tensor) -> tf.Tensor:
    """Sum over pixels the binary cross-entropy of probabilities [n, R, C, 1] with cloud (bool [n, R, C])."""
    import tensorflow as tf

    probability = only_channel(outputs)
    of_label = tf.where(cloud, probability, 1 - probability)
    return -tf.reduce_sum(tf.math.log(tf.clip_by_value(of_label, _CLIP, 1 - _CLIP)))


def only_channel(outputs: tf.Tensor) -> tf.Tensor:
    """[n, R, C, 1] -> [n, R, C]: the output is the probability of cloud. Raises ValueError for others."""
    if outputs.shape[-1] != 1:
        raise ValueError(
            f"{outputs.shape[-1]} output channels instead of one, the probability of cloud: end the network "
            'in Conv2D(1, 1, activation="sigmoid"), or give Network a loss and a head for them'
        )
    return outputs[..., 0]


def adam() -> keras.Optimizer:
    """Return Adam as the reference uses it."""
    import keras

    return keras.optimizers.Adam(beta_1=0.9, beta_2=0.999, epsilon=1e-7)


@dataclass(frozen=True)
class Network:
    """A model that the benchmark's loop trains with its planned learning rate."""

    #: (rows, columns, channels) -> a Keras model, float32 [n, rows, columns, channels] -> [n, rows, columns,
    #: k]. The global dtype policy is that of the run's precision; outputs should be float32.
    build: Callable[[tuple[int, int, int]], keras.Model]
    #: (outputs [n, R, C, k], cloud bool [n, R, C]) -> scalar, summed over pixels.
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = cross_entropy
    #: The loop assigns its learning rate before every step.
    optimizer: Callable[[], keras.Optimizer] = adam
    #: outputs [n, R, C, k] -> probability of cloud [n, R, C], float32.
    head: Callable[[tf.Tensor], tf.Tensor] = only_channel
    #: Rows and columns of an image must be multiples of this.
    multiple: int = 1
    #: Edge pixels of a patch that the training loss and accuracy leave out.
    margin: int = 0
    #: (model, rows and columns if not the model's, whether for XLA) -> a faster model, same variables.
    optimised: Callable[[keras.Model, tuple[int, int] | None, bool], keras.Model] | None = None
    #: (model, crop, whether for XLA) -> a model with the same variables whose outputs lack the outer crop / 2
    #: pixels, which inference discards.
    inner: Callable[[keras.Model, int, bool], keras.Model] | None = None

    def __post_init__(self) -> None:
        for name in ("build", "loss", "optimizer", "head"):
            if not callable(value := getattr(self, name)):
                such = ", such as lambda: keras.optimizers.Adam()" if name == "optimizer" else ""
                raise TypeError(f"Network.{name} is {value!r}; expected a function{such}")


class Example(NamedTuple):
    """A training image: inputs float32 [R, C, 9]; cloud and inside (not a fill border), bool [R, C]."""

    inputs: NDArray[np.float32]
    cloud: NDArray[np.bool_]
    inside: NDArray[np.bool_]


#: The result of a fit, and all that a prediction may use: arrays of numbers by name.
Tables = dict[str, NDArray]


@dataclass(frozen=True)
class Fitted:
    """A method that is fitted once, in NumPy: thresholds, histograms, or published constants."""

    #: (training images, seed of the run) -> tables. The images can be iterated several times.
    fit: Callable[[Iterable[Example], int], Tables]
    #: (inputs float32 [R, C, 9], tables) -> probability of cloud, float32 [R, C].
    predict: Callable[[NDArray[np.float32], Tables], NDArray[np.float32]]
    #: Whether both need complete scenes (percentiles of a scene) instead of patches.
    scenes: bool = True


Method = Network | Fitted
