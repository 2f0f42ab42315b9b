"""Write a run's progress for TensorBoard: losses, accuracies, learning rate and speed of every epoch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf

#: Column of ``metrics.csv`` -> name of the scalar; TensorBoard groups by the part before the slash.
SCALARS = {
    "train_loss": "loss/train",
    "eval_loss": "loss/eval",
    "train_accuracy": "accuracy/train",
    "eval_accuracy": "accuracy/eval",
    "learning_rate": "learning_rate",
}


@contextlib.contextmanager
def open_scalars(folder: Path) -> Iterator[Callable[[Mapping[str, float], int], None]]:
    """Yield a function that writes an epoch from its row of ``metrics.csv`` and the patches trained on.

    The values are in the folder when it returns, as float32. Every opening adds another file, and TensorBoard
    shows the files of a folder as one run.
    """
    writer = tf.summary.create_file_writer(str(folder))

    def write(row: Mapping[str, float], patches: int) -> None:
        with writer.as_default(step=int(row["epoch"])):
            for column, name in SCALARS.items():
                tf.summary.scalar(name, row[column])
            tf.summary.scalar("patches_per_second", patches / row["training_seconds"])
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
