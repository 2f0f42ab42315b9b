"""KappaMask (Domnich et al. 2021): a U-Net with two output channels, clear and cloud.

Four levels of two 3 x 3 convolutions with 1, 2, 4 and 8 times ``units`` filters, 16 times at the
bottom, no normalisation, dropout in the deepest level and at the bottom: 7,762,376 parameters
with 32 units, 31,036,296 with 64.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmark.methods.interface import About, Network, cross_entropy
from benchmark.methods.recipe import check_recipe

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

ABOUT = About(
    title="KappaMask",
    citations=(
        "KappaMask: AI-Based Cloudmask Processor for Sentinel-2 (2021). https://doi.org/10.3390/rs13204100",
        "The authors' training code at c441672 (Apache-2.0). https://github.com/kappazeta/cloudmask-fit",
    ),
    adapted="Every layer is the original's with layers=5. Adapted: nine SLSTR channels in the benchmark's "
    "normalisation instead of Sentinel-2 bands scaled to 0..1; the classes clear and cloud instead of six; "
    "32 units by default instead of the 64 of the published call. The published recipe is the Dice loss of "
    "each pixel and Adam; its learning rate 1e-4, batch size 6, 200 epochs and patches of 512 x 512 pixels "
    "are the configuration's. The two-channel ReLU before the output can die, which leaves a constant "
    "prediction; head_relu: false makes it linear.",
)

LEVELS = 4
#: Every level halves rows and columns once.
MULTIPLE = 2**LEVELS
UNITS = (32, 64)
DROPOUT = 0.5


@dataclass(frozen=True)
class Options:
    """recipe: shared (the benchmark's loss and optimizer) or published (the authors').

    units: filters of the first level, 32 or 64. head_relu: whether a ReLU follows the convolution before the
    output, as in the original.
    """

    recipe: str = "shared"
    units: int = 32
    head_relu: bool = True

    def __post_init__(self) -> None:
        check_recipe(self.recipe)
        if self.units not in UNITS:
            raise ValueError(f"units is {self.units!r}; expected 32 or 64")
        if not isinstance(self.head_relu, bool):
            raise ValueError(f"head_relu is {self.head_relu!r}; expected true or false")


def method(options: Options) -> Network:
    """Return the network with one of its two recipes; the optimizer is Adam in both."""
    return Network(
        build=partial(build_kappamask, units=options.units, head_relu=options.head_relu),
        loss=cross_entropy_of_both if options.recipe == "shared" else dice,
        head=cloud_channel,
        multiple=MULTIPLE,
    )


def cloud_channel(outputs: tf.Tensor) -> tf.Tensor:
    """[n, R, C, 2] -> [n, R, C]: the probability of cloud is the second channel."""
    return outputs[..., 1]


def cross_entropy_of_both(outputs: tf.Tensor, cloud: tf.Tensor) -> tf.Tensor:
    """Sum over pixels the mean binary cross-entropy of both channels [n, R, C, 2], clear and cloud.

    Each sigmoid has its own target, so that both channels and the whole layer before them are trained. If the
    two add up to 1, this is the cross-entropy of the probability of cloud.
    """
    import tensorflow as tf

    of_clear = cross_entropy(outputs[..., :1], tf.logical_not(cloud))
    return (of_clear + cross_entropy(outputs[..., 1:], cloud)) / 2


def dice(outputs: tf.Tensor, cloud: tf.Tensor) -> tf.Tensor:
    """Return the Dice loss of each pixel over its two classes, summed over pixels.

    With p the outputs [n, R, C, 2] and y the label as 0 and 1 in two channels, and sums over the channels:
    1 - (2 sum(y p) + 1) / (sum(y^2) + sum(p^2) + 1).
    """
    import tensorflow as tf

    label = tf.cast(tf.stack([tf.logical_not(cloud), cloud], axis=-1), outputs.dtype)
    common = tf.reduce_sum(label * outputs, axis=-1)
    squares = tf.reduce_sum(tf.square(label) + tf.square(outputs), axis=-1)
    return tf.reduce_sum(1 - (2 * common + 1) / (squares + 1))


def build_kappamask(shape: tuple[int, int, int], units: int = 32, head_relu: bool = True) -> keras.Model:
    """Build the model float32 [n, rows, columns, channels] -> [n, rows, columns, 2], P(clear), P(cloud).

    The output is float32. The first convolution and the output stay in float32 under every policy, see
    methods/unet.py.
    """
    import keras
    from keras import layers

    from benchmark.compute.layers import Conv2D, Dropout

    def convolved(
        x: keras.KerasTensor, filters: int, size: int = 3, dtype: str | None = None
    ) -> keras.KerasTensor:
        return Conv2D(
            filters, size, padding="same", activation="relu", kernel_initializer="he_normal", dtype=dtype
        )(x)

    filters = [units * 2**level for level in range(LEVELS)]
    inputs = layers.Input(shape, dtype="float32")
    x = inputs
    skips: list[keras.KerasTensor] = []
    for n in filters:
        x = convolved(convolved(x, n, dtype=None if skips else "float32"), n)
        if n == filters[-1]:
            x = Dropout(DROPOUT)(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = convolved(convolved(x, 2 * filters[-1]), 2 * filters[-1])
    x = Dropout(DROPOUT)(x)
    for n, skip in zip(reversed(filters), reversed(skips), strict=True):
        x = convolved(layers.UpSampling2D()(x), n, size=2)
        x = layers.Concatenate()([skip, x])
        x = convolved(convolved(x, n), n)
    activation = "relu" if head_relu else None
    x = Conv2D(2, 3, padding="same", activation=activation, kernel_initializer="he_normal", dtype="float32")(
        x
    )
    outputs = Conv2D(2, 1, activation="sigmoid", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="kappamask")
