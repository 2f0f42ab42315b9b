"""The reference model, and the steps that train and apply it."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmark.compute.engine import Engine, make_deterministic, resolve_precision
from benchmark.compute.operations import forward_operations
from benchmark.core.errors import RunError
from benchmark.methods import unet
from benchmark.methods.unet import inner_unet, optimised_unet
from benchmark.record.weights import weights_digest
from benchmark.scenes.geometry import kept
from tests.support.processes.preloaded import run_code

LAYERS = [
    ("Conv2D", (256, 256, 32)),
    ("ReLU", (256, 256, 32)),
    ("Conv2D", (256, 256, 32)),
    ("ReLU", (256, 256, 32)),
    ("MaxPooling2D", (128, 128, 32)),
    ("Conv2D", (128, 128, 64)),
    ("ReLU", (128, 128, 64)),
    ("Conv2D", (128, 128, 64)),
    ("ReLU", (128, 128, 64)),
    ("MaxPooling2D", (64, 64, 64)),
    ("Conv2D", (64, 64, 128)),
    ("ReLU", (64, 64, 128)),
    ("Conv2D", (64, 64, 128)),
    ("ReLU", (64, 64, 128)),
    ("MaxPooling2D", (32, 32, 128)),
    ("Conv2D", (32, 32, 256)),
    ("ReLU", (32, 32, 256)),
    ("Conv2D", (32, 32, 256)),
    ("ReLU", (32, 32, 256)),
    ("UpSampling2D", (64, 64, 256)),
    ("Concatenate", (64, 64, 384)),
    ("Conv2D", (64, 64, 128)),
    ("ReLU", (64, 64, 128)),
    ("Conv2D", (64, 64, 128)),
    ("ReLU", (64, 64, 128)),
    ("UpSampling2D", (128, 128, 128)),
    ("Concatenate", (128, 128, 192)),
    ("Conv2D", (128, 128, 64)),
    ("ReLU", (128, 128, 64)),
    ("Conv2D", (128, 128, 64)),
    ("ReLU", (128, 128, 64)),
    ("UpSampling2D", (256, 256, 64)),
    ("Concatenate", (256, 256, 96)),
    ("Conv2D", (256, 256, 32)),
    ("ReLU", (256, 256, 32)),
    ("Conv2D", (256, 256, 32)),
    ("ReLU", (256, 256, 32)),
    ("Conv2D", (256, 256, 1)),
]


def batch(n: int, seed: int = 0, patch: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, patch, patch, 9)).astype(np.float32)
    return inputs, (inputs[..., 7] < 0).astype(np.uint8)


def build_unet(patch: int, channels: int, precision: str) -> keras.Model:
    """The reference model in a precision, as the engine has a method build it."""
    keras.config.set_dtype_policy(precision)
    try:
        return unet.build_unet((patch, patch, channels))
    finally:
        keras.config.set_dtype_policy("float32")


def new_engine(precision: str = "float32", patch: int = 32) -> Engine:
    make_deterministic(1)
    return Engine(unet.method(), patch, 4, precision, tf.distribute.get_strategy())


@pytest.fixture(scope="module")
def started() -> tuple[Engine, list[np.ndarray]]:
    """An engine in float32, whose steps are traced once for all tests, and its tensors before the first."""
    engine = new_engine()
    return engine, engine.tensors()


@pytest.fixture
def engine(started: tuple[Engine, list[np.ndarray]]) -> Engine:
    """The engine as it was before its first step."""
    engine, tensors = started
    engine.restore(tensors)
    return engine


def test_the_model_is_the_reference_layer_for_layer():
    model = build_unet(256, 9, "float32")
    computing = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    assert [(type(layer).__name__, tuple(layer.output.shape[1:])) for layer in computing] == LAYERS
    assert model.count_params() == 1_948_609
    assert forward_operations(model) == pytest.approx(21.5e9, rel=2e-3)
    assert forward_operations(optimised_unet(model)) / forward_operations(model) == pytest.approx(
        0.8126, abs=1e-4
    )


def test_mixed_precision_keeps_input_and_output_in_float32():
    layers = [x for x in build_unet(32, 9, "mixed_bfloat16").layers if type(x).__name__ == "Conv2D"]
    kinds = [layer.compute_dtype for layer in layers]
    assert kinds == ["float32", *["bfloat16"] * 13, "float32"]
    assert {layer.variable_dtype for layer in layers} == {"float32"}


def probabilities_and_gradients(network, model) -> list[np.ndarray]:
    inputs, labels = batch(2)
    with tf.GradientTape() as tape:
        probability = network(inputs)
        loss = tf.reduce_mean(tf.square(probability[..., 0] - labels))
    return [probability.numpy(), *map(np.array, tape.gradient(loss, model.trainable_variables))]


def relative_errors(values, expected) -> np.ndarray:
    return np.array(
        [np.linalg.norm(v - e) / np.linalg.norm(e) for v, e in zip(values, expected, strict=True)]
    )


def test_the_model_is_computed_as_its_layers_define_it():
    make_deterministic(3)
    model = build_unet(32, 9, "float32")
    defined = probabilities_and_gradients(model, model)
    computed = probabilities_and_gradients(optimised_unet(model), model)
    assert relative_errors(computed, defined).max() < 1e-5


def test_bfloat16_computes_gradients_of_biases_that_are_right():
    make_deterministic(3)
    model, mixed = build_unet(32, 9, "float32"), build_unet(32, 9, "mixed_bfloat16")
    mixed.set_weights(model.get_weights())
    exact = probabilities_and_gradients(model, model)
    errors = relative_errors(probabilities_and_gradients(optimised_unet(mixed), mixed), exact)
    of_layers = relative_errors(probabilities_and_gradients(mixed, mixed), exact)
    biases = slice(2, None, 2)
    assert errors[biases].max() < 0.1 < of_layers[biases].max(), "BiasAddGrad may have been repaired"
    assert errors[0] < max(2 * of_layers[0], 4 * 2**-8)  # eight bits; processors round sums differently


def test_steps_count_loss_and_pixels_as_numpy_does(engine):
    inputs, labels = batch(4)
    probability = engine.predict(inputs)
    of_label = np.where(labels == 1, probability, 1 - probability)
    loss, correct, total, squares, stop = engine.evaluate_step(inputs, labels)
    assert not stop
    assert correct == np.count_nonzero((probability > 0.5) == (labels == 1))
    assert loss == pytest.approx(-np.log(of_label.astype(np.float64)).sum(), rel=1e-5)
    assert total == pytest.approx(probability.astype(np.float64).sum(), rel=1e-6)
    assert squares == pytest.approx((probability.astype(np.float64) ** 2).sum(), rel=1e-6)
    mean, correct_before, stop = engine.train_step(inputs, labels, 1e-3, stop=True)
    assert stop
    assert (mean, correct_before) == (pytest.approx(loss / labels.size, rel=1e-5), correct)


#: A processor that emulates a precision takes minutes for what it computes in float32 in a second.
PATCHES = {"float32": 32, "mixed_bfloat16": 16, "mixed_float16": 8}


@pytest.mark.parametrize(("precision", "patch"), PATCHES.items())
def test_training_learns_and_the_same_seed_gives_the_same_bits(precision, patch):
    def losses():
        engine = new_engine(precision, patch)
        inputs, labels = batch(4, patch=patch)
        return [engine.train_step(inputs, labels, 1e-3)[0] for _ in range(12)], weights_digest(engine.weights)

    first, second = losses(), losses()
    assert first == second
    assert first[0][-1] < 0.8 * first[0][0]


def test_saved_weights_come_back_whole(engine, tmp_path):
    inputs, labels = batch(4)
    engine.train_step(inputs, labels, 1e-3)
    digest = weights_digest(engine.weights)
    engine.save(tmp_path / "best.keras")
    engine.train_step(inputs, labels, 1e-3)
    assert weights_digest(engine.weights) != digest
    engine.load(tmp_path / "best.keras")
    assert weights_digest(engine.weights) == digest
    assert [path.name for path in tmp_path.iterdir()] == ["best.keras"]


@pytest.mark.parametrize("shape", [(40, 56), (37, 51)])
def test_a_scene_in_one_piece_is_computed_by_the_same_layers(engine, shape):
    scene = np.random.default_rng(7).normal(size=(*shape, 9)).astype(np.float32)
    larger = build_unet(40, 9, "float32")  # square: of a scene that is as wide as high
    larger.set_weights(engine.model.get_weights())
    found = engine.predict_whole(scene)
    assert (found.shape, found.dtype) == (shape, np.float32)
    square = engine.predict_whole(scene[:, : shape[0]])
    padded = np.zeros((1, 40, 40, 9), np.float32)
    padded[0, : shape[0], : shape[0]] = scene[:, : shape[0]]
    assert square == pytest.approx(larger.predict_on_batch(padded)[0, : shape[0], : shape[0], 0], abs=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("patch", "crop", "share"), [(64, 40, 0.657), (32, 8, 0.939), (16, 2, 1), (24, 22, 0.681)]
)
def test_what_is_kept_of_a_patch_is_the_same_to_the_bit_without_computing_the_rest(
    patch, crop, share, precision
):
    make_deterministic(1)
    strategy = tf.distribute.get_strategy()
    complete = Engine(unet.method(), patch, 2, precision, strategy)
    inner = Engine(unet.method(), patch, 2, precision, strategy, crop=crop)
    inner.take(complete.weights)
    inputs, _ = batch(2, patch=patch)
    assert np.array_equal(inner.predict(inputs), kept(complete.predict(inputs), crop))
    operations = [forward_operations(network) for network in (inner.inner, complete.network)]
    assert operations[0] / operations[1] == pytest.approx(share, abs=1e-3)


def test_the_benchmarks_crop_of_80_leaves_seventy_per_cent_of_the_operations():
    model = build_unet(256, 9, "float32")
    inner = inner_unet(model, 80)
    assert inner.output_shape == (None, 176, 176, 1)
    share = forward_operations(inner) / forward_operations(optimised_unet(model))
    assert share == pytest.approx(0.6988, abs=1e-4)


def test_of_a_network_that_computes_complete_patches_the_inner_part_is_kept():
    make_deterministic(1)
    strategy = tf.distribute.get_strategy()
    method = dataclasses.replace(unet.method(), inner=None)
    complete, inner = (Engine(method, 16, 2, "float32", strategy, crop=crop) for crop in (0, 6))
    inner.take(complete.weights)
    inner.trace()
    inputs, _ = batch(2, patch=16)
    assert np.array_equal(inner.predict(inputs), kept(complete.predict(inputs), 6))


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_what_a_checkpoint_keeps_brings_back_every_bit_of_the_training(precision):
    patch = PATCHES[precision]

    def step(engine: Engine, seed: int) -> float:
        return engine.train_step(*batch(4, seed, patch), 1e-3)[0]

    engine = new_engine(precision, patch)
    step(engine, 1)
    tensors = engine.tensors()
    assert len(tensors) > 3 * 30  # weights, and two moments of each
    on = [step(engine, seed) for seed in (2, 3)], weights_digest(engine.weights)
    other = new_engine(precision, patch)
    step(other, 9)
    other.restore(tensors)
    assert ([step(other, seed) for seed in (2, 3)], weights_digest(other.weights)) == on


def test_tensors_of_another_model_are_refused(engine):
    with pytest.raises(RunError, match="another model, optimizer or precision"):
        engine.restore(engine.tensors()[:-1])
    with pytest.raises(RunError, match="start again without --resume"):
        new_engine("mixed_float16").restore(engine.tensors())


def test_float16_scales_its_loss_and_leaves_a_step_out_that_overflows():
    patch = PATCHES["mixed_float16"]
    engine = new_engine("mixed_float16", patch)
    inputs, labels = batch(4, patch=patch)
    before = weights_digest(engine.weights)
    loss, _, _ = engine.train_step(inputs, labels, 1e-3)
    exact, _, _ = new_engine(patch=patch).train_step(inputs, labels, 1e-3)
    assert loss == pytest.approx(exact, rel=1e-2)  # what is logged is not scaled
    assert weights_digest(engine.weights) != before
    engine.optimizer.dynamic_scale.assign(1e30)
    scaled = weights_digest(engine.weights)
    engine.train_step(inputs, labels, 1e-3)
    assert weights_digest(engine.weights) == scaled
    assert float(engine.optimizer.dynamic_scale) == pytest.approx(0.5e30)


def test_xla_computes_the_same_steps(engine):
    compiled = Engine(unet.method(), 32, 4, "float32", tf.distribute.get_strategy(), xla=True)
    compiled.restore(engine.tensors())
    for seed in range(3):
        inputs, labels = batch(4, seed)
        losses = [each.train_step(inputs, labels, 1e-3)[0] for each in (compiled, engine)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert compiled.predict(inputs) == pytest.approx(engine.predict(inputs), abs=1e-4)


def test_auto_precision_is_one_of_the_two():
    assert resolve_precision("auto") in ("float32", "mixed_bfloat16")
    assert resolve_precision("float32") == "float32"


REPLICAS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from benchmark.core.errors import RunError
from benchmark.methods import unet
from benchmark.compute.engine import Engine, make_deterministic
from tests.benchmark.compute.test_unet_and_engine import batch
results = []
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for strategy, local in ((tf.distribute.get_strategy(), 6), (mirrored, 3)):
    make_deterministic(1)
    engine = Engine(unet.method(), 32, local, "float32", strategy)
    assert engine.global_batch == 6
    inputs, labels = batch(6)
    losses = [engine.train_step(inputs, labels, 1e-4) for _ in range(5)]
    part = engine.evaluate_step(inputs[:3], labels[:3])
    results.append((losses, part, engine.predict(inputs[:3])))
(one, part_one, map_one), (two, part_two, map_two) = results
assert all(abs(a[0] - b[0]) < 1e-5 * a[0] for a, b in zip(one, two)), (one, two)
assert abs(part_one[0] - part_two[0]) < 1e-4 * part_one[0], (part_one, part_two)
assert map_one.shape == map_two.shape == (3, 32, 32)
assert abs(map_one - map_two).max() < 1e-4
"""


def test_two_replicas_train_and_predict_as_one_with_the_same_global_batch(tmp_path):
    done = run_code(REPLICAS, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
