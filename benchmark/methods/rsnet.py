"""RS-Net (Jeppesen et al. 2019): a U-Net with a normalised encoder, 7,856,321 parameters.

Four levels of two 3 x 3 convolutions with 32, 64, 128 and 256 filters, 512 at the bottom, ELU and then batch
normalization on the way down, nearest-neighbour upsampling and ELU alone on the way up.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmark.methods.interface import About, Network
from benchmark.methods.recipe import Options

if TYPE_CHECKING:
    import keras

ABOUT = About(
    title="RS-Net",
    citations=(
        "A cloud detection algorithm for satellite imagery based on deep learning (2019). "
        "https://doi.org/10.1016/j.rse.2019.03.039",
        "The authors' code at b49d9d1 (MIT). https://github.com/JacobJeppesen/RS-Net",
    ),
    adapted="Every layer is the original's. Adapted: nine SLSTR channels in the benchmark's normalisation, "
    "without the original's contrast stretch, which would erase absolute temperatures; the network predicts "
    "complete patches, and the published recipe leaves their 20 outer pixels out of the loss, where the "
    "original crops them off. The published recipe is the article's best run on SPARCS with bands 1-7 and "
    "9: Adam with AMSGrad, L2 5.8e-4, no dropout, learning rate 2.1e-4, batch size 40, 53 epochs; the last "
    "three are the configuration's.",
)

FILTERS = (32, 64, 128, 256)
BOTTOM = 512
#: Every level halves rows and columns once.
MULTIPLE = 2 ** len(FILTERS)

#: The code's default, kept by the shared recipe.
DROPOUT = 0.2
PUBLISHED_L2 = 5.8e-4
PUBLISHED_MARGIN = 20


def method(options: Options) -> Network:
    """Return the network with one of its two recipes."""
    if options.recipe == "shared":
        return Network(build=partial(build_rsnet, dropout=DROPOUT), multiple=MULTIPLE)
    return Network(
        build=partial(build_rsnet, l2=PUBLISHED_L2),
        optimizer=amsgrad,
        multiple=MULTIPLE,
        margin=PUBLISHED_MARGIN,
    )


def amsgrad() -> keras.Optimizer:
    """Return Adam with AMSGrad, otherwise with Keras's defaults of that time."""
    import keras

    return keras.optimizers.Adam(beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=True)


def build_rsnet(shape: tuple[int, int, int], dropout: float = 0.0, l2: float = 0.0) -> keras.Model:
    """Build the model float32 [n, rows, columns, channels] -> float32 [n, rows, columns, 1], P(cloud).

    ``dropout``: fraction dropped after the last 3 x 3 convolution. ``l2``: penalty of all 3 x 3 kernels, in
    ``model.losses``. The first convolution and the output stay in float32 under every policy, see
    methods/unet.py.
    """
    import keras
    from keras import layers

    from benchmark.compute.layers import Conv2D, Dropout, batch_norm

    def convolved(x: keras.KerasTensor, filters: int, dtype: str | None = None) -> keras.KerasTensor:
        penalty = keras.regularizers.L2(l2) if l2 else None
        return Conv2D(filters, 3, padding="same", activation="elu", kernel_regularizer=penalty, dtype=dtype)(
            x
        )

    def normalised(x: keras.KerasTensor) -> keras.KerasTensor:
        return batch_norm(momentum=0.7)(x)

    inputs = layers.Input(shape, dtype="float32")
    x = inputs
    skips: list[keras.KerasTensor] = []
    for filters in FILTERS:
        x = normalised(convolved(x, filters, dtype=None if skips else "float32"))
        x = normalised(convolved(x, filters))
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    for _ in range(2):
        x = normalised(convolved(x, BOTTOM))
    for filters, skip in zip(reversed(FILTERS), reversed(skips), strict=True):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = convolved(convolved(x, filters), filters)
    if dropout:
        x = Dropout(dropout)(x)
    outputs = Conv2D(1, 1, activation="sigmoid", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="rsnet")
