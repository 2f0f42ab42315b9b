"""MSCFF (Li et al. 2019): multi-scale convolutional feature fusion, 1,510,761 parameters.

An encoder and a decoder of six residual blocks each with 64 filters, the innermost dilated, at 1, 1/2, 1/4
and three times 1/8 of the resolution. The output of each decoder block is reduced to two maps, brought to
full resolution and fused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.methods.interface import About, Network, cross_entropy
from benchmark.methods.recipe import Options

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

ABOUT = About(
    title="MSCFF",
    citations=(
        "Deep learning based cloud detection for medium and high resolution remote sensing images of "
        "different sensors. ISPRS Journal of Photogrammetry and Remote Sensing 150 (2019), 197-212.",
        "The authors' code at 61ea5ac (MIT). https://github.com/dr-lizhiwei/MSCFF",
    ),
    adapted="Blocks, fusion and 64 filters are the released code's; the dilations of the decoder are those "
    "that it calls the setting in the paper. Adapted: nine SLSTR channels in the benchmark's normalisation; "
    "two fused maps as the original has for images in red, green and blue, then one 3 x 3 convolution and a "
    "sigmoid, where the original's maps are linear; batch normalization with momentum 0.9. The published "
    "recipe is the squared error; the code states neither optimizer nor learning rate, batch size or "
    "epochs, so that Adam is used with both recipes. Left out: the lower learning rates of biases and of "
    "the last layer.",
)

FILTERS = 64
#: Dilation of each encoder block; a pooling follows each of the first three.
ENCODER = (1, 1, 1, 1, 2, 4)
#: Dilation of each decoder block; an upsampling precedes each of the last three.
DECODER = (4, 2, 1, 1, 1, 1)
POOLINGS = 3
MULTIPLE = 2**POOLINGS
#: Maps from each scale, and maps after the fusion.
MAPS = 2


def method(options: Options) -> Network:
    """Return the network with one of its two recipes; the optimizer is Adam in both."""
    loss = cross_entropy if options.recipe == "shared" else squared_error
    return Network(build=build_mscff, loss=loss, multiple=MULTIPLE)


def squared_error(outputs: tf.Tensor, cloud: tf.Tensor) -> tf.Tensor:
    """Sum over pixels the squared error of probabilities [n, R, C, 1] for cloud (bool [n, R, C])."""
    import tensorflow as tf

    return tf.reduce_sum(tf.square(outputs[..., 0] - tf.cast(cloud, outputs.dtype)))


def build_mscff(shape: tuple[int, int, int]) -> keras.Model:
    """Build the model float32 [n, rows, columns, channels] -> float32 [n, rows, columns, 1], P(cloud).

    The first convolution and the output stay in float32 under every policy, see methods/unet.py.
    """
    import keras
    from keras import layers

    from benchmark.compute.layers import BilinearKernel, Conv2D, Conv2DTranspose, Resize, batch_norm

    def convolved(
        x: keras.KerasTensor, filters: int, dilation: int = 1, dtype: str | None = None
    ) -> keras.KerasTensor:
        x = Conv2D(
            filters, 3, padding="same", dilation_rate=dilation, kernel_initializer="he_normal", dtype=dtype
        )(x)
        return layers.ReLU()(batch_norm(momentum=0.9, epsilon=1e-4)(x))

    def block(x: keras.KerasTensor, dilation: int, dtype: str | None = None) -> keras.KerasTensor:
        first = convolved(x, FILTERS, dilation, dtype)
        third = convolved(convolved(first, FILTERS, dilation), FILTERS, dilation)
        return layers.Add()([first, third])

    inputs = layers.Input(shape, dtype="float32")
    x = inputs
    encoded: list[keras.KerasTensor] = []
    for number, dilation in enumerate(ENCODER):
        x = block(x, dilation, dtype=None if encoded else "float32")
        encoded.append(x)
        if number < POOLINGS:
            x = layers.MaxPooling2D()(x)
    maps = []
    for number, dilation in enumerate(DECODER):
        if number >= len(DECODER) - POOLINGS:
            kernel = BilinearKernel()
            x = Conv2DTranspose(
                FILTERS, 4, strides=2, padding="same", use_bias=False, kernel_initializer=kernel
            )(x)
        x = layers.Add()([block(x, dilation), encoded.pop()])
        maps.append(convolved(x, MAPS))
    sized = [m if tuple(m.shape[1:3]) == tuple(shape[:2]) else Resize(shape[:2])(m) for m in maps]
    x = layers.Concatenate(dtype="float32")(sized)
    x = Conv2D(MAPS, 3, padding="same", kernel_initializer="he_normal", dtype="float32")(x)
    outputs = Conv2D(1, 3, padding="same", activation="sigmoid", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="mscff")
