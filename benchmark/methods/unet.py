"""The reference U-Net of the CloudMask benchmark, layer for layer.

Three levels of two 3 x 3 convolutions with 32, 64 and 128 filters, 256 at the bottom,
nearest-neighbour upsampling and skips, a sigmoid at the end: 1,948,609 parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmark.methods.interface import About, Network

if TYPE_CHECKING:
    import keras
    from keras import layers

    #: Applies a convolution to an image, or to the upsampled image joined to a skip; True: without padding.
    Convolved = Callable[
        [layers.Conv2D, keras.KerasTensor, keras.KerasTensor | None, bool], keras.KerasTensor
    ]

ABOUT = About(
    title="U-Net of the CloudMask reference",
    citations=(
        "U-Net: Convolutional Networks for Biomedical Image Segmentation (2015). https://arxiv.org/abs/1505.04597",
        "MLCommons Science, CloudMask reference implementation. "
        "https://github.com/mlcommons/science/tree/main/benchmarks/cloudmask",
    ),
    adapted="Nothing: it is the benchmark's reference, layer for layer.",
)

FILTERS = (32, 64, 128)
BOTTOM = 256
#: Every level halves rows and columns once.
MULTIPLE = 2 ** len(FILTERS)


def method() -> Network:
    """Return the reference model with the reference's loss and optimizer."""
    return Network(build=build_unet, multiple=MULTIPLE, optimised=optimised_unet, inner=inner_unet)


def build_unet(shape: tuple[int, int, int]) -> keras.Model:
    """Build the model float32 [n, rows, columns, channels] -> float32 [n, rows, columns, 1].

    The output is the probability of cloud. Under mixed_bfloat16 the first convolution stays in float32: a
    bfloat16 input would resolve a brightness temperature only to 0.2 K, about the difference between thin
    cloud and sea. The sigmoid is computed in float32 as well.
    """
    import keras
    from keras import layers

    policy = keras.config.dtype_policy()
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
        convolution: layers.Conv2D, x: keras.KerasTensor, skip: keras.KerasTensor | None, _: bool
    ) -> keras.KerasTensor:
        if skip is not None:
            x = layers.Concatenate(dtype=policy)([layers.UpSampling2D(2, dtype=policy)(x), skip])
        return convolution(x)

    inputs = layers.Input(shape, dtype="float32")
    return _connect(inputs, [*convolutions, probability], convolved, layers.MaxPooling2D)


def optimised_unet(
    model: keras.Model, shape: tuple[int, int] | None = None, xla: bool = False
) -> keras.Model:
    """Return the same function as ``build_unet``, with the same variables and 81 % of the operations.

    Only the computation and its rounding differ: see ``compute/convolution.py``. ``shape``: rows and columns
    of the images, multiples of 8, if not those of the patches. ``xla``: use operations that XLA compiles
    deterministically.
    """
    return _optimised(model, shape, xla, margin=0)


def inner_unet(model: keras.Model, crop: int, xla: bool = False) -> keras.Model:
    """Return ``optimised_unet`` without the outer crop / 2 pixels of its output and whatever only they need.

    With the benchmark's patches of 256 and a crop of 80, it takes seven tenths of the operations.
    """
    return _optimised(model, None, xla, margin=crop // 2)


def _optimised(model: keras.Model, shape: tuple[int, int] | None, xla: bool, margin: int) -> keras.Model:
    from keras import layers

    from benchmark.compute.convolution import Convolution, Pooling

    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    inputs = layers.Input((*shape, model.input.shape[-1]), dtype="float32") if shape else model.input
    pooling = Pooling if xla else layers.MaxPooling2D

    def convolved(
        convolution: layers.Conv2D, x: keras.KerasTensor, skip: keras.KerasTensor | None, valid: bool
    ) -> keras.KerasTensor:
        return Convolution(convolution, valid=valid)(*(image for image in (x, skip) if image is not None))

    return _connect(inputs, convolutions, convolved, pooling, margin)


def _connect(
    inputs: keras.KerasTensor,
    convolutions: Sequence[layers.Conv2D],
    convolved: Convolved,
    pooling: type[layers.Layer],
    margin: int = 0,
) -> keras.Model:
    """Connect these convolutions to a network, without the outer ``margin`` pixels of its output.

    On the way up, a level needs two pixels more on each side than it keeps, for its two convolutions, and
    half as many of the level below. The first convolution is padded, since TensorFlow adds the upsampled
    image within it only if both have the same size; pixels affected by the padding are cut off. A level that
    leaves out at most one pixel is padded throughout.
    """
    import keras
    from keras import layers

    remaining = iter(convolutions)

    def cropped(x: keras.KerasTensor, pixels: int) -> keras.KerasTensor:
        return layers.Cropping2D(pixels, dtype=x.dtype)(x) if pixels else x

    def twice(
        x: keras.KerasTensor, skip: keras.KerasTensor | None = None, left_out: int = 0
    ) -> keras.KerasTensor:
        first, second = next(remaining), next(remaining)
        valid = left_out >= 2
        before = _needed(left_out) * 2  # pixels left out of the image made from x and the skip
        if skip is None:
            x = cropped(x, left_out - 2) if valid else x
            x = layers.ReLU(dtype=first.dtype_policy)(convolved(first, x, None, valid))
        else:
            x = layers.ReLU(dtype=first.dtype_policy)(convolved(first, x, cropped(skip, before), False))
            x = cropped(x, left_out - 1 - before) if valid else x
        x = layers.ReLU(dtype=second.dtype_policy)(convolved(second, x, None, valid))
        return x if valid else cropped(x, left_out)

    margins = [margin]
    for _ in FILTERS:
        margins.append(_needed(margins[-1]))
    x, skips = inputs, []
    for _ in FILTERS:
        x = twice(x)
        skips.append(x)
        x = pooling(dtype=x.dtype)(x)
    x = twice(x, left_out=margins.pop())
    for skip in reversed(skips):
        x = twice(x, skip, margins.pop())
    return keras.Model(inputs, convolved(next(remaining), x, None, False), name="unet")


def _needed(left_out: int) -> int:
    """Return how many pixels the level below may leave out, given what this level leaves out."""
    return max(left_out - 2, 0) // 2
