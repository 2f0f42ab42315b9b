"""Staging into stores that later runs share: kills, damage, two runs at once, a full disk."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.core.display import Display
from benchmark.core.errors import RunError, SceneError
from benchmark.core.interruption import SIGNALS
from benchmark.scenes.geometry import training_patches
from benchmark.scenes.scene import read_scene
from benchmark.stores import patchstore
from benchmark.stores import readers as stage_readers
from benchmark.stores.journal import JOURNAL, open_journal
from benchmark.stores.opening import open_or_stage
from benchmark.stores.patchstore import INPUTS, LABELS, PatchLayout, source_of, write_scene
from tests.support.disk import resize, small_disk
from tests.support.project import ROOT, write_scene_file
from tests.support.waiting import wait_until

LAYOUT = PatchLayout((24, 24), 8, "slstr")
FILES = (INPUTS, LABELS)

#: A process that stages all scenes of a folder and says how many it took over.
PROGRAM = """
import resource, sys
from pathlib import Path
from benchmark.stores import readers as stage_readers
from benchmark.core.display import Display
from benchmark.stores.patchstore import PatchLayout
from benchmark.stores.opening import open_or_stage

def main():
    scenes, stage_dir, rows, patch, pixels = sys.argv[1:]
    stage_readers.PIXELS_PER_READER = int(pixels)
    layout = PatchLayout((int(rows), int(rows)), int(patch), "slstr")
    paths = sorted(Path(scenes).iterdir())
    part = open_or_stage(Path(stage_dir), "training", paths, layout, Display())
    print("reused", part.reused, "of", len(part.records))
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

if __name__ == "__main__":
    main()
"""
IN_PROCESS, MANY_READERS = 10**9, 1


def make_scenes(folder: Path, count: int, rows: int = 24) -> list[Path]:
    rng = np.random.default_rng(count)
    return [
        write_scene_file(
            folder / f"S3A_{i:03}.hdf",
            (rows, rows),
            bts=rng.uniform(240, 300, (rows, rows, 3)).astype(np.float32),
        )
        for i in range(count)
    ]


def stage(stage_dir, paths, layout=LAYOUT, **options):
    """The staged part, and what was printed."""
    said = io.StringIO()
    display = Display()
    display.console.file = said
    return open_or_stage(stage_dir, "training", paths, layout, display, **options), said.getvalue()


def content(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def journal_lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]


def start(scenes: Path, stage_dir: Path, rows: int, patch: int, pixels: int) -> subprocess.Popen:
    arguments = map(str, (scenes, stage_dir, rows, patch, pixels))
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def paths(tmp_path):
    return make_scenes(tmp_path / "scenes", 4)


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
    assert (caught.value.where, caught.value.found) == (str(paths[2]), "no such file any more")
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


# ---- kills, and two runs at once


@pytest.mark.parametrize("pixels", [IN_PROCESS, MANY_READERS])
def test_staging_killed_at_random_moments_resumes_and_ends_with_the_same_bytes(tmp_path, pixels):
    rng = random.Random(pixels)
    paths = make_scenes(tmp_path / "scenes", 60, rows=150)
    layout = PatchLayout((150, 150), 32, "slstr")
    whole, _ = stage(tmp_path / "whole", paths, layout)
    folder = tmp_path / "stage" / whole.store.folder.name
    journal = folder / JOURNAL
    finished = 0
    for kill_at in sorted(rng.sample(range(50), 4)):
        process = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, pixels)
        wait_until(
            lambda kill_at=kill_at: journal.exists() and journal.read_bytes().count(b"\n") >= kill_at,
            process,
            every=0.001,
        )
        time.sleep(rng.uniform(0, 0.02))
        readers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(readers, timeout=30)
        assert alive == []
        finished_before, finished = finished, journal.read_bytes().count(b"\n")
        assert finished >= max(finished_before, kill_at)
    assert finished > 0
    last = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, pixels)
    output, errors = last.communicate(timeout=60)
    assert last.returncode == 0, errors
    reused = int(output.split()[1])
    assert kill_at <= reused <= 60
    part, _ = stage(tmp_path / "stage", paths, layout)
    assert (part.reused, part.records, part.store.slots) == (60, whole.records, whole.store.slots)
    assert content(folder) == content(whole.store.folder)


def test_of_two_processes_that_stage_the_same_store_one_waits_and_takes_over(tmp_path):
    make_scenes(tmp_path / "scenes", 30, rows=150)
    both = [start(tmp_path / "scenes", tmp_path / "stage", 150, 32, IN_PROCESS) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    told = sorted(output[output.index("reused") : output.index("peak")].strip() for output in outputs)
    assert told == ["reused 0 of 30", "reused 30 of 30"]


def test_a_store_that_another_process_stages_is_waited_for_with_a_message(paths, tmp_path):
    whole, _ = stage(tmp_path / "stage", paths)
    with (whole.store.folder / ".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(tmp_path / "scenes", tmp_path / "stage", 24, 8, IN_PROCESS)
        line = process.stdout.readline()
        assert process.poll() is None
    output, _ = process.communicate(timeout=60)
    assert line.strip() == (f"waiting for another run, which stages the same scenes in {whole.store.folder}")
    assert output.startswith("reused 4 of 4")


def test_staging_works_on_a_file_system_without_locks(paths, tmp_path, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    part, said = stage(tmp_path / "stage", paths)
    assert (part.store.count, said) == (36, "")


def readers_at_work(process: subprocess.Popen, stage_dir: Path) -> list[psutil.Process]:
    """The readers of a staging process, once they have finished some scenes."""
    wait_until(
        lambda: any(path.stat().st_size for path in stage_dir.glob(f"*/{JOURNAL}")), process, every=0.001
    )
    children = psutil.Process(process.pid).children()
    readers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert readers
    return readers


def test_a_reader_that_is_killed_ends_staging_with_a_message_and_keeps_what_is_done(tmp_path):
    paths = make_scenes(tmp_path / "scenes", 60, rows=150)
    process = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, MANY_READERS)
    readers_at_work(process, tmp_path / "stage")[0].kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "found:    a reader process ended before its scene was staged" in errors
    assert "what has been staged is kept" in errors
    part, _ = stage(tmp_path / "stage", paths, PatchLayout((150, 150), 32, "slstr"))
    assert 0 < part.reused < 60
    assert part.store.count == 60 * 16


def ignores(pid: int, number: int) -> bool:
    (mask,) = re.findall(r"SigIgn:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_all_processes_of_a_run_is_left_to_the_run(tmp_path, number):
    make_scenes(tmp_path / "scenes", 120, rows=150)
    process = start(tmp_path / "scenes", tmp_path / "stage", 150, 32, MANY_READERS)
    for reader in readers_at_work(process, tmp_path / "stage"):
        while not ignores(reader.pid, number):  # it is still starting
            assert process.poll() is None, process.communicate()[1]
        reader.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output.splitlines()[0]) == (0, "reused 0 of 120"), errors


# ---- the disk


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


def test_a_store_may_be_deleted_between_runs(paths, tmp_path):
    whole, _ = stage(tmp_path / "stage", paths)
    before = content(whole.store.folder)
    shutil.rmtree(tmp_path / "stage")
    part, _ = stage(tmp_path / "stage", paths)
    assert (part.reused, content(part.store.folder)) == (0, before)
