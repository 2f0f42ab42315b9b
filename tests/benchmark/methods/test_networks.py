"""The networks of the literature: their sizes, outputs, losses and options."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmark.compute.operations import forward_operations
from benchmark.methods import kappamask, mffsnet, mscff, rsnet, wieland
from benchmark.methods.interface import Network
from tests.support.project import ROOT

#: Parameters, and 10^9 operations of a forward pass of 256 x 256 pixels.
SIZES = {
    "wieland": (7_773_601, 24.4),
    "rsnet": (7_856_321, 28.1),
    "kappamask": (7_762_376, 27.7),
    "mscff": (1_510_761, 38.3),
    "mffsnet": (10_365_889, 32.5),
}
#: The learning rate at which a step lowers the loss of a batch.
RATES = {("mffsnet", "published"): 0.1}
RECIPES = [
    (name, recipe)
    for name in SIZES
    for recipe in ("shared", "published")
    if (name, recipe) != ("wieland", "published")
]


def network(name: str, recipe: str = "shared", **options: object) -> Network:
    module = import_module(f"benchmark.methods.{name}")
    return module.method(module.Options(recipe=recipe, **options))


def batch(n: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(n, rows, columns, 9)).astype(np.float32)
    inputs[:, : rows // 2, :, 7] -= 2
    return inputs, inputs[..., 7] < -1


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_a_network_is_as_large_as_the_original(name, size):
    parameters, operations = size
    model = network(name).build((256, 256, 9))
    assert model.count_params() == parameters
    assert forward_operations(model) / 1e9 == pytest.approx(operations, abs=0.05)


def test_kappamask_with_the_units_of_the_article_is_larger():
    assert network("kappamask", units=64).build((32, 32, 9)).count_params() == 31_036_296


@pytest.mark.parametrize("name", SIZES)
def test_a_scene_in_one_piece_has_the_same_weights(name):
    method = network(name)
    rows, columns = (-(-n // method.multiple) * method.multiple for n in (1200, 1500))
    model = method.build((rows, columns, 9))
    assert model.count_params() == SIZES[name][0]
    assert model.output_shape[:3] == (None, rows, columns)


@pytest.mark.parametrize("name", SIZES)
def test_outputs_are_probabilities_in_float32_under_every_policy(name, policy):
    keras.utils.set_random_seed(1)
    method = network(name)
    inputs, _ = batch(2, 16, 48)
    model = method.build(inputs.shape[1:])
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert convolutions[0].compute_dtype == convolutions[-1].compute_dtype == "float32"
    assert convolutions[1].compute_dtype == policy.removeprefix("mixed_")
    assert {variable.dtype for variable in model.weights} == {"float32"}
    probability = method.head(model(inputs, training=True))  # untrained statistics would saturate mffsnet
    assert probability.dtype == tf.float32
    assert probability.shape == (2, 16, 48)
    assert 0 <= probability.numpy().min() < probability.numpy().max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "recipe"), RECIPES)
def test_a_step_lowers_the_loss(name, recipe):
    def losses() -> tuple[float, float]:
        keras.utils.set_random_seed(1)
        tf.config.experimental.enable_op_determinism()
        method = network(name, recipe)
        inputs, cloud = batch(2, 16, 16)
        model, optimizer = method.build(inputs.shape[1:]), method.optimizer()
        optimizer.learning_rate.assign(RATES.get((name, recipe), 1e-3))

        def loss() -> tf.Tensor:
            return method.loss(model(inputs, training=True), tf.constant(cloud)) / cloud.size

        with tf.GradientTape() as tape:
            before = loss()
            total = tf.add_n([before, *model.losses])
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(total, variables), variables)
        return float(before), float(loss())

    before, after = losses()
    assert after < 0.95 * before
    if recipe == "shared":
        assert losses() == (before, after), "the same seed gives the same bits"


def test_kappamask_counts_a_class_that_is_missed_in_both_channels():
    outputs = np.array([[[[0.5, 0.8], [0.25, 0.0]]]], np.float32)  # clear and cloud of two pixels
    cloud = tf.constant([[[True, False]]])
    # 1 - (2 x 0.8 + 1) / (1 + 0.25 + 0.64 + 1) and 1 - (2 x 0.25 + 1) / (1 + 0.0625 + 1)
    by_hand = (1 - 2.6 / 2.89) + (1 - 1.5 / 2.0625)
    assert float(kappamask.dice(outputs, cloud)) == pytest.approx(by_hand, rel=1e-6)
    right = np.array([[[[0, 1], [1, 0]]]], np.float32)
    assert float(kappamask.dice(right, cloud)) == pytest.approx(0, abs=1e-6)
    assert float(kappamask.dice(1 - right, cloud)) == pytest.approx(2 * (1 - 1 / 3), rel=1e-6)


def test_losses_are_sums_over_pixels_as_numpy_computes_them():
    rng = np.random.default_rng(0)
    outputs, cloud = rng.uniform(0.01, 0.99, (2, 3, 4, 2)).astype(np.float32), rng.random((2, 3, 4)) < 0.5
    label = np.stack([~cloud, cloud], axis=-1)
    entropies = -np.log(np.where(label, outputs, 1 - outputs).astype(np.float64))
    assert float(kappamask.cross_entropy_of_both(outputs, cloud)) == pytest.approx(
        entropies.sum() / 2, rel=1e-5
    )
    overlap = (2 * (label * outputs).sum(-1) + 1) / ((label**2 + outputs**2).sum(-1) + 1)
    assert float(kappamask.dice(outputs, tf.constant(cloud))) == pytest.approx((1 - overlap).sum(), rel=1e-5)
    squares = (outputs[..., 0].astype(np.float64) - cloud) ** 2
    assert float(mscff.squared_error(outputs[..., :1], cloud)) == pytest.approx(squares.sum(), rel=1e-5)


def test_kappamask_reads_cloud_from_the_second_channel():
    outputs = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    assert np.array_equal(kappamask.cloud_channel(outputs), [[[1, 3], [5, 7]]])


def test_the_penalty_of_rsnet_is_that_of_all_3_x_3_kernels():
    model = network("rsnet", "published").build((32, 32, 9))
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel" and v.shape[0] == 3]
    assert len(kernels) == len(model.losses) == 18
    expected = rsnet.PUBLISHED_L2 * sum(np.square(kernel, dtype=np.float64).sum() for kernel in kernels)
    assert float(tf.add_n(model.losses)) == pytest.approx(expected, rel=1e-5)
    assert not network("rsnet").build((32, 32, 9)).losses


def test_the_penalty_of_mffsnet_is_a_weight_decay_of_all_parameters():
    model = network("mffsnet", "published").build((32, 32, 9))
    with tf.GradientTape() as tape:
        penalty = tf.add_n(model.losses)
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(penalty, variables), strict=True):
        np.testing.assert_allclose(gradient, 1e-4 * variable.numpy(), rtol=1e-5)
    assert not network("mffsnet").build((32, 32, 9)).losses


def test_a_recipe_says_how_a_network_is_trained():
    published = {name: network(name, recipe) for name, recipe in RECIPES if recipe == "published"}
    assert {name: method.margin for name, method in published.items() if method.margin} == {"rsnet": 20}
    assert published["rsnet"].optimizer().amsgrad
    assert published["mffsnet"].optimizer().momentum == 0.9
    assert published["kappamask"].loss is kappamask.dice
    assert published["mscff"].loss is mscff.squared_error
    dropouts = {
        (name, recipe): [
            x.rate for x in network(name, recipe).build((32, 32, 9)).layers if hasattr(x, "rate")
        ]
        for name, recipe in RECIPES
        if name in ("rsnet", "kappamask")
    }
    assert dropouts == {
        ("rsnet", "shared"): [0.2],
        ("rsnet", "published"): [],
        ("kappamask", "shared"): [0.5, 0.5],
        ("kappamask", "published"): [0.5, 0.5],
    }


def test_the_layer_before_the_output_of_kappamask_can_be_linear():
    def activation(head_relu: bool) -> str:
        return network("kappamask", head_relu=head_relu).build((32, 32, 9)).layers[-2].activation.__name__

    assert (activation(True), activation(False)) == ("relu", "linear")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda: wieland.Options(recipe="published"), "expected 'shared': no published loss or optimizer"),
        (lambda: rsnet.Options(recipe="fast"), "recipe is 'fast'; expected 'shared' or 'published'"),
        (lambda: kappamask.Options(recipe=""), "recipe is ''; expected 'shared' or 'published'"),
        (lambda: mscff.Options(recipe="Shared"), "recipe is 'Shared'; expected 'shared' or 'published'"),
        (lambda: mffsnet.Options(recipe="own"), "recipe is 'own'; expected 'shared' or 'published'"),
        (lambda: kappamask.Options(units=48), "units is 48; expected 32 or 64"),
        (lambda: kappamask.Options(head_relu=2), "head_relu is 2; expected true or false"),
    ],
)
def test_an_option_that_cannot_be_says_what_can(options, message):
    with pytest.raises(ValueError, match=message):
        options()


def test_importing_a_network_loads_no_tensorflow():
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from benchmark.methods import {", ".join(SIZES)}
print(sorted({{"tensorflow", "keras"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr[-2000:]


def test_wieland_with_the_published_weights_computes_what_the_published_network_does():
    """Six bands and five classes, with the tensors of ukis-csmask 0.1.8, which is no dependency."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    package = pytest.importorskip("ukis_csmask")
    path = Path(package.__file__).parent / "model.onnx"
    if not path.exists():
        pytest.skip(f"ukis-csmask {package.__version__} has no model.onnx; 0.1.8 has")
    model = wieland.build_wieland((256, 256, 6), classes=5)
    assert model.count_params() == 7_772_869
    graph = onnx.load(path).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kinds = {
        "Conv": keras.layers.Conv2D,
        "ConvTranspose": keras.layers.Conv2DTranspose,
        "BatchNormalization": keras.layers.BatchNormalization,
    }
    for kind, cls in kinds.items():
        nodes = [node for node in graph.node if node.op_type == kind]
        ours = [layer for layer in model.layers if type(layer).__name__ == cls.__name__]
        for node, layer in zip(nodes, ours, strict=True):
            values = [tensors[name] for name in node.input[1:]]
            if values[0].ndim == 4:
                values[0] = values[0].transpose(2, 3, 1, 0)  # to rows, columns, channels in, channels out
            layer.set_weights(values)
    inputs = np.random.default_rng(0).normal(size=(1, 256, 256, 6)).astype(np.float32)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {graph.input[0].name: inputs})
    outputs = model(inputs, training=False).numpy()
    print(f"largest difference {abs(outputs - expected).max():.2g}")
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-5)
