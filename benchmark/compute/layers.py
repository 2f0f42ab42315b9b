"""Layers for networks whose result must not depend on how many replicas share a batch.

A batch shared by several replicas is normalised and dropped out as one. The layers compute what the Keras
layers of the same name compute; each docstring says what differs and why.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

_registered = keras.saving.register_keras_serializable(package="cloudmask")


def batch_norm(**options: Any) -> layers.BatchNormalization:
    """Return batch normalization over the batch of all replicas, with statistics in float32.

    Plain Keras normalises each replica's share separately and keeps moving statistics per replica, which then
    drift apart. ``options`` are those of the Keras layer. Call it, like anything that builds a model, under
    the strategy that will train.
    """
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    return layers.BatchNormalization(synchronized=several, **options)


@_registered
class Dropout(layers.Layer):
    """Zeroes a fraction ``rate`` of all values in training and scales the others by 1 / (1 - rate).

    What is dropped from an image depends only on the layer's seed, the number of previous training steps, and
    the image's position in the batch of all replicas, which have equal shares. Seed and steps are the int64
    variable ``seed_generator.state``: among ``model.variables``, but not among the weights. Without a given
    seed, it is drawn as in Keras layers. The mask is drawn in float32, so that every precision drops the same
    values; XLA draws different ones.
    """

    def __init__(self, rate: float, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not 0 <= rate < 1:
            raise ValueError(f"rate is {rate}; expected a number from 0 to below 1")
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or self.rate == 0:
            return x
        seed_and_step = self.seed_generator.next()
        images = tf.shape(x)[0]
        places = _replica() * images + tf.range(images)

        def kept_of(place: tf.Tensor) -> tf.Tensor:
            key = tf.random.experimental.stateless_fold_in(seed_and_step, place, alg="philox")
            return tf.random.stateless_uniform(tf.shape(x)[1:], key, alg="philox") >= self.rate

        kept = tf.map_fn(kept_of, places, fn_output_signature=tf.TensorSpec(x.shape[1:], tf.bool))
        return tf.where(kept, x / (1 - self.rate), tf.zeros_like(x))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@_registered
class Conv2D(layers.Conv2D):
    """The Keras layer, but its bias gradient is summed in float32: see compute/convolution.py."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return _with_bias(self, self.convolution_op(x, self.kernel))


@_registered
class Conv2DTranspose(layers.Conv2DTranspose):
    """The Keras layer, but its bias gradient is summed in float32: see compute/convolution.py."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        convolved = keras.ops.conv_transpose(x, self.kernel, strides=list(self.strides), padding=self.padding)
        return _with_bias(self, convolved)


@_registered
class Resize(layers.Layer):
    """Resizes an image: [n, rows, columns, a] -> [n, *size, a], computed in float32.

    ``bilinear``: interpolates between pixel centres and extends the values at the edge.
    ``average``: takes the mean over ``size`` cells that cover the image; neighbouring cells overlap by a
    pixel where the size does not divide evenly.

    Both multiply with one matrix for the rows and one for the columns: deterministic, including gradients, on
    every device and under XLA.
    """

    def __init__(
        self, size: tuple[int, int], method: Literal["bilinear", "average"] = "bilinear", **options: Any
    ) -> None:
        super().__init__(**options)
        self.size = tuple(size)
        self.method = method

    def call(self, x: tf.Tensor) -> tf.Tensor:
        matrix = bilinear_matrix if self.method == "bilinear" else average_matrix
        _, rows, columns, channels = x.shape
        of_rows, of_columns = (
            tf.constant(matrix(before, after), tf.float32)
            for before, after in zip((rows, columns), self.size, strict=True)
        )
        flat = tf.reshape(tf.cast(x, tf.float32), (-1, rows, columns * channels))
        resized = tf.reshape(tf.matmul(of_rows, flat), (-1, self.size[0], columns, channels))
        return tf.cast(tf.matmul(of_columns, resized), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "method": self.method}


@_registered
class BilinearKernel(keras.initializers.Initializer):
    """Kernel [4, 4, a, a] of a transposed convolution of stride 2 that interpolates each channel."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None, **_: Any) -> tf.Tensor:
        if tuple(shape[:2]) != (4, 4) or shape[2] != shape[3]:
            raise ValueError(f"a kernel of shape {tuple(shape)}; expected (4, 4, a, a)")
        along = np.array([1, 3, 3, 1]) / 4
        return tf.constant(np.einsum("u,v,ab->uvab", along, along, np.eye(shape[2])), dtype or tf.float32)


def bilinear_matrix(before: int, after: int) -> NDArray[np.float64]:
    """Return [after, before]: weights of ``before`` pixels in each of ``after`` that span the same length."""
    position = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    distance = np.abs(position[:, None] - np.arange(before))
    return np.maximum(1 - distance, 0)


def average_matrix(before: int, after: int) -> NDArray[np.float64]:
    """Return [after, before]: weights of ``before`` pixels in each of ``after`` cells; rows add up to 1."""
    cells, pixels = np.arange(after)[:, None], np.arange(before)
    first, last = cells * before // after, -(-(cells + 1) * before // after)
    inside = (first <= pixels) & (pixels < last)
    return inside / inside.sum(axis=1, keepdims=True)


def _with_bias(layer: layers.Layer, x: tf.Tensor) -> tf.Tensor:
    """Add the layer's bias, if any, to ``x`` [n, R, C, filters] and apply its activation."""
    if layer.use_bias:
        # Not BiasAdd as in Keras: its gradient adds bfloat16 values in bfloat16 on a CPU.
        x = tf.add(x, tf.cast(tf.convert_to_tensor(layer.bias), x.dtype))
    return x if layer.activation is None else layer.activation(x)


def _replica() -> tf.Tensor | int:
    """Return the number of the current replica among those of all workers."""
    context = tf.distribute.get_replica_context()
    return context.replica_id_in_sync_group if context else 0
