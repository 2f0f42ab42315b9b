"""Staging into stores that later runs share: their use again, scenes that are bad, and damage."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.core.errors import RunError, SceneError
from benchmark.scenes.geometry import training_patches
from benchmark.scenes.scene import read_scene
from benchmark.stores import patchstore
from benchmark.stores import readers as stage_readers
from benchmark.stores.journal import JOURNAL, open_journal
from benchmark.stores.patchstore import source_of, write_scene
from tests.support.scenes.staging import (
    FILES,
    IN_PROCESS,
    LAYOUT,
    MANY_READERS,
    content,
    journal_lines,
    make_scenes,
    stage,
)

# ---- a store, and its use again


def test_a_store_holds_the_patches_of_all_scenes_in_their_order(paths, tmp_path):
    part, _ = stage(tmp_path / "stage", paths)
    assert (part.store.count, part.reused, part.skipped) == (36, 0, [])
    assert part.store.folder.parent == tmp_path / "stage"
    assert part.store.folder.name.startswith("training-")
    assert [record.scene for record in part.records] == [path.name for path in paths]
    expected = [training_patches(read_scene(path, (24, 24)).inputs, 8) for path in paths]
    found, _ = part.store.read(range(36))
    np.testing.assert_array_equal(found, np.concatenate(expected).astype(np.float16))


def test_a_later_run_takes_over_all_scenes_even_of_a_dataset_that_was_moved(paths, tmp_path):
    first, _ = stage(tmp_path / "stage", paths)
    before = journal_lines(first.store.folder)
    (tmp_path / "scenes").rename(tmp_path / "elsewhere")
    again, said = stage(tmp_path / "stage", [tmp_path / "elsewhere" / path.name for path in paths])
    assert (again.reused, said) == (4, "")
    assert (again.store, again.records) == (first.store, first.records)
    assert journal_lines(first.store.folder) == before


def test_a_scene_that_was_replaced_gives_another_store(paths, tmp_path):
    first, _ = stage(tmp_path / "stage", paths)
    os.utime(paths[1], ns=(1, 1))
    second, _ = stage(tmp_path / "stage", paths)
    assert second.reused == 0
    assert second.store.folder != first.store.folder
    assert content(second.store.folder) == content(first.store.folder)


@settings(max_examples=20)
@given(order=st.permutations(range(4)))
def test_the_order_in_which_scenes_are_finished_changes_nothing(tmp_path_factory, order):
    place = tmp_path_factory.mktemp("order")
    paths = make_scenes(place / "scenes", 4)
    whole, _ = stage(place / "stage", paths)
    sources = [source_of(path) for path in paths]
    folder = place / "other" / whole.store.folder.name
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).touch()
    with open_journal(folder) as append:
        for slot in order:
            append(write_scene(folder, LAYOUT, slot, sources[slot]))
    part, _ = stage(place / "other", paths)
    assert (part.reused, part.records, part.store.slots) == (4, whole.records, whole.store.slots)
    assert content(folder) == content(whole.store.folder)


def test_reader_processes_give_what_the_process_itself_gives(paths, tmp_path, monkeypatch):
    alone, _ = stage(tmp_path / "alone", paths)
    monkeypatch.setattr(stage_readers, "PIXELS_PER_READER", MANY_READERS)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    shared, _ = stage(tmp_path / "shared", paths)
    assert (shared.records, shared.store.slots) == (alone.records, alone.store.slots)
    assert content(shared.store.folder) == content(alone.store.folder)
    again, said = stage(tmp_path / "shared", paths)
    assert (again.reused, said) == (4, "")


# ---- scenes that cannot be used


@pytest.mark.parametrize("pixels", [IN_PROCESS, MANY_READERS])
def test_a_bad_scene_stops_staging_or_is_left_out_for_good(paths, tmp_path, monkeypatch, pixels):
    monkeypatch.setattr(stage_readers, "PIXELS_PER_READER", pixels)
    whole, _ = stage(tmp_path / "whole", paths)
    paths[1].write_bytes(b"no HDF5")
    with pytest.raises(SceneError) as caught:
        stage(tmp_path / "stage", paths)
    assert caught.value.where == str(paths[1])
    assert caught.value.found.startswith("7 bytes that HDF5 cannot open")
    part, _ = stage(tmp_path / "stage", paths, skip_bad=True)
    ((left_out, reason),) = part.skipped
    assert (left_out, reason) == (paths[1], caught.value.found)
    assert (part.store.slots, part.store.count) == ((0, 2, 3), 27)
    for found, expected in zip(part.store.read(range(27)), whole.store.read(range(36)), strict=True):
        np.testing.assert_array_equal(found, np.delete(expected, range(9, 18), axis=0))
    again, _ = stage(tmp_path / "stage", paths, skip_bad=True)
    assert (again.reused, again.skipped, again.store) == (3, part.skipped, part.store)
    with pytest.raises(SceneError, match="7 bytes that HDF5 cannot open"):
        stage(tmp_path / "stage", paths)


def test_no_scene_left_is_an_error(paths, tmp_path):
    paths[0].write_bytes(b"no HDF5")
    with pytest.raises(RunError, match="no scene left to stage"):
        stage(tmp_path / "stage", paths[:1], skip_bad=True)


def test_a_scene_that_vanishes_during_staging_is_reported_and_staged_scenes_are_kept(
    paths, tmp_path, monkeypatch
):
    def vanishing(path, shape, kind):
        paths[2].unlink(missing_ok=True)
        return read_scene(path, shape, kind)

    monkeypatch.setattr(patchstore, "read_scene", vanishing)
    with pytest.raises(SceneError) as caught:
        stage(tmp_path / "stage", paths)
    assert (caught.value.where, caught.value.found) == (str(paths[2]), "the file is no longer there")
    (folder,) = (tmp_path / "stage").iterdir()
    assert [line["scene"] for line in journal_lines(folder)] == ["S3A_000.hdf", "S3A_001.hdf"]


# ---- damage


@settings(max_examples=40)
@given(data=st.data())
def test_a_byte_changed_anywhere_is_found_and_repaired(tmp_path_factory, data):
    place = tmp_path_factory.mktemp("damage")
    paths = make_scenes(place / "scenes", 3)
    whole, _ = stage(place / "stage", paths)
    before = content(whole.store.folder)
    path = whole.store.folder / data.draw(st.sampled_from(FILES))
    damaged = bytearray(path.read_bytes())
    offset = data.draw(st.integers(0, len(damaged) - 1))
    damaged[offset] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    part, said = stage(place / "stage", paths)
    name = f"S3A_{offset * 3 // len(damaged):03}.hdf"
    assert f"warning: {path.parent}: the patches of {name} were damaged, and are staged again" in said
    assert (part.reused, part.store, part.records) == (2, whole.store, whole.records)
    assert content(part.store.folder) == before
    assert stage(place / "stage", paths)[0].reused == 3


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("left", [None, 0, 700])
def test_a_file_that_was_cut_or_deleted_is_written_again(paths, tmp_path, name, left):
    whole, _ = stage(tmp_path / "stage", paths)
    before = content(whole.store.folder)
    if left is None:
        (whole.store.folder / name).unlink()
    else:
        os.truncate(whole.store.folder / name, left)
    part, said = stage(tmp_path / "stage", paths)
    assert content(part.store.folder) == before
    extent = LAYOUT.extents[name]
    assert said.count("were damaged, and are staged again") == 4 - (left or 0) // extent
    assert part.reused == (left or 0) // extent


def test_without_its_journal_a_store_is_staged_anew(paths, tmp_path):
    whole, _ = stage(tmp_path / "stage", paths)
    before = content(whole.store.folder)
    (whole.store.folder / JOURNAL).unlink()
    part, said = stage(tmp_path / "stage", paths)
    assert (part.reused, part.records, said) == (0, whole.records, "")
    assert content(part.store.folder) == before


@pytest.mark.parametrize("cut", [1, 40])
def test_a_torn_last_line_costs_its_scene_only(paths, tmp_path, cut):
    whole, _ = stage(tmp_path / "stage", paths)
    journal = whole.store.folder / JOURNAL
    os.truncate(journal, journal.stat().st_size - cut)
    part, _ = stage(tmp_path / "stage", paths)
    assert (part.reused, part.records) == (4 if cut == 1 else 3, whole.records)


def test_a_store_may_be_deleted_between_runs(paths, tmp_path):
    whole, _ = stage(tmp_path / "stage", paths)
    before = content(whole.store.folder)
    shutil.rmtree(tmp_path / "stage")
    part, _ = stage(tmp_path / "stage", paths)
    assert (part.reused, content(part.store.folder)) == (0, before)
