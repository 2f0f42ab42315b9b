"""What complete runs keep that no result needs: shown first, removed only with --yes, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmark.core import locks
from tests.support.surroundings.sweeps import LOGS, call, left_in

CHECKPOINTS = ("best.keras", "last.keras")


@pytest.fixture
def runs(submitted: Path) -> list[Path]:
    """Two complete runs and one that was interrupted, each with all that a run leaves."""
    runs = [submitted / "runs" / f"three-seed-{seed}" for seed in (1, 2, 3)]
    for run in runs:
        for folder in ("checkpoints", "tensorboard/train", "masks", "plots"):
            (run / folder).mkdir(parents=True)
        for name in (*(f"checkpoints/{name}" for name in CHECKPOINTS), "tensorboard/train/events"):
            (run / name).write_bytes(b"0" * 1_000_000)
        for name in ("weights.npz", "metrics.csv", "masks/a.h5", "plots/curves.png", ".lock"):
            (run / name).write_text("kept")
    for run in runs[:2]:
        shutil.copy(LOGS / "completed.txt", run / "result.txt")
    (runs[2] / "checkpoints" / "00001-000000.checkpoint.npz").touch()
    (runs[2] / "exit_status").write_text("75\n")
    return runs


def removed(before: dict[Path, set[str]]) -> dict[int, set[str]]:
    """What is gone of each run, by its number."""
    return {number: names - left_in(run) for number, (run, names) in enumerate(before.items())}


OF_A_COMPLETE_RUN = {
    *("checkpoints", "checkpoints/best.keras", "checkpoints/last.keras"),
    *("tensorboard", "tensorboard/train", "tensorboard/train/events"),
}


def test_clean_shows_what_can_go_and_removes_nothing(place, runs, capsys):
    before = {run: left_in(run) for run in runs}
    capsys.readouterr()
    assert call("clean") == 0
    said = capsys.readouterr().out
    for seed in (1, 2):
        assert f"   2.0 MB  runs/three-seed-{seed}/checkpoints  (the run is complete, and weights.npz" in said
        assert f"   1.0 MB  runs/three-seed-{seed}/tensorboard  (metrics.csv has the same numbers)" in said
    assert "three-seed-3" not in said
    assert "6.0 MB in all; nothing was removed" in said
    assert "python -m benchmark.sweep clean three.yaml --site site.yaml --yes" in said
    assert removed(before) == {0: set(), 1: set(), 2: set()}


def test_with_yes_that_is_removed_and_nothing_of_a_run_that_can_be_resumed(place, runs, capsys):
    before = {run: left_in(run) for run in runs}
    assert call("clean", "--yes") == 0
    assert "4 of 4 folders removed" in capsys.readouterr().out
    assert removed(before) == {0: OF_A_COMPLETE_RUN, 1: OF_A_COMPLETE_RUN, 2: set()}
    assert call("clean", "--yes") == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_links_are_left_alone_and_what_they_lead_to(place, runs, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(runs[0] / "checkpoints", elsewhere)
    (runs[0] / "checkpoints").symlink_to(elsewhere)
    (runs[1] / "checkpoints" / "more").symlink_to(elsewhere)
    shutil.move(runs[1], tmp_path / "other disk")
    runs[1].symlink_to(tmp_path / "other disk")
    assert call("clean", "--yes") == 1
    said = capsys.readouterr().out
    assert said.count("reached through a link, and left alone") == 3
    assert {path.name for path in elsewhere.iterdir()} == set(CHECKPOINTS)
    assert (tmp_path / "other disk" / "checkpoints" / "best.keras").exists()
    assert not (runs[0] / "tensorboard").exists()


def test_a_link_in_a_folder_goes_and_not_what_it_leads_to(place, runs, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (runs[0] / "checkpoints" / "link").symlink_to(tmp_path / "mine")
    assert call("clean", "--yes") == 0
    assert not (runs[0] / "checkpoints").exists()
    assert (tmp_path / "mine" / "file").exists()


def test_a_complete_run_that_is_still_at_work_is_left_alone(place, runs, capsys):
    descriptor = locks.take(runs[0] / ".lock")
    assert call("clean", "--yes") == 1
    os.close(descriptor)
    assert "its run is still active" in capsys.readouterr().out
    assert (runs[0] / "checkpoints").exists()
    assert not (runs[1] / "checkpoints").exists()


def test_checkpoints_stay_where_they_are_the_only_weights(place, runs):
    (runs[0] / "weights.npz").unlink()
    assert call("clean", "--yes") == 0
    assert (runs[0] / "checkpoints" / "best.keras").exists()


def test_staged_patches_are_named_and_stay(place, runs, capsys):
    store = place / "data" / "staging" / "training-0123"
    store.mkdir(parents=True)
    (store / "inputs").write_bytes(b"0" * 3_000_000)
    assert call("clean", "--yes") == 0
    assert "3.0 MB of staged patches in data/staging stay" in capsys.readouterr().out
    assert (store / "inputs").exists()
