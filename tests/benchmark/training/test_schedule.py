"""The learning rate of a step and the end of training."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.config.schedule import learning_rate, warmup_steps
from benchmark.config.schema import Training
from benchmark.training.learning.stopping import EarlyStopping

COSINE = Training(epochs=1, learning_rate=1e-3, schedule="cosine", warmup_fraction=0.1)


def test_a_constant_rate_is_the_papers():
    training = Training(epochs=1, learning_rate=1e-3)
    assert [learning_rate(training, step, 100) for step in (0, 50, 99)] == [1e-3, 1e-3, 1e-3]


def test_a_cosine_rises_through_the_warm_up_and_falls_to_zero():
    assert warmup_steps(COSINE, 100) == 10
    assert [learning_rate(COSINE, step, 100) for step in (0, 4, 9, 10)] == pytest.approx(
        [1e-4, 5e-4, 1e-3, 1e-3]
    )
    assert learning_rate(COSINE, 55, 100) == pytest.approx(5e-4)
    assert learning_rate(COSINE, 99, 100) < 1e-6


@given(st.integers(1, 1000), st.floats(0, 0.9), st.sampled_from(["constant", "cosine"]))
def test_every_step_has_a_rate_above_zero_and_not_above_the_peak(total, fraction, schedule):
    training = Training(epochs=1, learning_rate=0.01, schedule=schedule, warmup_fraction=fraction)
    rates = [learning_rate(training, step, total) for step in range(total)]
    assert all(0 < rate <= 0.01 for rate in rates)


def test_training_stops_when_patience_epochs_have_passed_since_the_best():
    stopping = EarlyStopping(patience=2)
    seen = [
        (stopping.improved(epoch, loss), stopping.exhausted(epoch))
        for epoch, loss in enumerate([3, 2, 2, 2.5], 1)
    ]
    assert seen == [(True, False), (True, False), (False, False), (False, True)]
    assert (stopping.best_epoch, stopping.best_loss) == (2, 2)
