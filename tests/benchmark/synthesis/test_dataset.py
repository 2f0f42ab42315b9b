"""The embedded dataset and its command: made whole or not at all, completed, and never mixed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from benchmark.core.errors import SceneError
from benchmark.scenes.scene import discover, read_scene
from benchmark.synthesis import dataset as synthetic_dataset
from benchmark.synthesis import workers as synthetic_workers
from benchmark.synthesis.__main__ import main
from benchmark.synthesis.dataset import ensure_dataset
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX, scene_name
from benchmark.synthesis.manifest import read_manifest
from benchmark.synthesis.scene import make_scene
from tests.support.project import ROOT, SHAPE, program
from tests.support.waiting import wait_until

SEED = 101


def make(root: Path, training: int = 3, inference: int = 2, **more) -> list[str]:
    """Make or find a small dataset; returns the notices."""
    notices: list[str] = []
    options = {"seed": SEED, "shape": SHAPE, "on_notice": notices.append, **more}
    ensure_dataset(root, training_scenes=training, inference_scenes=inference, **options)
    return notices


def contents(root: Path) -> dict[str, str]:
    """Digest of every file below a folder, the lock aside."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every scene: they tell a file that was written again."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in root.rglob("*.hdf")}


def digest(scene) -> str:
    arrays = (scene.refs, scene.bts, scene.bayes, scene.truth)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def refusal(*arguments, **more) -> SceneError:
    with pytest.raises(SceneError) as caught:
        make(*arguments, **more)
    return caught.value


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A dataset of three and two scenes that no test changes."""
    root = tmp_path_factory.mktemp("synthetic") / "whole"
    make(root)
    return root


@pytest.fixture
def dataset(whole, tmp_path) -> Path:
    """A copy of it to damage."""
    root = tmp_path / "dataset"
    subprocess.run(["cp", "-r", "--", str(whole), str(root)], check=True)
    return root


# --- The dataset -------------------------------------------------------------------------------


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


def test_worker_processes_make_the_same_files_as_one_process(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic_workers, "PIXELS_PER_WORKER", 1)
    environment = dict(os.environ)
    make(tmp_path / "by workers", jobs=2)
    assert contents(tmp_path / "by workers") == contents(whole)
    assert dict(os.environ) == environment


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


def start(root: Path, *arguments: object) -> subprocess.Popen:
    """Start the command that makes a dataset of twenty-four scenes with two workers."""
    command = ["-m", "benchmark.synthesis", "--output", root, "--seed", SEED, "--training", 16]
    command += ["--inference", 8, "--rows", 400, "--columns", 500, "--jobs", 2, *arguments]
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_generation_leaves_no_list_and_no_process_and_continues_to_the_same_result(tmp_path):
    root = tmp_path / "killed"
    process = start(root)
    wait_until(lambda: len(list(root.rglob("*.hdf"))) >= 3, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert len(workers) >= 2
    assert alive == []
    finished = len(list(root.rglob("*.hdf")))
    assert 3 <= finished < 24
    assert not (root / "dataset.json").exists()
    with pytest.raises(SceneError, match=r"found: +an unfinished dataset with rows 400, columns 500"):
        ensure_dataset(root, seed=SEED, training_scenes=16, inference_scenes=8, shape=SHAPE)

    undisturbed = start(tmp_path / "undisturbed")
    again = start(root)
    for other in (undisturbed, again):
        other.communicate(timeout=60)
        assert other.returncode == 0
    assert contents(root) == contents(tmp_path / "undisturbed")


def test_of_two_processes_one_makes_the_dataset_and_the_other_waits_and_reuses(tmp_path):
    both = [start(tmp_path / "shared") for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(re.search(r"made now: (\d+)", out).group(1) for out, _ in outputs) == ["0", "24"]
    assert sum("another process is making this dataset; waiting for it" in err for _, err in outputs) == 1
    assert len(list((tmp_path / "shared").rglob("*.hdf"))) == 24


# --- The command -------------------------------------------------------------------------------


def test_the_command_makes_completes_and_checks_a_dataset_and_sums_it_up(tmp_path, capsys):
    small = ["--output", str(tmp_path / "d"), "--rows", "150", "--columns", "188", "--seed", "101"]
    assert main([*small, "--training", "2", "--inference", "2"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:4] == [f"scenes {done}/4" for done in range(1, 5)]
    assert "2 training and 2 inference scenes, 3 MB, seed 101, synthetic (not observations)" in out
    assert re.search(r"made now: 4 in [\d.]+ s; already complete: 0", out)
    assert re.search(r"day +2 scenes, cloud 0\.\d{3} of all pixels", out)
    assert re.search(r"night +2 scenes, cloud 0\.\d{3} of all pixels", out)
    assert main([*small, "--training", "4", "--inference", "2", "--verify"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:2] == ["scenes 5/6", "scenes 6/6"]
    assert "made now: 2" in out


def test_the_command_ends_with_one_and_the_message_when_it_cannot(whole, capsys):
    assert main(["--output", str(whole), "--seed", "5"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    where, *rest = err.splitlines()
    assert where == f"error: {whole}"
    assert [line.split(":")[0].strip() for line in rest] == ["found", "expected", "remedy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-3"], "found '-3', expected a whole number of 0 or more"),
        (["--rows", "31"], "found '31', expected a whole number of 32 or more"),
        (["--jobs", "0"], "found '0', expected a whole number of 1 or more"),
        (["--training", "many"], "found 'many', expected a whole number of 0 or more"),
        (["--calibrate", "--inference", "0"], "--calibrate needs scenes"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
def test_the_command_ends_with_two_when_it_is_used_wrongly(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_help_starts_without_the_heavy_libraries(tmp_path):
    shown = program("benchmark.synthesis", "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "simulated, not observations" in " ".join(shown.stdout.split())
    heavy = {"h5py", "tensorflow", "matplotlib"}
    code = f"import sys, benchmark.synthesis.__main__; print({heavy} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "set()\n"


def test_the_calibration_gives_the_baselines_and_typical_pixels_and_makes_no_files(tmp_path):
    shown = program(
        "benchmark.synthesis", "--calibrate", "--seed", SEED, "--training", 10, "--inference", 4,
        "--rows", SHAPE[0], "--columns", SHAPE[1], cwd=tmp_path,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    rows = {line[:26].strip(): line[26:].split() for line in shown.stdout.splitlines() if line}
    for name in ("majority class", "threshold on S8 and S2", "logistic, 9 channels", "truth (not a method)"):
        assert len(rows[name]) == 3
        assert all(0.2 < float(value) < 1 for value in rows[name])
    assert float(rows["logistic, 9 channels"][0]) > float(rows["majority class"][0])
    columns = rows["mean of training pixels"]
    night = {
        name: dict(zip(columns, map(float, rows[f"{name}, night"]), strict=True))
        for name in ("clear sea", "water cloud")
    }
    assert night["clear sea"]["S2"] == 0
    assert night["water cloud"]["S7-S8"] < night["clear sea"]["S7-S8"]
    assert night["water cloud"]["S8"] < night["clear sea"]["S8"] - 5
    assert list(tmp_path.iterdir()) == []
