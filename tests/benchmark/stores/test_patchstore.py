"""Patches as they are read from a store, which store is a dataset's, and one scene of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.core.display import Display
from benchmark.core.errors import RunError, SceneError
from benchmark.scenes.geometry import training_patches
from benchmark.scenes.scene import read_scene
from benchmark.stores import patchstore
from benchmark.stores.opening import open_or_stage
from benchmark.stores.patchstore import (
    INPUTS,
    PatchLayout,
    Source,
    cloud_is_colder,
    source_of,
    store_key,
    stored_digest,
    write_scene,
)
from tests.support.project import SHAPE, write_scene_file
from tests.support.scenes.staging import LARGER_LAYOUT as LAYOUT

# ---- patches


def test_patches_come_back_in_the_order_of_scenes_with_half_precision(scenes, store):
    assert store.count == 60
    inputs, labels = store.read([59, 0, 21])
    assert (inputs.dtype, inputs.shape) == (np.float32, (3, 32, 32, 9))
    for got_inputs, got_labels, (scene, patch) in zip(inputs, labels, ((2, 19), (0, 0), (1, 1)), strict=True):
        original = read_scene(scenes[scene], SHAPE)
        expected = training_patches(original.inputs, 32)[patch]
        np.testing.assert_array_equal(got_inputs, expected.astype(np.float16).astype(np.float32))
        np.testing.assert_array_equal(got_labels, training_patches(original.label, 32)[patch])


def test_a_staged_temperature_is_off_by_two_hundredths_of_a_kelvin_at_most(scenes, store):
    exact = training_patches(read_scene(scenes[0], SHAPE).inputs, 32)[..., 6:]
    stored, _ = store.read(range(20))
    assert np.abs(stored[..., 6:] - exact).max() * 22 <= 0.022


def test_no_patch_is_read_as_empty_arrays(store):
    assert [array.shape for array in store.read([])] == [(0, 32, 32, 9), (0, 32, 32)]


def test_a_store_that_was_cut_short_or_deleted_while_it_is_read_is_noticed(scenes, tmp_path):
    store = open_or_stage(tmp_path, "training", scenes[:1], LAYOUT, Display()).store
    os.truncate(store.folder / INPUTS, 100_000)
    with pytest.raises(RunError, match="the file ends before record 19"):
        store.read([19])
    (store.folder / INPUTS).unlink()
    with pytest.raises(RunError) as caught:
        store.read([19])
    assert (caught.value.found, caught.value.expected) == ("no such file", "the patches that were staged")
    assert caught.value.remedy.startswith("run again: what is missing is staged again")


# ---- which store


def test_the_key_depends_on_layout_and_on_name_size_time_and_order_of_the_scenes_not_on_their_place():
    one, two = Source(Path("a/S3A_1.hdf"), 10, 5), Source(Path("a/S3A_2.hdf"), 10, 5)
    different = [
        (LAYOUT, [one, two]),
        (LAYOUT, [two, one]),
        (LAYOUT, [one]),
        (LAYOUT, [one, Source(two.path, 11, 5)]),
        (LAYOUT, [one, Source(two.path, 10, 6)]),
        (LAYOUT, [one, Source(two.path, None, None)]),
        (PatchLayout(SHAPE, 16, "slstr"), [one, two]),
        (PatchLayout((188, 150), 32, "slstr"), [one, two]),
        (PatchLayout(SHAPE, 32, "synthetic"), [one, two]),
    ]
    keys = [store_key(*case) for case in different]
    assert len(set(keys)) == len(different)
    elsewhere = [Source(Path("b", source.path.name), 10, 5) for source in (one, two)]
    assert store_key(LAYOUT, elsewhere) == keys[0]
    assert (len(keys[0]), set(keys[0]) <= set("0123456789abcdef")) == (64, True)


# ---- one scene of a store


def prepared(folder):
    """A folder with the files of an empty store."""
    folder.mkdir()
    for name in LAYOUT.extents:
        (folder / name).touch()
    return folder


def test_a_scene_is_written_into_its_own_extents_and_described(scenes, tmp_path):
    folder = prepared(tmp_path / "store")
    refs = np.full((*SHAPE, 6), np.nan, np.float32)
    path = write_scene_file(tmp_path / "S3A_night.hdf", refs=refs)
    record = write_scene(folder, LAYOUT, 2, source_of(path))
    assert (record.slot, record.scene, record.skipped) == (2, "S3A_night.hdf", None)
    assert record.filled == refs.size
    assert record.clear[1] + record.cloudy[1] == 20 * 32 * 32
    assert record.sha256 == stored_digest(folder, LAYOUT, 2) != stored_digest(folder, LAYOUT, 1)
    for name, length in LAYOUT.extents.items():
        content = (folder / name).read_bytes()
        assert (len(content), content[: 2 * length]) == (3 * length, bytes(2 * length))
    assert LAYOUT.scene_bytes == sum(LAYOUT.extents.values()) == 20 * 32 * 32 * 19


def test_a_scene_that_vanished_or_changed_since_the_run_began_is_refused(tmp_path):
    folder = prepared(tmp_path / "store")
    path = write_scene_file(tmp_path / "S3A_a.hdf")
    source = source_of(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SceneError) as caught:
        write_scene(folder, LAYOUT, 0, source)
    assert caught.value.found == "a file that changes while it is read"
    assert caught.value.remedy == "run again when nothing writes to the dataset any more"
    path.unlink()
    with pytest.raises(SceneError) as caught:
        write_scene(folder, LAYOUT, 0, source)
    assert caught.value.found == "the file is no longer there"
    assert caught.value.expected == "the file as it was when the run began"


@pytest.mark.parametrize("cut", [False, True])
def test_a_scene_that_changes_while_it_is_read_is_refused_as_that(tmp_path, monkeypatch, cut):
    def disturbed(path, shape, kind):
        if cut:
            os.truncate(path, 1000)
        scene = read_scene(path, shape, kind)
        os.utime(path, ns=(1, 1))
        return scene

    monkeypatch.setattr(patchstore, "read_scene", disturbed)
    folder = prepared(tmp_path / "store")
    path = write_scene_file(tmp_path / "S3A_a.hdf")
    with pytest.raises(SceneError, match="a file that changes while it is read"):
        write_scene(folder, LAYOUT, 0, source_of(path))
    assert (folder / INPUTS).stat().st_size == 0


def test_a_scene_of_another_kind_is_refused(tmp_path):
    folder = prepared(tmp_path / "store")
    source = source_of(write_scene_file(tmp_path / "S3A_a.hdf"))
    with pytest.raises(SceneError) as caught:
        write_scene(folder, PatchLayout(SHAPE, 32, "synthetic"), 0, source)
    assert (caught.value.found, caught.value.expected) == (
        "a scene of kind slstr",
        "data.kind synthetic, as configured",
    )


def test_polarity_is_inferred_from_the_temperature_under_the_label(tmp_path):
    bts = np.full((*SHAPE, 3), 290, np.float32)
    cloud = np.zeros((*SHAPE, 1), np.uint8)
    cloud[:75] = 2
    bts[:75] = 250
    told = []
    for name, bayes in (("a", cloud), ("b", 2 - cloud), ("c", 0 * cloud)):
        path = write_scene_file(tmp_path / f"S3A_{name}.hdf", bts=bts, bayes=bayes)
        told.append(cloud_is_colder(open_or_stage(tmp_path, "training", [path], LAYOUT, Display()).records))
    assert told == [True, False, None]
