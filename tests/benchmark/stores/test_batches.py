"""The batches of an epoch: their order, shares and symmetries."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.compute.batches import epoch_order, epoch_symmetries, evaluation_batches, training_batches
from benchmark.stores.patchstore import SYMMETRIES, turned
from tests.support.processes.preloaded import run_code


def arrays(batches):
    return [(inputs.numpy(), labels.numpy()) for inputs, labels in batches]


def joined(batches):
    """Inputs and labels of all batches in one."""
    return [np.concatenate(part) for part in zip(*arrays(batches), strict=True)]


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_epoch_is_a_permutation_given_by_seed_and_epoch():
    orders = [epoch_order(50, seed, epoch) for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert np.array_equal(orders[0], epoch_order(50, 1, 1))


def test_training_batches_are_full_and_known_in_number(store):
    batches = training_batches(store, 8, seed=1, epoch=1)
    assert len(batches) == 7
    assert_equal(joined(batches), store.read(epoch_order(60, 1, 1)[:56]))


def test_evaluation_batches_hold_every_patch_once(store):
    batches = evaluation_batches(store, 32)
    sizes = [len(labels) for _, labels in batches]
    assert (len(batches), sizes) == (2, [32, 28])
    assert_equal(joined(batches), store.read(range(60)))


@pytest.mark.parametrize("augmentation", [False, True])
@pytest.mark.parametrize("workers", [2, 3, 4, 9])
def test_the_shares_of_any_number_of_workers_make_up_each_global_batch(store, workers, augmentation):
    options = {"seed": 1, "epoch": 2, "augmentation": augmentation}
    whole = arrays(training_batches(store, 8, **options))
    shares = [arrays(training_batches(store, 8, share=(i, workers), **options)) for i in range(workers)]
    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert_equal([np.concatenate(part) for part in zip(*parts, strict=True)], batch)
        sizes = [len(labels) for _, labels in parts]
        assert sizes == sorted(sizes, reverse=True)
        assert max(sizes) - min(sizes) <= 1


def test_the_shares_of_evaluation_have_the_same_number_of_batches_even_if_empty(store):
    whole = arrays(evaluation_batches(store, 59))
    shares = [arrays(evaluation_batches(store, 59, share=(i, 2))) for i in range(2)]
    assert [[len(labels) for _, labels in share] for share in shares] == [[30, 1], [29, 0]]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert_equal([np.concatenate(part) for part in zip(*parts, strict=True)], batch)


@pytest.mark.parametrize("augmentation", [False, True])
@pytest.mark.parametrize("start", [0, 1, 6, 7])
def test_a_start_skips_exactly_that_many_batches(store, start, augmentation):
    options = {"seed": 1, "epoch": 2, "augmentation": augmentation}
    whole = arrays(training_batches(store, 8, **options))
    batches = training_batches(store, 8, start=start, **options)
    assert len(batches) == 7 - start
    for batch, expected in zip(arrays(batches), whole[start:], strict=True):
        assert_equal(batch, expected)


def undone(image, symmetry):
    """The image that ``turned`` made this of."""
    return np.rot90(image[:, ::-1] if symmetry >= 4 else image, -(symmetry % 4))


def test_the_eight_symmetries_are_different_and_can_be_undone():
    image = np.arange(4 * 4 * 2).reshape(4, 4, 2)
    shown = [turned(image, symmetry) for symmetry in range(SYMMETRIES)]
    assert len({one.tobytes() for one in shown}) == 8
    assert shown[0].tolist() == image.tolist()
    for symmetry, one in enumerate(shown):
        assert undone(one, symmetry).tolist() == image.tolist()
        assert sorted(map(tuple, one.reshape(-1, 2))) == sorted(map(tuple, image.reshape(-1, 2)))


def test_augmentation_shows_each_patch_in_its_symmetry_and_moves_the_label_with_it(store):
    augmented = joined(training_batches(store, 8, seed=1, epoch=2, augmentation=True))
    order, symmetries = epoch_order(60, 1, 2)[:56], epoch_symmetries(60, 1, 2)
    assert len(set(symmetries[order])) == SYMMETRIES
    for shown, stored in zip(augmented, store.read(order), strict=True):
        restored = [undone(one, symmetries[n]) for one, n in zip(shown, order, strict=True)]
        np.testing.assert_array_equal(restored, stored)


def test_symmetries_are_given_by_seed_epoch_and_patch_and_are_about_equally_frequent():
    drawn = [epoch_symmetries(8000, seed, epoch) for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert len({one.tobytes() for one in drawn}) == 3
    assert np.array_equal(drawn[0], epoch_symmetries(8000, 1, 1))
    counts = np.bincount(drawn[0], minlength=SYMMETRIES)
    assert (len(counts), counts.min() > 850, counts.max() < 1150) == (8, True, True)


def test_augmentation_leaves_the_store_as_it_is(store):
    before = store.read(range(60))
    joined(training_batches(store, 8, seed=1, epoch=1, augmentation=True))
    assert_equal(store.read(range(60)), before)


ON_A_DEVICE = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from pathlib import Path
from benchmark.stores.patchstore import PatchStore
from benchmark.compute.batches import evaluation_batches, training_batches
store = PatchStore(Path({folder!r}), {patch}, {scene_patches}, {slots})
training = lambda **on: training_batches(store, 4, 1, 1, **on)
for make in (training, lambda **on: evaluation_batches(store, 4, **on)):
    there, here = list(make(device="/CPU:1")), list(make())
    assert len(there) == len(here) > 1
    assert all(tensor.device.endswith("CPU:1") for batch in there for tensor in batch), there[0][0].device
    assert all(bool(tf.reduce_all(a == b)) for x, y in zip(there, here) for a, b in zip(x, y))
"""


def test_batches_can_lie_ready_on_a_device(store, tmp_path):
    code = ON_A_DEVICE.format(
        folder=str(store.folder),
        patch=store.patch,
        scene_patches=store.scene_patches,
        slots=store.slots,
    )
    done = run_code(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
