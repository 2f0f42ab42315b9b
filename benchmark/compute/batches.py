"""Turn a store into batches. Order and augmentation of an epoch depend on seed and epoch alone.

A batch is always the global one, whatever the number of workers; each worker gets its share of the rows. A
run resumed in mid-epoch skips the batches it has already used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmark.scenes.scene import CHANNELS
from benchmark.stores.patchstore import SYMMETRIES, PatchStore

#: Batches prepared while the model works on one.
PREFETCH = 2


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return a permutation of all ``count`` patches."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def epoch_symmetries(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return, for each of ``count`` patches, the symmetry in which an augmented epoch shows it."""
    return np.random.default_rng([seed, epoch, 1]).integers(SYMMETRIES, size=count)


def training_batches(
    store: PatchStore,
    batch: int,
    seed: int,
    epoch: int,
    *,
    start: int = 0,
    share: tuple[int, int] = (0, 1),
    augmentation: bool = False,
    device: str | None = None,
) -> tf.data.Dataset:
    """Return the full batches (inputs, labels) of one epoch; left-over patches wait for later epochs.

    start: number of batches to skip at the beginning. share: (i, n) for the rows of worker i of n.
    device: where to put prepared batches, if not in the host's memory.
    Inputs float32 [rows, patch, patch, 9], labels uint8 [rows, patch, patch].
    """
    steps = store.count // batch
    order = epoch_order(store.count, seed, epoch)[: steps * batch].reshape(steps, batch)
    symmetries = epoch_symmetries(store.count, seed, epoch) if augmentation else None
    return _batches(store, list(order[start:]), share, symmetries, device)


def evaluation_batches(
    store: PatchStore, batch: int, *, share: tuple[int, int] = (0, 1), device: str | None = None
) -> tf.data.Dataset:
    """Return every patch once, in order; the last batch may be smaller, and a worker's share of it empty.

    share and device: as in ``training_batches``.
    """
    indices = np.arange(store.count)
    batches = [indices[i : i + batch] for i in range(0, store.count, batch)]
    return _batches(store, batches, share, None, device)


def _batches(
    store: PatchStore,
    batches: Sequence[NDArray[np.int64]],
    share: tuple[int, int],
    symmetries: NDArray[np.int64] | None,
    device: str | None,
) -> tf.data.Dataset:
    worker, workers = share

    def generate() -> Iterator[tuple[NDArray, NDArray]]:
        for batch in batches:
            indices = np.array_split(batch, workers)[worker]  # the first shares are the larger ones
            yield store.read(indices, None if symmetries is None else symmetries[indices])

    signature = (
        tf.TensorSpec((None, store.patch, store.patch, CHANNELS), tf.float32),
        tf.TensorSpec((None, store.patch, store.patch), tf.uint8),
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(PREFETCH)
    if device is None:
        return dataset
    return dataset.apply(tf.data.experimental.prefetch_to_device(device, PREFETCH))
