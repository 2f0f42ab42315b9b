"""Staging asks for room on the disk, survives a full one, and needs no more memory for more scenes."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from benchmark.core.errors import RunError, SceneError
from benchmark.stores import readers as stage_readers
from benchmark.stores.patchstore import PatchLayout
from tests.support.scenes.staging import IN_PROCESS, MANY_READERS, journal_lines, make_scenes, stage, start
from tests.support.surroundings.disk import resize, small_disk


@pytest.mark.root
def test_room_is_asked_for_before_staging_for_what_is_missing_only(tmp_path):
    paths = make_scenes(tmp_path / "scenes", 20, rows=150)
    layout = PatchLayout((150, 150), 32, "slstr")
    paths[15].write_bytes(b"no HDF5")
    with small_disk(tmp_path / "small", "size=7m") as small:
        with pytest.raises(SceneError):
            stage(small, paths, layout)  # 15 scenes of 0.3 MB are there now, and 2.6 MB are free
        ballast = small / "ballast"
        ballast.write_bytes(bytes(1_500_000))
        with pytest.raises(RunError) as caught:
            stage(small, paths, layout, skip_bad=True)
        assert caught.value.where.startswith(str(small / "training-"))
        assert caught.value.found == "1 MB free"
        assert caught.value.expected == "2 MB for the patches that are still to be staged"
        assert caught.value.remedy == "free some space, or choose another place with --stage-dir"
        ballast.unlink()
        part, _ = stage(small, paths, layout, skip_bad=True)
    assert (part.reused, len(part.records)) == (15, 19)


@pytest.mark.parametrize("pixels", [IN_PROCESS, MANY_READERS])
@pytest.mark.root
def test_a_disk_that_fills_up_during_staging_is_reported_and_staged_scenes_are_kept(
    tmp_path, monkeypatch, pixels
):
    paths = make_scenes(tmp_path / "scenes", 10, rows=150)
    layout = PatchLayout((150, 150), 32, "slstr")
    monkeypatch.setattr(stage_readers, "PIXELS_PER_READER", pixels)
    # other programs leave room for three scenes of what was free at first
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=10**6, f_frsize=4096))
    with small_disk(tmp_path / "small", "size=1m") as small:
        with pytest.raises(RunError) as caught:
            stage(small, paths, layout)
        assert (caught.value.found, caught.value.expected) == (
            "No space left on device",
            "room for the staged patches",
        )
        assert caught.value.remedy == (
            "free some space, or choose another place with --stage-dir; what has been staged is kept"
        )
        resize(small, "6m")
        (folder,) = small.iterdir()
        kept = journal_lines(folder)
        assert kept or pixels == MANY_READERS  # several may all be in the middle of their first scene
        other = stage(tmp_path / "stage", paths, layout)[0]
        renamed = small / other.store.folder.name
        folder.rename(renamed)
        part, said = stage(small, paths, layout)
        assert (part.reused, part.records, said) == (len(kept), other.records, "")


@pytest.mark.root
def test_an_unwritable_folder_is_reported(paths, tmp_path):
    with small_disk(tmp_path / "small", "size=1m,ro") as small, pytest.raises(RunError) as caught:
        stage(small / "stage", paths)
    assert (caught.value.found, caught.value.expected) == (
        "Read-only file system",
        "a folder for the staged patches",
    )
    (tmp_path / "file").touch()
    with pytest.raises(RunError) as caught:
        stage(tmp_path / "file", paths)
    assert caught.value.found == "Not a directory"
    assert caught.value.remedy.startswith("make it writable, or choose another place with --stage-dir")


def test_ten_times_the_scenes_need_no_more_memory(tmp_path):
    peaks = []
    for count in (8, 80):
        make_scenes(tmp_path / str(count), count, rows=300)
        process = start(tmp_path / str(count), tmp_path / "stage", 300, 32, IN_PROCESS)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        peaks.append(int(output.split()[-1]))
    assert peaks[1] / peaks[0] < 1.05
