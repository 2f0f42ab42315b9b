"""The U-Net of Wieland et al. (2019), layer for layer as in its published weights.

Four levels of two 3 x 3 convolutions with 32, 64, 128 and 256 filters, 512 at the bottom, batch normalization
after each ReLU, learnt upsampling: 7,773,601 parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.methods.interface import About, Network

if TYPE_CHECKING:
    import keras

ABOUT = About(
    title="U-Net of Wieland et al. (2019)",
    citations=(
        "Multi-sensor cloud and cloud shadow segmentation with a convolutional neural network (2019). "
        "https://doi.org/10.1016/j.rse.2019.05.022",
        "ukis-csmask 0.1.8, the network with its weights (Apache-2.0). https://github.com/dlr-eoc/ukis-csmask",
    ),
    adapted="Every layer is the original's. Adapted: nine SLSTR channels in the benchmark's normalisation "
    "instead of six (or four) standardised bands, and one sigmoid, cloud, instead of a softmax over five "
    "classes. Chosen here, because no publication that was found states them: loss, optimizer, learning "
    "rate, batch size, epochs and initial weights. Left out: the original's augmentation of contrast and "
    "brightness.",
)

FILTERS = (32, 64, 128, 256)
BOTTOM = 512
#: Every level halves rows and columns once.
MULTIPLE = 2 ** len(FILTERS)


@dataclass(frozen=True)
class Options:
    """recipe: shared, the benchmark's loss and optimizer."""

    recipe: str = "shared"

    def __post_init__(self) -> None:
        if self.recipe != "shared":
            raise ValueError(
                f"recipe is {self.recipe!r}; expected 'shared': no published loss or optimizer was found"
            )


def method(options: Options) -> Network:
    """Return the network with the benchmark's loss and optimizer, its only recipe."""
    return Network(build=build_wieland, multiple=MULTIPLE)


def build_wieland(shape: tuple[int, int, int], classes: int = 1) -> keras.Model:
    """Build the model float32 [n, rows, columns, channels] -> float32 [n, rows, columns, classes].

    Probabilities: of cloud for one class, else of each class. The first convolution and the output stay in
    float32 under every policy, see methods/unet.py.
    """
    import keras
    from keras import layers

    from benchmark.compute.layers import Conv2D, Conv2DTranspose, batch_norm

    def convolved(x: keras.KerasTensor, filters: int, dtype: str | None = None) -> keras.KerasTensor:
        x = Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", dtype=dtype
        )(x)
        return batch_norm(momentum=0.99, epsilon=1e-6)(x)

    inputs = layers.Input(shape, dtype="float32")
    x = inputs
    skips: list[keras.KerasTensor] = []
    for filters in FILTERS:
        x = convolved(x, filters, dtype=None if skips else "float32")
        x = convolved(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = convolved(convolved(x, BOTTOM), BOTTOM)
    for filters, skip in zip(reversed(FILTERS), reversed(skips), strict=True):
        x = Conv2DTranspose(filters, 2, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.Concatenate()([x, skip])
        x = convolved(convolved(x, filters), filters)
    activation = "sigmoid" if classes == 1 else "softmax"
    outputs = Conv2D(classes, 1, activation=activation, dtype="float32")(x)
    return keras.Model(inputs, outputs, name="wieland")
