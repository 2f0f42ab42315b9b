"""MFFSNet (Yan et al. 2018), a re-implementation: pyramid pooling at four depths, 10,365,889 parameters.

The first three stages of a ResNet-101, down to 1/8 of the resolution, and two dilated convolutions. A pyramid
pooling module processes each of the four depths; their results are summed from the deepest up and classified
at 1/4 of the resolution.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmark.methods.interface import About, Network
from benchmark.methods.recipe import Options

if TYPE_CHECKING:
    import keras

ABOUT = About(
    title="MFFSNet (re-implementation)",
    citations=(
        "Cloud and Cloud Shadow Detection Using Multilevel Feature Fused Segmentation Network (2018). "
        "https://openreview.net/forum?id=PFnBXN34VE-",
        "A re-implementation by others that was read for its structure. https://github.com/djw-easy/MCDNet",
    ),
    adapted="No code of the authors was found: the structure is that of a re-implementation by others, and "
    "other readings of the article are possible. Adapted: nine SLSTR channels in the benchmark's "
    "normalisation; weights from scratch, not from ImageNet; one sigmoid, cloud, instead of classes for "
    "cloud and shadow; bilinear resizing between the centres of pixels instead of aligned corners, so that "
    "a scene is sampled as a patch is; no biases before a batch normalization. The published recipe is the "
    "re-implementation's: SGD with momentum 0.9 and weight decay 1e-4 of all parameters, cross-entropy; its "
    "learning rate 1e-4 and polynomial decay are the configuration's.",
)

#: Blocks of conv2_x and conv3_x, and the filters inside them; a block returns four times as many.
STAGES = ((3, 64), (4, 128))
FILTERS = 512
BINS = (1, 2, 3, 6)
#: Rows and columns are divided by 2 three times.
MULTIPLE = 8
PUBLISHED_DECAY = 1e-4


def method(options: Options) -> Network:
    """Return the network with one of its two recipes."""
    if options.recipe == "shared":
        return Network(build=build_mffsnet, multiple=MULTIPLE)
    return Network(build=partial(build_mffsnet, decay=PUBLISHED_DECAY), optimizer=momentum, multiple=MULTIPLE)


def momentum() -> keras.Optimizer:
    """Return SGD with momentum; the weight decay is in the model's losses, see ``build_mffsnet``."""
    import keras

    return keras.optimizers.SGD(momentum=0.9)


def build_mffsnet(shape: tuple[int, int, int], decay: float = 0.0) -> keras.Model:
    """Build the model float32 [n, rows, columns, channels] -> float32 [n, rows, columns, 1], P(cloud).

    ``decay``: weight decay of all parameters, added to the gradient before the momentum as in PyTorch. It is
    a penalty in ``model.losses``, because Keras's own decay comes after the momentum, a tenth as strong. The
    first convolution and the output stay in float32 under every policy, see methods/unet.py.
    """
    import keras
    from keras import layers

    from benchmark.compute.layers import Conv2D, Resize, batch_norm

    penalty = keras.regularizers.L2(decay / 2) if decay else None
    initial = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")

    def convolved(x: keras.KerasTensor, filters: int, size: int, **options: Any) -> keras.KerasTensor:
        return Conv2D(
            filters,
            size,
            padding="same",
            kernel_initializer=initial.clone(),
            kernel_regularizer=penalty,
            bias_regularizer=penalty,
            **options,
        )(x)

    def normalised(x: keras.KerasTensor, filters: int, size: int, **options: Any) -> keras.KerasTensor:
        x = convolved(x, filters, size, use_bias=False, **options)
        return batch_norm(momentum=0.9, epsilon=1e-5, beta_regularizer=penalty, gamma_regularizer=penalty)(x)

    def bottleneck(x: keras.KerasTensor, filters: int, strides: int, project: bool) -> keras.KerasTensor:
        inner = layers.ReLU()(normalised(x, filters, 1))
        inner = layers.ReLU()(normalised(inner, filters, 3, strides=strides))
        inner = normalised(inner, 4 * filters, 1)
        if project:
            x = normalised(x, 4 * filters, 1, strides=strides)
        return layers.ReLU()(layers.Add()([inner, x]))

    def pyramid(x: keras.KerasTensor) -> keras.KerasTensor:
        size, channels = tuple(x.shape[1:3]), x.shape[-1]
        levels = [x]
        for bins in BINS:
            pooled = Resize((bins, bins), "average")(x)
            pooled = layers.ReLU()(normalised(pooled, channels // len(BINS), 1))
            levels.append(Resize(size)(pooled))
        return convolved(layers.Concatenate()(levels), FILTERS, 1)

    inputs = layers.Input(shape, dtype="float32")
    x = layers.ReLU()(normalised(inputs, 64, 7, strides=2, dtype="float32"))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    depths = []
    for stage, (blocks, filters) in enumerate(STAGES):
        for block in range(blocks):
            x = bottleneck(x, filters, strides=2 if stage and not block else 1, project=not block)
        depths.append(x)
    for _ in range(2):
        x = convolved(x, FILTERS, 3, dilation_rate=2)
        depths.append(x)
    shallow, *deep = map(pyramid, depths)
    x = deep.pop()
    while deep:
        x = layers.Add()([x, deep.pop()])
    x = layers.Add()([Resize(tuple(shallow.shape[1:3]))(x), shallow])
    x = layers.ReLU()(normalised(x, 256, 3))
    x = layers.ReLU()(normalised(x, 128, 3))
    x = convolved(x, 1, 1, dtype="float32")
    x = Resize(shape[:2], dtype="float32")(x)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name="mffsnet")
