"""The embedded dataset: what the reader finds, used again, completed, and repaired where it is damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmark.scenes.scene import discover, read_scene
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX
from benchmark.synthesis.manifest import read_manifest
from benchmark.synthesis.scene import make_scene
from tests.support.project import SHAPE
from tests.support.scenes.synthetic import SEED, contents, make, stamps


def test_a_dataset_is_what_the_reader_finds_and_each_file_is_that_scene(whole):
    manifest = read_manifest(whole / "dataset.json")
    assert manifest is not None
    assert (len(discover(whole / "training")), len(discover(whole / "inference"))) == (3, 2)
    for name, record in manifest.files.items():
        scene = read_scene(whole / name, SHAPE)
        made = make_scene(SEED, record.index, SHAPE)
        np.testing.assert_array_equal(scene.label, made.bayes[..., 0] > 0)
        np.testing.assert_array_equal(scene.truth, made.truth)
        with h5py.File(whole / name) as file:
            np.testing.assert_array_equal(file["bts"][...], made.bts)
            np.testing.assert_array_equal(file["refs"][...], made.refs)
        assert scene.period == Path(name).parent.name == ("day" if record.index % 2 == 0 else "night")
        assert record.cloud == pytest.approx(scene.label.mean(), abs=1e-6)
    assert {record.index for record in manifest.files.values()} == {
        0, 1, 2, FIRST_INFERENCE_INDEX, FIRST_INFERENCE_INDEX + 1,
    }  # fmt: skip
    described = json.loads((whole / "dataset.json").read_text())
    assert described["synthetic"] is True
    assert "not SLSTR observations" in described["notice"]
    assert not [*whole.rglob("*.part"), *whole.rglob(".part-*")]


def test_a_complete_dataset_is_reused_without_output_or_writes(dataset):
    before = stamps(dataset)
    progress: list[tuple[int, int]] = []
    assert make(dataset, on_progress=lambda *step: progress.append(step)) == []
    assert progress == []
    assert stamps(dataset) == before


def test_progress_counts_the_scenes_that_are_made(tmp_path):
    progress: list[tuple[int, int]] = []
    make(tmp_path, on_progress=lambda *step: progress.append(step))
    assert progress == [(done, 5) for done in range(1, 6)]


def test_scenes_added_to_a_dataset_equal_those_of_a_dataset_made_at_once(dataset, tmp_path):
    before = stamps(dataset)
    progress: list[tuple[int, int]] = []
    make(dataset, training=5, inference=3, on_progress=lambda *step: progress.append(step))
    assert progress[-1] == (3, 3)
    assert stamps(dataset).items() >= before.items()
    make(tmp_path / "at once", training=5, inference=3)
    assert contents(dataset) == contents(tmp_path / "at once")


def first_file(root: Path) -> Path:
    return discover(root / "training")[0]


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def swap(path: Path) -> None:
    os.replace(discover(path.parents[2] / "inference")[0], path)


@pytest.mark.parametrize(
    ("damage", "word"), [(remove, "missing"), (truncate, "damaged"), (zero, "damaged"), (swap, "damaged")]
)
def test_a_file_that_is_missing_or_damaged_is_made_again_and_said(dataset, whole, damage, word):
    path = first_file(dataset)
    damage(path)
    notices = make(dataset)
    assert f"{path}: {word}; making it again" in notices
    assert contents(dataset) == contents(whole)


def test_a_few_changed_bytes_between_the_checked_blocks_are_found_when_every_byte_is_compared(dataset, whole):
    path = first_file(dataset)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 14)
        file.write(b"\x55\xaa")
    assert make(dataset) == []
    assert make(dataset, verify=True) == [f"{path}: damaged; making it again"]
    assert contents(dataset) == contents(whole)


NO_LISTS = ["", "{", "[]", '{"format": "else"}', '{"format": null, "files": 3}', "[" * 20_000]


@pytest.mark.parametrize("text", NO_LISTS)
def test_a_list_that_cannot_be_read_is_made_again(dataset, whole, text):
    (dataset / "dataset.json").write_text(text)
    assert make(dataset) == [
        f"{dataset / 'dataset.json'}: not readable as the list of a dataset; making the scenes again"
    ]
    assert contents(dataset) == contents(whole)


def test_a_pipe_in_place_of_the_list_or_of_a_scene_is_not_waited_for(dataset, whole):
    for path in (dataset / "dataset.json", first_file(dataset)):
        path.unlink()
        os.mkfifo(path)
    make(dataset)
    assert contents(dataset) == contents(whole)
