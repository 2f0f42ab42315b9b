"""The engine with networks other than the reference: losses, margins, penalties, state, and refusals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from benchmark.compute.engine import Engine, make_deterministic
from benchmark.config.files import load_config
from benchmark.core.errors import MethodError
from benchmark.methods.interface import Network
from benchmark.methods.loading import load_method
from benchmark.record.weights import weights_digest
from benchmark.training.identity import optimization_facts
from tests.benchmark.compute.test_unet_and_engine import batch
from tests.support.project import ROOT, TINY

REGULARISED = load_method(str(ROOT / "tests/data/regularised.py"), {}).network


def new_engine(network: Network = REGULARISED, seed: int = 1) -> Engine:
    make_deterministic(seed)
    return Engine(network, 32, 4, "float32", tf.distribute.get_strategy())


def constant(value: float) -> Callable[[tuple[int, int, int]], keras.Model]:
    def build(shape: tuple[int, int, int]) -> keras.Model:
        inputs = layers.Input(shape)
        layer = layers.Conv2D(
            1, 1, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(value)
        )
        return keras.Model(inputs, layer(inputs))

    return build


def test_the_margin_of_a_patch_counts_in_evaluation_and_not_in_training() -> None:
    network = Network(constant(0.25), margin=8)
    engine = new_engine(network)
    inputs, labels = batch(4)
    inner = labels[:, 8:-8, 8:-8]
    loss, correct, _ = engine.train_step(inputs, labels, 0.0)
    assert correct == np.count_nonzero(inner == 0)
    expected = -np.log(np.where(inner > 0, 0.25, 0.75)).mean()
    assert loss == pytest.approx(expected, rel=1e-5)
    evaluated = engine.evaluate_step(inputs, labels)
    assert evaluated.correct == np.count_nonzero(labels == 0)
    assert evaluated.sum == pytest.approx(0.25 * labels.size)
    assert evaluated.squares == pytest.approx(0.0625 * labels.size)


def test_penalties_of_the_weights_move_them_and_are_no_part_of_the_logged_loss() -> None:
    def flat(outputs: tf.Tensor, cloud: tf.Tensor) -> tf.Tensor:
        return 0.0 * tf.reduce_sum(outputs)

    engine = new_engine(dataclasses.replace(REGULARISED, loss=flat))
    before = engine.model.get_weights()[0].copy()
    loss, _, _ = engine.train_step(*batch(4), 0.1)
    assert loss == 0.0
    after = engine.model.get_weights()[0]
    assert after == pytest.approx(before * (1 - 0.1 * 2 * 0.01), rel=1e-4)  # l2: 0.01 of the squares


def test_dropout_and_statistics_continue_after_a_restore_to_the_same_bits() -> None:
    def train(engine: Engine, first: int, last: int) -> list[float]:
        return [engine.train_step(*batch(4, seed=step), 0.05)[0] for step in range(first, last)]

    engine = new_engine()
    train(engine, 0, 3)
    state = [np.array(values) for values in engine.tensors()]
    rest = train(engine, 3, 6)
    resumed = new_engine(seed=1)
    resumed.restore(state)
    assert train(resumed, 3, 6) == rest
    assert weights_digest(resumed.weights) == weights_digest(engine.weights)


def test_a_scene_in_one_piece_is_predicted_with_the_trained_weights() -> None:
    engine = new_engine()
    scene = np.random.default_rng(1).normal(size=(40, 48, 9)).astype(np.float32)
    before = engine.predict_whole(scene)
    engine.train_step(*batch(4), 0.5)
    engine._whole.clear()
    after = engine.predict_whole(scene)
    assert before.shape == after.shape == (40, 48)
    assert np.abs(before - after).max() > 1e-4
    assert after[:32, :32][8:-8, 8:-8] == pytest.approx(
        engine.predict(scene[None, :32, :32])[0][8:-8, 8:-8], abs=1e-5
    )


def test_the_settings_of_an_optimizer_are_logged_by_its_name() -> None:
    config = load_config(TINY)
    stated = optimization_facts(config, 10, new_engine().optimizer_facts)
    assert stated["opt_name"] == "sgd"
    assert stated["opt_sgd_momentum"] == pytest.approx(0.9)
    assert not [key for key in stated if "adam" in key]
    adamw = optimization_facts(config, 10, described(keras.optimizers.AdamW(weight_decay=0.01)))
    assert adamw["opt_adamw_weight_decay"] == pytest.approx(0.01)
    amsgrad = optimization_facts(config, 10, described(keras.optimizers.Adam(amsgrad=True)))
    assert amsgrad["opt_amsgrad"] is True
    assert "opt_weight_decay" not in amsgrad


def described(optimizer: keras.Optimizer) -> dict[str, Any]:
    engine = new_engine(dataclasses.replace(REGULARISED, optimizer=lambda: optimizer))
    return engine.optimizer_facts


def two_outputs(shape: tuple[int, int, int]) -> keras.Model:
    inputs = layers.Input(shape)
    return keras.Model(inputs, layers.Conv2D(2, 1, activation="sigmoid")(inputs))


def logits(shape: tuple[int, int, int]) -> keras.Model:
    inputs = layers.Input(shape)
    return keras.Model(inputs, layers.Conv2D(1, 1)(inputs))


def half_as_large(shape: tuple[int, int, int]) -> keras.Model:
    inputs = layers.Input(shape)
    return keras.Model(inputs, layers.MaxPooling2D()(layers.Conv2D(1, 1)(inputs)))


def raising(shape: tuple[int, int, int]) -> keras.Model:
    raise KeyError("S10")


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (Network(raising), "KeyError: 'S10'"),
        (Network(lambda shape: 3), "int"),
        (Network(half_as_large), "a model with outputs of shape [None, 16, 16, 1]"),
        (Network(two_outputs, head=lambda outputs: outputs), "probabilities of shape [None, 32, 32, 2]"),
        (Network(two_outputs), "2 output channels instead of one, the probability of cloud"),
        (Network(logits), "values from -"),
        (Network(constant(0.5), loss=lambda outputs, cloud: undefined), "NameError"),  # noqa: F821
    ],
)
def test_what_is_no_network_is_refused_before_the_first_step(network: Network, found: str) -> None:
    with pytest.raises(MethodError) as raised:
        new_engine(network).trace()
    assert found in raised.value.found
