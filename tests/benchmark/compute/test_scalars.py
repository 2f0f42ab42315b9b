"""Scalars for TensorBoard, read back by TensorBoard's own reader."""

from __future__ import annotations

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from benchmark.compute.scalars import open_scalars

ROWS = [
    {
        "epoch": epoch,
        "train_loss": 0.7 / epoch,
        "train_accuracy": 0.8 + epoch / 100,
        "eval_loss": 0.6 / epoch,
        "eval_accuracy": 0.7 + epoch / 100,
        "learning_rate": 1e-3 / epoch,
        "training_seconds": 2.5 * epoch,
        "evaluation_seconds": 1.0,
    }
    for epoch in (1, 2, 3, 4)
]


def read_scalars(folder):
    """Step -> value of every scalar in ``folder``."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: {event.step: make_ndarray(event.tensor_proto).item() for event in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }


def expected(rows):
    names = {
        "loss/train": "train_loss",
        "loss/eval": "eval_loss",
        "accuracy/train": "train_accuracy",
        "accuracy/eval": "eval_accuracy",
        "learning_rate": "learning_rate",
    }
    values = {tag: {row["epoch"]: row[name] for row in rows} for tag, name in names.items()}
    values["patches_per_second"] = {row["epoch"]: 80 / row["training_seconds"] for row in rows}
    return {tag: {step: np.float32(value).item() for step, value in of.items()} for tag, of in values.items()}


def test_the_scalars_of_every_epoch_are_in_the_folder_when_they_have_been_written(tmp_path):
    with open_scalars(tmp_path / "tensorboard") as write:
        write(ROWS[0], 80)
        assert read_scalars(tmp_path / "tensorboard") == expected(ROWS[:1])
        write(ROWS[1], 80)
    assert read_scalars(tmp_path / "tensorboard") == expected(ROWS[:2])


def test_a_resumed_run_goes_on_with_the_scalars(tmp_path):
    for rows in (ROWS[:2], ROWS[2:]):
        with open_scalars(tmp_path) as write:
            for row in rows:
                write(row, 80)
    assert read_scalars(tmp_path) == expected(ROWS)
