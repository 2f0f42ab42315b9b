"""The bound of a step: the time of its convolutions alone, layer by layer, and of the other memory traffic.

For each convolution of a network, the library's own operations are timed in the shapes and the precision of
the model: forward, gradient of the input, gradient of the filter. The best of several times counts. The rest
of a step moves memory: ReLUs, their gradients, pooling, sums of two images. Its bytes are counted and divided
by the measured bandwidth. The sum of both is a bound for the layers as they are; nothing is assumed to
overlap, and what the library fuses with a convolution is not counted twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import keras
import tensorflow as tf

from benchmark.bench.cards import say_card_limits
from benchmark.compute.convolution import Convolution
from benchmark.compute.engine import Engine
from benchmark.core.display import Display
from benchmark.core.measure import row, seconds

#: Number of times an operation is timed; the best time counts.
TURNS = 5
#: Bytes of the array whose copy measures the bandwidth: far more than any cache.
COPIED = 256 * 2**20
#: Rows and columns of the matrices whose product is measured.
SIZE = 2048
#: Number of layers in the table: those that lose most.
SHOWN = 6

PASSES = ("forward", "input", "filter")


@dataclass(frozen=True)
class Timed:
    """One convolution of a batch: operations per pass, and the best seconds of each pass."""

    name: str
    #: Multiply-adds count as two.
    operations: float
    seconds: dict[str, float]

    def rate(self, which: str) -> float:
        """Return the GFLOP/s of a pass."""
        return self.operations / self.seconds[which] / 1e9


@dataclass(frozen=True)
class Bound:
    """Least seconds for a training step and for a prediction of one batch."""

    training: float
    inference: float


def measure_bound(display: Display, engine: Engine) -> Bound:
    """Time every convolution of the engine's networks alone, print where most is lost, return the bound."""
    batch = engine.global_batch
    timed = [_timed(*parts) for parts in _convolutions(engine.network, batch)]
    forward = [
        _timed(name, operations, {"forward": passes["forward"]})
        for name, operations, passes in _convolutions(engine.inner, batch)
    ]
    bandwidth = _bandwidth()
    moved = _moved(*_image_bytes(engine.network, batch), training=True)
    training = sum(sum(each.seconds.values()) for each in timed) + moved / bandwidth
    moved = _moved(*_image_bytes(engine.inner, batch), training=False)
    inference = sum(each.seconds["forward"] for each in forward) + moved / bandwidth
    say_card_limits(display)
    row(display, "memory bandwidth", [bandwidth / 1e9], "GB/s", "reading and writing a large array")
    product = _product(engine.precision.removeprefix("mixed_"))
    row(display, "product of matrices", [product / 1e9], "GFLOP/s", f"{SIZE} x {SIZE}, {engine.precision}")
    for which in PASSES:
        spent = [each for each in timed if which in each.seconds]
        rate = sum(each.operations for each in spent) / sum(each.seconds[which] for each in spent) / 1e9
        share = sum(each.seconds[which] for each in spent) / training
        note = f"{100 * share:.0f} % of the bound of a training step"
        row(display, f"convolutions, {which}", [rate], "GFLOP/s", note)
    _say_losses(display, timed)
    return Bound(training, inference)


def _say_losses(display: Display, timed: list[Timed]) -> None:
    """Print the passes that would gain most at the best rate that the library reaches here."""
    best = max(each.rate(which) for each in timed for which in each.seconds)
    lost = [
        (each.seconds[which] - each.operations / best / 1e9, each, which)
        for each in timed
        for which in each.seconds
    ]
    display.say(f"lost against the best of these rates, {best:.0f} GFLOP/s:")
    for spent, each, which in sorted(lost, key=itemgetter(0), reverse=True)[:SHOWN]:
        display.say(
            f"  {each.name:32} {which:8} {each.rate(which):6.0f} GFLOP/s  {1000 * spent:7.1f} ms a step"
        )


Passes = dict[str, Callable[[], Any]]


def _convolutions(network: keras.Model, batch: int) -> Iterator[tuple[str, float, Passes]]:
    """Yield name, operations and passes of each convolution that a network carries out on a batch."""
    layers = [each for each in network.layers if isinstance(each, Convolution)]
    for number, layer in enumerate(layers, start=1):
        convolution = layer.convolution
        kind, filters = convolution.compute_dtype, convolution.filters
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        _, rows, columns, _ = layer.output.shape
        name = f"{number}: {rows} x {columns}"
        *upsampled, image = inputs
        for each in upsampled:
            shape = (batch, *each.shape[1:])
            yield f"{name}, {shape[-1]} -> {filters} up", *_transposed(shape, filters, kind)
        shape = (batch, rows, columns, image.shape[-1])
        operations, passes = _plain(shape, convolution.kernel_size[0], filters, kind)
        if number == 1:  # the gradient of the scene is not needed
            del passes["input"]
        yield f"{name}, {shape[-1]} -> {filters}", operations, passes


def _plain(shape: tuple[int, ...], size: int, filters: int, kind: str) -> tuple[float, Passes]:
    """Time a convolution of an image [n, R, C, a] with a kernel [size, size, a, filters].

    One of 1 x 1 is timed as a matrix product, as it is computed (compute/convolution.py).
    """
    n, rows, columns, channels = shape
    operations = 2.0 * n * rows * columns * size * size * channels * filters
    if size == 1:
        pixels = n * rows * columns
        a, b, weights = (
            _random(each, kind) for each in ((pixels, channels), (pixels, filters), (channels, filters))
        )
        return operations, {
            "forward": tf.function(lambda: tf.matmul(a, weights)),
            "input": tf.function(lambda: tf.matmul(b, weights, transpose_b=True)),
            "filter": tf.function(lambda: tf.matmul(a, b, transpose_a=True)),
        }
    x, y = _random(shape, kind), _random((n, rows, columns, filters), kind)
    kernel = _random((size, size, channels, filters), kind)
    options: dict[str, Any] = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    passes = {
        "forward": tf.function(lambda: tf.nn.conv2d(x, kernel, 1, "SAME")),
        "input": tf.function(
            lambda: tf.raw_ops.Conv2DBackpropInput(
                input_sizes=shape, filter=kernel, out_backprop=y, **options
            )
        ),
        "filter": tf.function(
            lambda: tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=kernel.shape, out_backprop=y, **options
            )
        ),
    }
    return operations, passes


def _transposed(shape: tuple[int, ...], filters: int, kind: str) -> tuple[float, Passes]:
    """Return the transposed convolution, 4 x 4 with stride 2, that doubles an image [n, R, C, a]."""
    n, rows, columns, channels = shape
    larger = (n, 2 * rows, 2 * columns, filters)
    x, y, kernel = _random(shape, kind), _random(larger, kind), _random((4, 4, filters, channels), kind)
    passes = {
        "forward": tf.function(lambda: tf.nn.conv2d_transpose(x, kernel, larger, 2, "SAME")),
        "input": tf.function(lambda: tf.nn.conv2d(y, kernel, 2, "SAME")),
        "filter": tf.function(
            lambda: tf.raw_ops.Conv2DBackpropFilter(
                input=y, filter_sizes=kernel.shape, out_backprop=x, strides=[1, 2, 2, 1], padding="SAME"
            )
        ),
    }
    return 2.0 * n * rows * columns * 16 * channels * filters, passes


def _random(shape: tuple[int, ...], kind: str) -> tf.Tensor:
    return tf.cast(tf.random.normal(shape), kind)


def _timed(name: str, operations: float, passes: Passes) -> Timed:
    return Timed(name, operations, {which: _best(run) for which, run in passes.items()})


def _best(run: Callable[[], tf.Tensor]) -> float:
    def finished() -> None:
        tf.reshape(run(), [-1])[0].numpy()  # waits for an asynchronous device

    finished()
    return min(seconds(finished) for _ in range(TURNS))


def _bandwidth() -> float:
    """Return the bytes per second, read and written, when one is added to a large array."""
    large = tf.zeros(COPIED // 4)
    return 2 * COPIED / _best(tf.function(lambda: large + 1))


def _product(kind: str) -> float:
    """Return the operations per second of a product of two square matrices."""
    a, b = _random((SIZE, SIZE), kind), _random((SIZE, SIZE), kind)
    return 2.0 * SIZE**3 / _best(tf.function(lambda: tf.matmul(a, b)))


def _image_bytes(network: keras.Model, batch: int) -> tuple[list[tuple[float, int]], list[float]]:
    """Return the bytes of each convolution's output, with the number of images added to make it, and the
    bytes of each image that is pooled, all of a batch."""
    convolved, pooled = [], []
    for layer in network.layers:
        if isinstance(layer, Convolution):
            summands = len(layer.input) if isinstance(layer.input, list) else 1
            convolved.append((_bytes_of(layer.output, layer.convolution.compute_dtype, batch), summands))
        elif "pooling" in type(layer).__name__.lower():
            pooled.append(_bytes_of(layer.input, layer.compute_dtype, batch))
    return convolved, pooled


def _bytes_of(image: keras.KerasTensor, kind: str, batch: int) -> float:
    return float(batch * math.prod(image.shape[1:]) * tf.dtypes.as_dtype(kind).size)


def _moved(convolved: list[tuple[float, int]], pooled: list[float], *, training: bool) -> float:
    """Return the bytes that move outside the convolutions; forward bias and ReLU are fused with one.

    Sum of two images: reads two, writes one. Gradient of a ReLU: reads two, writes one. Gradient of a bias:
    reads one. Pooling reads an image and writes a quarter; its gradient reads the image and writes it.
    """
    total = sum(size * (3 * (summands - 1) + 4 * training) for size, summands in convolved)
    return total + sum(pooled) * (1.25 + 2.25 * training)
