"""What stops a run or lets none begin, and what it leaves: by the real command."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import h5py
import pytest

from benchmark.config.files import load_config
from benchmark.core.errors import RunError
from benchmark.record.run_folder import RunFolder
from benchmark.scenes.scene import discover
from tests.support.processes.preloaded import Preloaded, run_tiny
from tests.support.processes.waiting import wait_for_event
from tests.support.project import SMALL, TINY, read_events, value_of
from tests.support.surroundings.disk import small_disk


def with_data(tiny_place: Path, place: Path) -> Path:
    """A new folder with links to the tiny scenes, so that one of them can be replaced."""
    for path in (tiny_place / "data" / "synthetic").rglob("*.hdf"):
        link = place / "scenes" / path.relative_to(tiny_place / "data" / "synthetic")
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link)
    return place / "scenes"


def damage(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()  # the file is shared with the other tests
    path.write_bytes(content[:1000])


def damage_a_chunk(path: Path) -> None:
    """Leave the structure of a scene as it is, and one of its chunks of temperatures undecodable."""
    whole = path.rename(path.with_suffix(".whole"))
    with h5py.File(whole) as source, h5py.File(path, "w") as file:
        for name in ("refs", "bts", "bayes"):
            file.create_dataset(name, data=source[name][...], compression="gzip")
        file.attrs["synthetic"] = True
        chunk = file["bts"].id.get_chunk_info(0)
    whole.unlink()
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)


# ---- what stops a run, and what it leaves


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [(signal.SIGTERM, 75, "Interrupted: SIGTERM"), (signal.SIGINT, 130, "Interrupted: SIGINT")],
)
def test_a_signal_ends_the_log_with_run_stop_aborted_and_the_next_run_goes_aside(
    tiny_place, number, code, reason
):
    output = f"signal-{code}"
    arguments = (*SMALL, "--output", output, "--seed", 4, "--set")
    process = Preloaded(
        *("benchmark.run", "--config", TINY, *arguments, "training.epochs=50000"), cwd=tiny_place
    )
    log = tiny_place / output / "tiny-regularised-seed-4" / "result.txt"
    wait_for_event(log, "eval_stop", process)
    second = run_tiny(tiny_place, *arguments, "training.epochs=50000")
    assert second.returncode == 2
    assert "found:    another process that runs seed 4 into this folder" in second.stderr
    process.send_signal(number)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == code
    assert "the log ends with run_stop aborted" in errors
    last = read_events(log)[-1]
    assert (last["key"], last["metadata"]["status"]) == ("run_stop", "aborted")
    assert last["metadata"]["reason"] == reason
    assert (log.parent / "checkpoints" / "best.keras").exists()
    resumed = run_tiny(tiny_place, *arguments, "training.epochs=1")
    assert resumed.returncode == 0
    assert "incomplete run moved aside to" in resumed.stdout
    assert len(list((tiny_place / f"{output}.aside").iterdir())) == 1


def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(tiny_place, tmp_path, monkeypatch):
    from benchmark.compute.engine import Engine
    from benchmark.core.display import Display
    from benchmark.methods.loading import load_method
    from benchmark.training.options import RunOptions
    from benchmark.training.prepare import SceneFiles
    from benchmark.training.train import train_and_score

    real, calls = Engine.train_step, []

    def ninth_is_nan(self, *arguments):
        calls.append(real(self, *arguments))
        return (math.nan, 0, False) if len(calls) == 9 else calls[-1]

    monkeypatch.setattr(Engine, "train_step", ninth_is_nan)
    data = tiny_place / "data" / "synthetic"
    scenes = SceneFiles(discover(data / "training"), discover(data / "inference"))
    options = RunOptions(stage_dir=tmp_path / "staging")
    method = load_method("unet", {})
    with pytest.raises(RunError) as caught:
        train_and_score(load_config(TINY), method, RunFolder(tmp_path), scenes, options, Display())
    assert caught.value.where == "training loss, epoch 2, step 3 of 6"
    assert (caught.value.found, caught.value.expected) == ("nan", "a finite number")
    last = read_events(tmp_path / "result.txt")[-1]
    assert last["metadata"]["reason"].startswith("RunError: training loss, epoch 2, step 3 of 6 found: nan")


@pytest.mark.parametrize(
    ("split", "harm", "found"),
    [
        ("training", damage, "1000 bytes that HDF5 cannot open"),
        ("inference", damage, "1000 bytes that HDF5 cannot open"),
        ("inference", damage_a_chunk, "unreadable data"),
    ],
)
def test_a_bad_scene_stops_the_run_before_it_learns_or_is_skipped_and_logged(
    tiny_place, tmp_path, split, harm, found
):
    data = with_data(tiny_place, tmp_path)
    victim = discover(data / split)[0]
    harm(victim)
    stopped = run_tiny(tmp_path, *SMALL, "--seed", 1, "--data", data)
    assert stopped.returncode == 1
    assert f"error: {victim}" in stopped.stderr
    assert f"found:    {found}" in stopped.stderr
    events = read_events(tmp_path / "logs" / "tiny-regularised-seed-1" / "result.txt")
    assert events[-1]["metadata"]["status"] == "aborted"
    assert "epoch_start" not in {event["key"] for event in events}
    skipping = ("--on-bad-scene", "skip", "--set", "training.epochs=1")
    skipped = run_tiny(tmp_path, *SMALL, "--seed", 1, "--data", data, *skipping)
    assert skipped.returncode == 0, skipped.stderr
    events = read_events(tmp_path / "logs" / "tiny-regularised-seed-1" / "result.txt")
    assert value_of(events, "skipped_scene") == victim.name
    result = value_of(events, "result")
    assert result["data"]["skipped_scenes"] == [victim.name]
    assert result["data"]["kind"] == "synthetic"
    assert result["data"]["inference_scenes"] == (3 if split == "inference" else 4)


@pytest.mark.root
def test_a_disk_that_fills_up_during_the_run_is_reported_and_the_log_still_ends(tiny_place, tmp_path):
    data = tiny_place / "data" / "synthetic"
    with small_disk(tmp_path / "small", "size=6m") as small:
        done = run_tiny(tmp_path, "--seed", 1, "--data", data, "--output", small / "logs")
        events = read_events(small / "logs" / "tiny-seed-1" / "result.txt")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "free some space" in done.stderr
    assert (events[-1]["key"], events[-1]["metadata"]["status"]) == ("run_stop", "aborted")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seed", "-1"), "expected: an integer from 0 to 2147483647"),
        (("--seed", "1.5"), "found:    '1.5'"),
        (("--config", "none.yaml"), "expected: a YAML file, or one of the shipped configurations"),
        (("--set", "training.epoch=3"), "did you mean training.epochs?"),
        (("--data", "nowhere"), "found:    no such folder"),
        (("--data", "."), "found:    no such folder"),
        (("--output", "/proc/none"), "found:    a folder that cannot be written"),
        (("--set", "data.training=elsewhere/training"), "training/ and inference/ of one folder"),
        (
            ("--seed", "9", "--set", "training.batch_size=200"),
            "found:    48 training patches for a global batch",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_found_expected_and_remedy(tiny_place, arguments, message):
    done = run_tiny(tiny_place, *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "remedy:" in done.stderr
    assert "Traceback" not in done.stderr


def test_scenes_of_another_kind_than_configured_are_refused(tiny_place, tmp_path):
    other = ("--set", "data.kind=slstr", "--set", "data.synthetic=null")
    done = run_tiny(tiny_place, *SMALL, "--output", tmp_path / "logs", *other)
    assert done.returncode == 1
    assert "found:    a scene of kind synthetic" in done.stderr


def test_an_unwritable_stage_dir_is_reported_and_the_log_still_ends(tiny_place):
    done = run_tiny(tiny_place, *SMALL, "--seed", 6, "--stage-dir", "/proc/none")
    assert done.returncode == 1
    assert "expected: a folder for the staged patches" in done.stderr
    assert "choose another place with --stage-dir" in done.stderr
    assert (
        read_events(tiny_place / "logs" / "tiny-regularised-seed-6" / "result.txt")[-1]["key"] == "run_stop"
    )
