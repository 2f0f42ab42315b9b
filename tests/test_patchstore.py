"""Staging and reading patches, and the order of an epoch."""

from __future__ import annotations

from collections import namedtuple
from functools import partial

import numpy as np
import pytest
from conftest import SHAPE, write_scene_file

from benchmark.errors import RunError, SceneError
from benchmark.geometry import training_patches
from benchmark.patchstore import StagingReport, open_store, record_bytes, stage
from benchmark.pipeline import epoch_order, evaluation_batches, training_batches
from benchmark.scenes import read_scene

PATCH = 32
read = partial(read_scene, shape=SHAPE)


def fail(path, error):
    raise error


def staged(paths, folder, failed=fail):
    report = StagingReport()
    done = list(stage(paths, read, folder, SHAPE, PATCH, report, failed))
    return open_store(folder, PATCH), report, done


@pytest.fixture
def scenes(tmp_path):
    rng = np.random.default_rng(3)
    return [
        write_scene_file(tmp_path / f"S3A_{i}.hdf", bts=rng.uniform(240, 300, (*SHAPE, 3)).astype("f4"))
        for i in range(3)
    ]


def test_patches_come_back_in_the_order_of_scenes_with_half_precision(scenes, tmp_path):
    store, report, done = staged(scenes, tmp_path / "staging" / "training")
    assert (store.count, report.scenes, done) == (60, 3, scenes)
    inputs, labels = store.read([59, 0, 21])
    for got_inputs, got_labels, (scene, patch) in zip(inputs, labels, ((2, 19), (0, 0), (1, 1)), strict=True):
        original = read(scenes[scene])
        expected = training_patches(original.inputs, PATCH)[patch]
        np.testing.assert_array_equal(got_inputs, expected.astype(np.float16).astype(np.float32))
        np.testing.assert_array_equal(got_labels, training_patches(original.label, PATCH)[patch])


def test_a_staged_temperature_is_off_by_two_hundredths_of_a_kelvin_at_most(scenes, tmp_path):
    store, _, _ = staged(scenes[:1], tmp_path / "staging")
    exact = training_patches(read(scenes[0]).inputs, PATCH)[..., 6:]
    stored, _ = store.read(range(20))
    assert np.abs(stored[..., 6:] - exact).max() * 22 <= 0.022


def test_a_bad_scene_stops_staging_or_is_left_out_as_the_caller_decides(scenes, tmp_path):
    scenes[1].write_bytes(b"no HDF5")
    with pytest.raises(SceneError, match="cannot open"):
        staged(scenes, tmp_path / "a")
    left_out = []
    store, report, done = staged(scenes, tmp_path / "b", lambda path, error: left_out.append(path))
    assert (store.count, report.scenes, left_out, done) == (40, 2, [scenes[1]], scenes)


def test_no_scene_left_is_an_error(scenes, tmp_path):
    scenes[0].write_bytes(b"no HDF5")
    with pytest.raises(RunError, match="no scene left to stage"):
        staged(scenes[:1], tmp_path / "a", lambda path, error: None)


def test_a_store_that_was_cut_short_is_noticed(scenes, tmp_path):
    store, _, _ = staged(scenes[:1], tmp_path / "a")
    with store.inputs_file.open("r+b") as file:
        file.truncate(5 * record_bytes(PATCH))
    with pytest.raises(RunError, match="the file ends before patch 19"):
        store.read([19])


def test_staging_asks_for_room_before_it_reads(scenes, tmp_path, monkeypatch):
    disk = namedtuple("disk", "f_bavail f_frsize")
    monkeypatch.setattr("os.statvfs", lambda path: disk(2, 4096))
    with pytest.raises(RunError) as caught:
        staged(scenes, tmp_path / "a")
    assert (caught.value.found, caught.value.expected) == ("0 MB free", "1 MB for the staged patches")


def test_polarity_is_told_from_the_temperature_under_the_label(tmp_path):
    bts = np.full((*SHAPE, 3), 290, np.float32)
    cloud = np.zeros((*SHAPE, 1), np.uint8)
    cloud[:75] = 2
    bts[:75] = 250
    path = write_scene_file(tmp_path / "S3A_a.hdf", bts=bts, bayes=cloud)
    assert staged([path], tmp_path / "a")[1].cloud_is_colder() is True
    path = write_scene_file(tmp_path / "S3A_b.hdf", bts=bts, bayes=2 - cloud)
    assert staged([path], tmp_path / "b")[1].cloud_is_colder() is False
    path = write_scene_file(tmp_path / "S3A_c.hdf", bts=bts, bayes=0 * cloud)
    assert staged([path], tmp_path / "c")[1].cloud_is_colder() is None


def test_an_epoch_is_a_permutation_given_by_seed_and_epoch():
    orders = [epoch_order(50, seed, epoch) for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert np.array_equal(orders[0], epoch_order(50, 1, 1))


def test_training_batches_are_full_and_known_in_number(scenes, tmp_path):
    store, _, _ = staged(scenes, tmp_path / "a")
    batches = training_batches(store, 8, seed=1, epoch=1)
    assert len(batches) == 7
    taken = [inputs.numpy() for inputs, _ in batches]
    expected = store.read(epoch_order(60, 1, 1)[:56])[0]
    np.testing.assert_array_equal(np.concatenate(taken), expected)


def test_evaluation_batches_hold_every_patch_once(scenes, tmp_path):
    store, _, _ = staged(scenes, tmp_path / "a")
    batches = evaluation_batches(store, 32)
    sizes = [len(labels) for _, labels in batches]
    assert (len(batches), sizes) == (2, [32, 28])
    np.testing.assert_array_equal(np.concatenate([x.numpy() for _, x in batches]), store.read(range(60))[1])
