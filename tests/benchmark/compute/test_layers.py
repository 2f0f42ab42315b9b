"""Layers that compute the same however many replicas share a batch, and in every precision."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmark.compute.layers import (
    BilinearKernel,
    Conv2D,
    Conv2DTranspose,
    Dropout,
    Resize,
    average_matrix,
    bilinear_matrix,
)
from tests.support.processes.preloaded import run_code

ONES = tf.ones((8, 6, 5, 3))


def model_with_dropout(seed: int | None = None, rate: float = 0.5) -> keras.Model:
    inputs = keras.Input((6, 5, 3))
    return keras.Model(inputs, Dropout(rate, seed=seed)(inputs))


def masks(model: keras.Model, steps: int, images: int = 8) -> np.ndarray:
    """What is kept in each of some training steps: bool [steps, images, 6, 5, 3]."""
    call = tf.function(lambda: model(ONES[:images], training=True) > 0)
    return np.array([call().numpy() for _ in range(steps)])


REPLICAS = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.experimental.enable_op_determinism()
from benchmark.compute.layers import Conv2D, Dropout, batch_norm
images = np.random.default_rng(0).normal(size=(8, 6, 5, 3)).astype(np.float32)
images[4:] += 3  # the shares of two replicas have different statistics

def replicas_of(variable):
    return [v.numpy() for v in getattr(variable.value, "values", [variable.value])]

def train(strategy):
    keras.utils.set_random_seed(3)
    share = 8 // strategy.num_replicas_in_sync
    with strategy.scope():
        inputs = keras.Input((6, 5, 3))
        x = batch_norm(momentum=0.7)(Conv2D(3, 3, padding="same", activation="relu")(inputs))
        model = keras.Model(inputs, Dropout(0.5)(x))
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
        optimizer.build(model.trainable_variables)

    def step(x):
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            loss = tf.reduce_sum(tf.square(outputs - 1)) / (8 * 6 * 5)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return outputs

    train_step = tf.function(lambda x: strategy.run(step, args=(x,)))
    predict = tf.function(lambda x: strategy.run(lambda x: model(x, training=False), args=(x,)))

    def on_all(function):
        of = lambda context: tf.constant(images[context.replica_id_in_sync_group * share :][:share])
        values = strategy.experimental_distribute_values_from_function(of)
        results = strategy.experimental_local_results(function(values))
        return np.concatenate([result.numpy() for result in results])

    outputs = [on_all(train_step) for _ in range(4)]
    for variable in model.variables:
        first, *others = replicas_of(variable)
        assert all((other == first).all() for other in others), variable.path
    return outputs, on_all(predict), [np.asarray(v) for v in model.variables]

mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
one, two = train(tf.distribute.get_strategy()), train(mirrored)
assert all(((a == 0) == (b == 0)).all() for a, b in zip(one[0], two[0]))
assert max(abs(a - b).max() for a, b in zip(one[0], two[0])) < 1e-4
assert abs(one[1] - two[1]).max() < 1e-4
assert all(abs(a - b).max() < 1e-4 for a, b in zip(one[2], two[2])), (one[2], two[2])
assert any(list(v) == [int(v[0]), 4] for v in one[2] if v.dtype == np.int64)
"""


def test_two_replicas_normalise_and_drop_out_as_one(tmp_path):
    done = run_code(REPLICAS, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_dropout_keeps_the_mean_and_is_nothing_in_inference():
    model = model_with_dropout(rate=0.2)
    assert (model(ONES, training=False).numpy() == 1).all()
    assert (model(ONES).numpy() == 1).all()
    call = tf.function(lambda: model(ONES, training=True))
    values = np.array([call().numpy() for _ in range(100)])
    assert set(np.unique(values)) == {np.float32(0), np.float32(1.25)}
    deviation = np.sqrt(0.2 * 0.8 / values.size)
    assert np.mean(values == 0) == pytest.approx(0.2, abs=4 * deviation)
    assert values.mean() == pytest.approx(1, abs=5 * deviation)


def test_every_image_step_and_layer_drops_other_values():
    kept = [*masks(model_with_dropout(seed=1), 2), *masks(model_with_dropout(seed=2), 2)]
    images = np.array(kept).reshape(-1, 6 * 5 * 3)
    assert len(np.unique(images, axis=0)) == len(images)


def test_the_seed_of_keras_or_an_own_one_makes_dropout_reproducible():
    def from_keras() -> np.ndarray:
        keras.utils.set_random_seed(5)
        return masks(model_with_dropout(), 2)

    assert (from_keras() == from_keras()).all()
    assert (masks(model_with_dropout(seed=5), 2) == masks(model_with_dropout(seed=5), 2)).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_a_mask_depends_on_the_place_of_an_image_and_not_on_the_batch(compiled):
    whole, part = model_with_dropout(seed=7), model_with_dropout(seed=7)
    calls = [
        tf.function(lambda x, m=model: m(x, training=True), jit_compile=compiled) for model in (whole, part)
    ]
    for _ in range(3):
        assert (calls[0](ONES)[:3].numpy() == calls[1](ONES[:3]).numpy()).all()


def test_a_step_that_is_restored_drops_the_same_values(tmp_path):
    model = model_with_dropout()
    masks(model, 3)
    state = [np.asarray(variable) for variable in model.variables]
    model.save(tmp_path / "model.keras")
    expected = masks(model, 2)

    restored, loaded = model_with_dropout(), model_with_dropout()
    for variable, values in zip(restored.variables, state, strict=True):
        variable.assign(values)
    loaded.load_weights(tmp_path / "model.keras")
    assert (masks(restored, 2) == expected).all()
    assert model.count_params() == 0, "the state of the layer is no weight"
    # Keras writes no seeds to a file of weights: training continues from a checkpoint, of all variables.
    assert np.asarray(loaded.variables[0])[1] == 0
    assert (loaded(ONES).numpy() == 1).all()
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[-1].get_config() == model.layers[-1].get_config()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_every_precision_drops_the_same_values(dtype):
    inputs = keras.Input((6, 5, 3))
    model = keras.Model(inputs, Dropout(0.3, seed=9, dtype=dtype)(inputs))
    values = model(ONES, training=True)
    assert values.dtype.name == dtype.removeprefix("mixed_")
    assert ((values.numpy() > 0) == masks(model_with_dropout(seed=9, rate=0.3), 1)[0]).all()


@pytest.mark.parametrize("rate", [-0.1, 1])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match=f"rate is {rate}; expected a number from 0 to below 1"):
        Dropout(rate)


@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_are_those_of_keras_and_sum_the_gradient_of_a_bias_in_float32(transposed):
    kind = {"Conv2D": Conv2D} if not transposed else {"Conv2DTranspose": Conv2DTranspose}
    ((name, ours),) = kind.items()
    options = {"strides": 2, "padding": "same", "activation": "relu", "dtype": "mixed_bfloat16"}
    layers = [cls(4, 2, **options) for cls in (ours, getattr(keras.layers, name))]
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 128, 128, 3)), tf.float32)
    results = []
    for layer in layers:
        layer.build(x.shape)
        layer.set_weights([layers[0].kernel.numpy(), np.full(4, 0.1)])
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.cast(y := layer(x), tf.float32))
        results.append((y.numpy().astype(np.float32), np.asarray(tape.gradient(total, layer.bias.value))))
    (y, gradient), (expected, _) = results
    assert y == pytest.approx(expected, abs=2**-6)
    assert gradient == pytest.approx(np.count_nonzero(y > 0, axis=(0, 1, 2)), rel=0.01)


@pytest.mark.parametrize("size", [(12, 20), (9, 30), (6, 10), (3, 4)])
def test_bilinear_resizing_is_that_of_tensorflow(size):
    x = np.random.default_rng(0).normal(size=(2, 6, 10, 3)).astype(np.float32)
    expected = tf.image.resize(x, size, method="bilinear").numpy()
    resized = Resize(size)(x)
    assert resized.shape == expected.shape
    assert resized.numpy() == pytest.approx(expected, abs=1e-5)


def test_average_resizing_takes_the_mean_of_cells_that_cover_the_image():
    x = np.random.default_rng(0).normal(size=(2, 7, 4, 3)).astype(np.float32)
    averaged = Resize((3, 6), "average")(x).numpy()
    rows, columns = [(0, 3), (2, 5), (4, 7)], [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4)]
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            expected = x[:, top:bottom, left:right].mean(axis=(1, 2))
            assert averaged[:, i, j] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("matrix", [bilinear_matrix, average_matrix])
@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 8), (150, 6), (6, 188), (5, 3)])
def test_weights_of_a_resizing_add_up_to_one(matrix, before, after):
    weights = matrix(before, after)
    assert weights.shape == (after, before)
    assert (weights >= 0).all()
    assert weights.sum(axis=1) == pytest.approx(np.ones(after))


def test_a_bilinear_kernel_interpolates_each_channel():
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 2)).astype(np.float32)
    layer = Conv2DTranspose(
        2, 4, strides=2, padding="same", use_bias=False, kernel_initializer=BilinearKernel()
    )
    inside = (slice(None), slice(1, -1), slice(1, -1))  # at the edge a convolution sees zeros
    assert layer(x).numpy()[inside] == pytest.approx(Resize((10, 12))(x).numpy()[inside], abs=1e-6)
    with pytest.raises(ValueError, match=r"shape \(3, 3, 2, 2\); expected \(4, 4, a, a\)"):
        BilinearKernel()((3, 3, 2, 2))
