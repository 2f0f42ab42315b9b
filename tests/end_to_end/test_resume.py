"""The real command, interrupted and resumed: the same bits, one log."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from benchmark.record.run_folder import RunFolder
from benchmark.training.learning.checkpoint import checkpoints, latest_checkpoint
from tests.support.killed_runs import OFTEN, kill, outcome
from tests.support.processes.preloaded import ONE_THREAD, Preloaded, run_preloaded
from tests.support.processes.waiting import wait_for_event, wait_until
from tests.support.project import TINY, program, read_events, value_of
from tests.support.surroundings.disk import resize, small_disk

SETTINGS = ("--seed", 1, "--set", "training.epochs=3", *OFTEN)


def start(place: Path, output: str, *arguments: object) -> Preloaded:
    """The command on the tiny configuration, resuming where it was; output and errors together."""
    command = ("benchmark.run", "--config", TINY, "--output", output, "--resume", *arguments)
    return Preloaded(*command, cwd=place, stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def whole(tiny_place: Path) -> dict[str, object]:
    """The outcome of an uninterrupted run."""
    command = ("benchmark.run", "--config", TINY, "--output", "whole", *SETTINGS)
    done = program(*command, cwd=tiny_place, env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    return outcome(tiny_place / "whole" / "tiny-seed-1" / "result.txt")


def test_killed_at_several_moments_a_run_ends_with_the_same_bits(tiny_place, whole):
    root = tiny_place / "killed" / "tiny-seed-1"
    for key, later in (("staging_start", 0), ("epoch_start", 0.2), ("eval_start", 0), ("scene_accuracy", 0)):
        process = start(tiny_place, "killed", *SETTINGS)
        wait_for_event(root / "result.txt", key, process)
        assert kill(process, later)
    said, _ = start(tiny_place, "killed", *SETTINGS).communicate()
    assert "resumed after epoch" in said
    assert outcome(root / "result.txt") == whole
    events = read_events(root / "result.txt")
    resumed = [event for event in events if event["key"] == "run_resumed"]
    assert resumed[-1]["value"] == 4
    assert resumed[-1]["metadata"]["epochs"] == 3
    assert checkpoints(root / "checkpoints") == []
    systems = [json.loads(path.read_text()) for path in RunFolder(root).systems]
    assert len(systems) == 5  # of every start
    assert {system["cpu"]["model"] for system in systems} == {systems[0]["cpu"]["model"]}
    assert systems[0]["measured_at"] < systems[-1]["measured_at"]
    timing = value_of(events, "result")["timing"]
    times = {event["key"]: event["time_ms"] for event in events}
    assert timing["total_seconds"] == pytest.approx((times["run_stop"] - times["run_start"]) / 1000, abs=0.5)
    checked = program("compliance.check", "--severity", "error", root / "result.txt", cwd=tiny_place)
    wrong = [line for line in checked.stdout.splitlines() if ": error [" in line]
    assert [line for line in wrong if "submission_github_commit_version" not in line] == []


def test_a_warning_ends_the_run_with_a_checkpoint_within_the_epoch(tiny_place, whole):
    root = tiny_place / "warned" / "tiny-seed-1"
    process = start(tiny_place, "warned", *SETTINGS)
    wait_for_event(root / "result.txt", "epoch_start", process)
    process.send_signal(signal.SIGUSR1)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 75
    assert "SIGUSR1: stopping at the next checkpoint; again to stop at once" in said
    assert "stopped (SIGUSR1); the log ends with run_stop aborted; rerun with --resume to continue" in said
    last = read_events(root / "result.txt")[-1]
    assert last["metadata"]["status"] == "aborted"
    assert last["metadata"]["reason"] == "Interrupted: SIGUSR1"
    said, _ = start(tiny_place, "warned", *SETTINGS).communicate()
    assert "resumed after epoch" in said
    assert outcome(root / "result.txt") == whole


def test_a_requeued_job_resumes_by_itself_and_a_complete_run_is_left_alone(tiny_place, whole, monkeypatch):
    root = tiny_place / "requeued" / "tiny-seed-1"
    process = start(tiny_place, "requeued", *SETTINGS)
    wait_for_event(root / "result.txt", "eval_stop", process)
    assert kill(process, 0)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    command = ("benchmark.run", "--config", TINY, "--output", "requeued", *SETTINGS)
    done = run_preloaded(*command, cwd=tiny_place)
    assert done.returncode == 0, done.stderr
    assert outcome(root / "result.txt") == whole
    before = (root / "result.txt").read_bytes()
    again = run_preloaded(*command, cwd=tiny_place)
    assert (again.returncode, again.stdout) == (0, "tiny-seed-1 is complete: nothing to resume\n")
    assert (root / "result.txt").read_bytes() == before


@pytest.fixture(scope="module")
def interrupted(tiny_place: Path, whole: dict[str, object]) -> Path:
    """A run that was killed once it had two checkpoints; to be copied."""
    root = tiny_place / "interrupted" / "tiny-seed-1"
    process = start(tiny_place, "interrupted", *SETTINGS)
    wait_until(lambda: len(checkpoints(root / "checkpoints")) == 2, process)
    assert kill(process, 0)
    assert len(checkpoints(root / "checkpoints")) == 2
    return root


def copied(interrupted: Path, tiny_place: Path, output: str) -> Path:
    root = tiny_place / output / "tiny-seed-1"
    shutil.copytree(interrupted, root)
    return root


def test_a_corrupt_checkpoint_is_reported_and_the_previous_one_is_used(tiny_place, whole, interrupted):
    root = copied(interrupted, tiny_place, "corrupt")
    last = checkpoints(root / "checkpoints")[-1]
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    process = start(tiny_place, "corrupt", *SETTINGS)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert f"{last.relative_to(tiny_place)} cannot be read" in said
    assert outcome(root / "result.txt") == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.epochs=7", "config_digest"),
        ("submission.org=Another", "submission_org 'Another' of the run to resume"),
    ],
)
def test_a_run_is_not_resumed_with_another_configuration(tiny_place, interrupted, change, message):
    root = copied(interrupted, tiny_place, change)
    before = [path.read_bytes() for path in checkpoints(root / "checkpoints")]
    process = start(tiny_place, change, *SETTINGS, "--set", change)
    said, _ = process.communicate()
    assert process.returncode == 1
    assert message in said
    assert "start again without --resume" in said
    assert "Traceback" not in said
    last = read_events(root / "result.txt")[-1]
    assert (last["key"], last["metadata"]["status"]) == ("run_stop", "aborted")
    # nothing is lost: the log that a checkpoint vouches for is still its beginning
    assert [path.read_bytes() for path in checkpoints(root / "checkpoints")] == before
    found = latest_checkpoint(root / "checkpoints", pytest.fail)
    content = (root / "result.txt").read_bytes()
    assert hashlib.sha256(content[: found.log_size]).hexdigest() == found.log_sha256


def test_without_resume_an_interrupted_run_goes_aside_with_a_hint(tiny_place, interrupted):
    root = copied(interrupted, tiny_place, "anew")
    done = run_preloaded(
        *("benchmark.run", "--config", TINY, "--output", "anew", "--seed", 1, "--set", "training.epochs=1"),
        *OFTEN,
        cwd=tiny_place,
    )
    assert done.returncode == 0, done.stderr
    assert "incomplete run moved aside to" in done.stdout
    assert "(--resume would have continued it)" in done.stdout
    (aside,) = (tiny_place / "anew.aside").iterdir()
    assert len(checkpoints(aside / "checkpoints")) == 2
    assert len([e for e in read_events(root / "result.txt") if e["key"] == "eval_stop"]) == 1


@pytest.mark.root
def test_a_full_disk_ends_a_run_that_can_be_resumed_once_there_is_room(tiny_place, whole):
    with small_disk(tiny_place / "small", "size=70m") as small:
        # weights and two checkpoints take 64 MB, the third has no room next to them
        (small / "ballast").write_bytes(bytes(4_000_000))
        process = start(tiny_place, "small", *SETTINGS)
        said, _ = process.communicate()
        assert process.returncode == 1
        assert "No space left" in said
        assert "free some space" in said
        (small / "ballast").unlink()
        resize(small, "200m")
        process = start(tiny_place, "small", *SETTINGS)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        assert outcome(small / "tiny-seed-1" / "result.txt") == whole
