"""Datasets are never mixed: other settings, other files, a full and a read-only disk."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from benchmark.synthesis import dataset as synthetic_dataset
from benchmark.synthesis import workers as synthetic_workers
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX, scene_name
from tests.support.scenes.synthetic import contents, make, refusal, stamps


@pytest.mark.parametrize(
    ("change", "found", "expected"),
    [
        ({"seed": 5}, "seed 101", "seed 5"),
        ({"shape": (150, 200)}, "columns 188", "columns 200"),
        ({"training": 2}, "training_scenes 3", "training_scenes 2"),
        ({"inference": 1}, "inference_scenes 2", "inference_scenes 1"),
    ],
)
def test_other_settings_than_those_of_the_folder_are_refused_and_nothing_changes(
    whole, change, found, expected
):
    before = contents(whole)
    error = refusal(whole, **change)
    assert (error.where, error.found, error.expected) == (str(whole), f"a dataset with {found}", expected)
    assert "--output" in error.remedy
    assert f"--output {whole} --replace" in error.remedy
    assert contents(whole) == before


def test_a_dataset_of_another_version_of_the_generator_is_refused(dataset):
    path = dataset / "dataset.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "generator": 0}))
    assert refusal(dataset).found == "a dataset with generator 0"


def test_replace_discards_the_old_dataset_and_nothing_else(dataset, tmp_path):
    (dataset / "training" / "notes.txt").write_text("mine")
    make(dataset, training=2, inference=1, seed=7, replace=True)
    make(tmp_path / "new", training=2, inference=1, seed=7)
    assert contents(dataset).pop("training/notes.txt") == hashlib.sha256(b"mine").hexdigest()
    left = {name: value for name, value in contents(dataset).items() if name != "training/notes.txt"}
    assert left == contents(tmp_path / "new")


@pytest.mark.parametrize("replace", [False, True])
def test_scene_files_of_something_else_are_refused_and_kept(tmp_path, replace):
    observed = tmp_path / "training" / "day" / scene_name(0).replace("_SYN_", "_LN2_")
    observed.parent.mkdir(parents=True)
    observed.write_bytes(b"observed")
    error = refusal(tmp_path, replace=replace)
    assert error.found == f"1 scene files of something else, such as training/day/{observed.name}"
    assert observed.read_bytes() == b"observed"
    assert not (tmp_path / "dataset.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed -1"),
        ({"training": -1}, "training scenes -1"),
        ({"inference": FIRST_INFERENCE_INDEX + 1}, "inference scenes 1000001"),
        ({"shape": (16, 188)}, "shape 16 x 188"),
        ({"jobs": 0}, "jobs 0"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, change, message):
    assert refusal(tmp_path / "new", **change).found == message
    assert not (tmp_path / "new").exists()


def test_a_full_disk_is_reported_finished_scenes_are_kept_and_the_next_attempt_continues(
    whole, tmp_path, monkeypatch
):
    root = tmp_path / "full"
    written: list[Path] = []
    write = synthetic_workers.write_scene

    def until_full(path, scene, **more):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        return write(path, scene, **more)

    monkeypatch.setattr(synthetic_workers, "write_scene", until_full)
    monkeypatch.setattr(synthetic_dataset, "SAVE_SECONDS", -1)
    error = refusal(root)
    assert error.found == "No space left on device"
    assert "68 MB a day scene" in error.expected
    assert not (root / "dataset.json").exists()
    before = stamps(root)
    assert len(before) == 2
    monkeypatch.undo()
    assert make(root) == []
    assert stamps(root).items() >= before.items()
    assert contents(root) == contents(whole)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    error = refusal(tmp_path / "file" / "dataset")
    assert error.expected == "a writable folder"


def test_a_complete_dataset_on_a_read_only_disk_is_used(whole, monkeypatch):
    open_file = os.open

    def refuse_lock(path, *arguments, **more):
        if Path(path).name == ".lock":
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return open_file(path, *arguments, **more)

    monkeypatch.setattr(os, "open", refuse_lock)
    assert make(whole) == []
    assert refusal(whole.parent / "new").found.startswith("Read-only file system")
