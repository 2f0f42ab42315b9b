"""Compute the model's convolutions with the variables of its Conv2D layers.

Three things differ from how the layers compute, but the function is the same:

- The gradient of a bias is a sum over all pixels of a batch. TensorFlow's BiasAddGrad adds
  bfloat16 values in bfloat16 on a CPU and stops growing after a few thousand of them: at batch 8
  it returned 2 to 10 % of the sum. Here the gradient is a Sum, which adds in float32; the forward pass
  stays a BiasAdd, which TensorFlow fuses with the convolution and the ReLU around it.
- Nearest-neighbour upsampling repeats every value in 2 x 2 pixels, so a 3 x 3 kernel over
  repeated values multiplies each of them several times. Adding those weights first gives a
  transposed convolution of the small image with a 4 x 4 kernel and stride 2: 16 products for
  a value instead of 36, and neither the upsampled nor the concatenated image is ever stored.
- A 1 x 1 kernel is a matrix product. As a convolution with one filter, including gradients, it took
  a CPU 31 ms for a batch of 8; as a product 7 ms.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers


class Convolution(layers.Layer):
    """Compute a Conv2D layer's ``convolution(x)``, or ``convolution(concatenate([upsample(x), skip]))``.

    x: [n, R, C, a], skip: [n, 2 R, 2 C, b] -> [n, R, C, filters], or twice as large with a skip. ``valid``,
    without a skip: only pixels where the whole kernel fits in the image, one fewer on each side.
    """

    def __init__(self, convolution: layers.Conv2D, *, valid: bool = False) -> None:
        # Kernels stay in float32 until their weights are added; images keep their type.
        super().__init__(dtype="float32", autocast=False)
        self.convolution = convolution
        self.valid = valid

    def call(self, x: tf.Tensor, skip: tf.Tensor | None = None) -> tf.Tensor:
        x = tf.cast(x, self.convolution.compute_dtype)
        kernel = tf.convert_to_tensor(self.convolution.kernel)
        bias = tf.cast(tf.convert_to_tensor(self.convolution.bias), x.dtype)
        if skip is None:
            return self.convolution.activation(_with_bias(_convolved(x, kernel, valid=self.valid), bias))
        of_x, of_skip = tf.split(kernel, [x.shape[-1], skip.shape[-1]], axis=2)
        shape = tf.concat([tf.shape(skip)[:3], [self.convolution.filters]], axis=0)
        widened = tf.cast(widened_kernel(of_x), x.dtype)
        upsampled = tf.nn.conv2d_transpose(x, widened, shape, strides=2, padding="SAME")
        return self.convolution.activation(_with_bias(_convolved(skip, of_skip), bias) + upsampled)

    def compute_output_spec(
        self, x: keras.KerasTensor, skip: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        n, rows, columns = (x if skip is None else skip).shape[:3]
        lost = self.convolution.kernel_size[0] - 1 if self.valid else 0
        shape = (n, rows - lost, columns - lost, self.convolution.filters)
        return keras.KerasTensor(shape, dtype=self.convolution.compute_dtype)


class Pooling(layers.Layer):
    """The maximum of every 2 x 2 pixels: [n, R, C, a] -> [n, R / 2, C / 2, a].

    For XLA, which has no deterministic gradient of MaxPool. After a ReLU the gradients are the same: equal
    pixels share one, and apart from 0 pixels are almost never equal.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        _, rows, columns, channels = x.shape
        return tf.reduce_max(tf.reshape(x, (-1, rows // 2, 2, columns // 2, 2, channels)), axis=(2, 4))


def widened_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """Convert the kernel [3, 3, a, filters] of a convolution to [4, 4, filters, a] of the transposed one.

    A transposed convolution reads its kernel backwards; along each axis, weights (u, v, w) become (w, v + w,
    u + v, u).
    """
    widened = tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2])
    for axis in (0, 1):
        before = [[int(i == axis), 0] for i in range(4)]
        after = [[0, int(i == axis)] for i in range(4)]
        widened = tf.pad(widened, before) + tf.pad(widened, after)
    return widened


def _convolved(x: tf.Tensor, kernel: tf.Tensor, *, valid: bool = False) -> tf.Tensor:
    kernel = tf.cast(kernel, x.dtype)
    if kernel.shape[:2] == (1, 1):
        flat = tf.matmul(tf.reshape(x, (-1, kernel.shape[2])), kernel[0, 0])
        return tf.reshape(flat, tf.concat([tf.shape(x)[:3], [kernel.shape[3]]], axis=0))
    return tf.nn.conv2d(x, kernel, strides=1, padding="VALID" if valid else "SAME")


@tf.custom_gradient
def _with_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return upstream, tf.reduce_sum(upstream, axis=(0, 1, 2))

    return tf.nn.bias_add(x, bias), gradients
