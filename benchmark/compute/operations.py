"""Count the operations of a network's convolutions, from the shapes of its layers."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from benchmark.compute.convolution import Convolution

#: Multiply-adds count as two operations; a training step costs about three forward passes.
TRAINING_PASSES = 3


def forward_operations(model: keras.Model) -> int:
    """Return the floating-point operations of the convolutions in one forward pass of one patch.

    For a model as built these are the operations of its definition, for an optimised one those carried out.
    """
    total = 0.0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2DTranspose):
            _, rows, columns, _ = layer.input.shape  # every input pixel meets the kernel once
            total += 2 * rows * columns * float(np.prod(layer.kernel.shape))
        elif isinstance(layer, layers.Conv2D | Convolution):
            convolution = layer if isinstance(layer, layers.Conv2D) else layer.convolution
            products = float(np.prod(convolution.kernel.shape))
            if isinstance(layer, Convolution) and isinstance(layer.input, list):
                # An output pixel meets 4 weights of an upsampled channel instead of 9.
                products -= (9 - 4) * layer.input[0].shape[-1] * convolution.filters
            _, rows, columns, _ = layer.output.shape
            total += 2 * rows * columns * products
    return round(total)
