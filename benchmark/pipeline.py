"""Store -> batches. The order of an epoch is a function of seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmark.patchstore import PatchStore
from benchmark.scenes import CHANNELS

#: Batches made ready while the model works on one.
PREFETCH = 2


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of all ``count`` patches."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def training_batches(store: PatchStore, batch: int, seed: int, epoch: int) -> tf.data.Dataset:
    """Full batches (inputs, labels) of one epoch; what does not fill one is left to later epochs."""
    order = epoch_order(store.count, seed, epoch)
    steps = store.count // batch
    return _batches(store, order[: steps * batch].reshape(steps, batch), batch)


def evaluation_batches(store: PatchStore, batch: int) -> tf.data.Dataset:
    """Every patch once, in order; the last batch may be smaller."""
    chunks = [np.arange(start, min(start + batch, store.count)) for start in range(0, store.count, batch)]
    return _batches(store, chunks, None)


def _batches(store: PatchStore, chunks: list[NDArray] | NDArray, batch: int | None) -> tf.data.Dataset:
    def generate() -> Iterator[tuple[NDArray, NDArray]]:
        for chunk in chunks:
            yield store.read(chunk)

    signature = (
        tf.TensorSpec((batch, store.patch, store.patch, CHANNELS), tf.float32),
        tf.TensorSpec((batch, store.patch, store.patch), tf.uint8),
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(chunks))).prefetch(PREFETCH)
