"""The reference U-Net of the CloudMask benchmark, layer for layer.

Three levels of two 3 x 3 convolutions with 32, 64 and 128 filters, 256 at the bottom,
nearest-neighbour upsampling and skips, a sigmoid at the end: 1,948,609 parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers

from benchmark.compute.convolution import Convolution, Pooling

FILTERS = (32, 64, 128)
BOTTOM = 256
#: Every level halves rows and columns once.
MULTIPLE = 2 ** len(FILTERS)

#: Multiply-adds count as two operations; a training step costs about three forward passes.
TRAINING_PASSES = 3

#: What a convolution makes of an image, or of the image upsampled next to a skip.
Convolved = Callable[[layers.Conv2D, keras.KerasTensor, keras.KerasTensor | None], keras.KerasTensor]


def build_unet(patch: int, channels: int, precision: str) -> keras.Model:
    """The model float32 [n, patch, patch, channels] -> float32 [n, patch, patch, 1].

    The output is the probability of cloud. Under mixed_bfloat16 the first convolution stays
    in float32: a bfloat16 input would resolve a brightness temperature to 0.2 K only, as
    coarse as what separates thin cloud from sea. The sigmoid is computed in float32 as well.
    """
    policy = keras.DTypePolicy(precision)
    float32 = keras.DTypePolicy("float32")
    filters = [n for n in (*FILTERS, BOTTOM, *reversed(FILTERS)) for _ in range(2)]
    convolutions = [
        layers.Conv2D(n, 3, padding="same", kernel_initializer="he_normal", dtype=policy if i else float32)
        for i, n in enumerate(filters)
    ]
    probability = layers.Conv2D(
        1, 1, padding="same", activation="sigmoid", kernel_initializer="he_normal", dtype=float32
    )

    def convolved(
        convolution: layers.Conv2D, x: keras.KerasTensor, skip: keras.KerasTensor | None
    ) -> keras.KerasTensor:
        if skip is not None:
            x = layers.Concatenate(dtype=policy)([layers.UpSampling2D(2, dtype=policy)(x), skip])
        return convolution(x)

    inputs = layers.Input((patch, patch, channels), dtype="float32")
    return _connect(inputs, [*convolutions, probability], convolved)


def optimised_unet(
    model: keras.Model, shape: tuple[int, int] | None = None, *, xla: bool = False
) -> keras.Model:
    """The same function of the same variables as ``build_unet``'s, in 81 % of the operations.

    Only how it is computed differs, and so its rounding: see ``convolution.py``. ``shape``: rows and
    columns of the images, multiples of 8, if not those of the patches. ``xla``: with operations that
    XLA compiles deterministically.
    """
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    inputs = layers.Input((*shape, model.input.shape[-1]), dtype="float32") if shape else model.input
    pooling = Pooling if xla else layers.MaxPooling2D
    return _connect(
        inputs, convolutions, lambda convolution, *images: Convolution(convolution)(*images), pooling
    )


def _connect(
    inputs: keras.KerasTensor,
    convolutions: Sequence[layers.Conv2D],
    convolved: Convolved,
    pooling: type[layers.Layer] = layers.MaxPooling2D,
) -> keras.Model:
    remaining = iter(convolutions)

    def twice(x: keras.KerasTensor, skip: keras.KerasTensor | None = None) -> keras.KerasTensor:
        first, second = next(remaining), next(remaining)
        x = layers.ReLU(dtype=first.dtype_policy)(convolved(first, x, skip))
        return layers.ReLU(dtype=second.dtype_policy)(convolved(second, x, None))

    x, skips = inputs, []
    for _ in FILTERS:
        x = twice(x)
        skips.append(x)
        x = pooling(dtype=x.dtype)(x)
    x = twice(x)
    for skip in reversed(skips):
        x = twice(x, skip)
    return keras.Model(inputs, convolved(next(remaining), x, None), name="unet")


def forward_operations(model: keras.Model) -> int:
    """Floating-point operations of the convolutions in one forward pass of one patch.

    Of ``build_unet``'s model those that the reference defines, of ``optimised_unet``'s those carried out.
    """
    total = 0.0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | Convolution):
            convolution = layer if isinstance(layer, layers.Conv2D) else layer.convolution
            products = float(np.prod(convolution.kernel.shape))
            if isinstance(layer, Convolution) and isinstance(layer.input, list):
                # An output pixel meets 4 weights of an upsampled channel instead of 9.
                products -= (9 - 4) * layer.input[0].shape[-1] * convolution.filters
            _, rows, columns, _ = layer.output.shape
            total += 2 * rows * columns * products
    return round(total)
