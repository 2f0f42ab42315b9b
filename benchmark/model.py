"""The reference U-Net of the CloudMask benchmark, layer for layer.

Three levels of two 3 x 3 convolutions with 32, 64 and 128 filters, 256 at the bottom,
nearest-neighbour upsampling and skips, a sigmoid at the end: 1,948,609 parameters.
"""

from __future__ import annotations

import keras
from keras import layers

FILTERS = (32, 64, 128)
BOTTOM = 256

#: Multiply-adds count as two operations; a training step costs about three forward passes.
TRAINING_PASSES = 3


def build_unet(patch: int, channels: int, precision: str) -> keras.Model:
    """The model float32 [n, patch, patch, channels] -> float32 [n, patch, patch, 1].

    The output is the probability of cloud. Under mixed_bfloat16 the first convolution stays
    in float32: a bfloat16 input would resolve a brightness temperature to 0.2 K only, as
    coarse as what tells thin cloud from sea. The sigmoid is computed in float32 as well.
    """
    policy = keras.DTypePolicy(precision)
    float32 = keras.DTypePolicy("float32")

    def convolution(x: keras.KerasTensor, filters: int, policy: keras.DTypePolicy) -> keras.KerasTensor:
        x = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal", dtype=policy)(x)
        return layers.ReLU(dtype=policy)(x)

    inputs = layers.Input((patch, patch, channels), dtype="float32")
    x, skips = inputs, []
    for level, filters in enumerate(FILTERS):
        x = convolution(x, filters, float32 if level == 0 else policy)
        x = convolution(x, filters, policy)
        skips.append(x)
        x = layers.MaxPooling2D(2, dtype=policy)(x)
    x = convolution(x, BOTTOM, policy)
    x = convolution(x, BOTTOM, policy)
    for filters, skip in zip(reversed(FILTERS), reversed(skips), strict=True):
        x = layers.UpSampling2D(2, dtype=policy)(x)
        x = layers.Concatenate(dtype=policy)([x, skip])
        x = convolution(x, filters, policy)
        x = convolution(x, filters, policy)
    probability = layers.Conv2D(
        1, 1, padding="same", activation="sigmoid", kernel_initializer="he_normal", dtype=float32
    )(x)
    return keras.Model(inputs, probability, name="unet")


def forward_operations(model: keras.Model) -> int:
    """Floating-point operations of the convolutions in one forward pass of one patch."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            _, rows, columns, filters = layer.output.shape
            total += (
                2
                * rows
                * columns
                * filters
                * layer.kernel.shape[0]
                * layer.kernel.shape[1]
                * layer.kernel.shape[2]
            )
    return total
