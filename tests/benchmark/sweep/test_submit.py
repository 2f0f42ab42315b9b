"""Planning and submitting an experiment: what is written, and what is left where it cannot be submitted."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import resource
import shutil

import pytest

from benchmark.sweep import slurm
from tests.support.surroundings.sweeps import call, calls, folder, left_in, slurm_command, write

# ---- plan


def test_plan_shows_every_run_and_the_hours_and_writes_nothing(place, capsys):
    write(
        place,
        grid={"training.batch_size": [4, 8]},
        at_once=2,
        resources={"hours": 2, "expected_hours": 0.5, "nodes": 3},
    )
    before = left_in(place)
    assert call("plan") == 0
    said = capsys.readouterr().out
    for size in (4, 8):
        for seed in (1, 2, 3):
            assert f"three-batch_size-{size}-seed-{seed} " in said
    assert "runs        6, at most 2 at the same time\n" in said
    assert "node-hours  9 expected, 36 at the limits\n" in said
    assert left_in(place) == before


def test_plan_warns_of_scenes_that_are_not_there(place, capsys):
    write(place, config="nyu-greene")
    assert call("plan") == 0
    assert "no folder data/cloud_slstr_ds1/training here" in capsys.readouterr().out


# ---- submit


def test_submit_writes_every_folder_and_submits_one_array(place, capsys):
    write(place, at_once=2)
    slurm_command(place, "sbatch", "echo '17;cluster'")
    assert call("submit") == 0
    assert "job 17: 3 runs\n" in capsys.readouterr().out
    assert left_in(folder(place)) == {
        "experiment.lock",
        "plan.json",
        "runs.txt",
        "array.slurm",
        "commit.txt",
        "tree.txt",
        "output",
        "runs",
        *(f"runs/three-seed-{seed}" for seed in (1, 2, 3)),
        *(
            f"runs/three-seed-{seed}/{name}"
            for seed in (1, 2, 3)
            for name in ("config.yaml", "experiment.json", "job.slurm")
        ),
    }
    assert json.loads((folder(place) / "runs/three-seed-2/experiment.json").read_text()) == {
        "experiment": "three",
        "sha256": hashlib.sha256((place / "three.yaml").read_bytes()).hexdigest(),
        "seeds": "1 2 3",
    }
    assert calls(place) == [f"sbatch --parsable {folder(place)}/array.slurm"]
    script = (folder(place) / "array.slurm").read_text()
    assert "#SBATCH --array=0-2%2\n" in script
    (array,) = json.loads((folder(place) / "plan.json").read_text())["arrays"]
    assert (array["first"], array["number"]) == (0, "17")
    assert re.fullmatch(r"three-[0-9a-f]{8}-1", array["name"])
    assert f"#SBATCH --job-name={array['name']}\n" in script
    assert "#SBATCH --array=1\n" in (folder(place) / "runs/three-seed-2/job.slurm").read_text()


def test_an_experiment_is_submitted_once(place, capsys):
    slurm_command(place, "sbatch", "echo 17")
    assert call("submit") == 0
    assert call("submit") == 2
    assert "resume it: python -m benchmark.sweep resume three.yaml" in capsys.readouterr().err
    assert len(calls(place)) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "no such command"),
        ("echo 'sbatch: error: Invalid account' >&2; exit 1", "exit status 1: Invalid account"),
        ("exit 3", "exit status 3 with no error message"),
        ("echo Submitted", "'Submitted'"),
    ],
)
def test_a_scheduler_that_refuses_leaves_nothing_submitted(place, capsys, text, found):
    if text is not None:
        slurm_command(place, "sbatch", text)
    elif shutil.which("sbatch"):
        os.environ["PATH"] = str(place / "bin")  # put back by the fixture
    assert call("submit") == 2
    said = capsys.readouterr().err
    assert "error: sbatch\n" in said
    assert f"found:    {found}" in said
    assert not (folder(place) / "runs").exists()
    slurm_command(place, "sbatch", "echo 18")
    assert call("submit") == 0


def test_the_first_array_is_cancelled_where_the_second_is_refused(place, capsys):
    write(place, grid={"resources.cores": [1, 2]})
    slurm_command(place, "sbatch", 'case "$2" in *array-1*) echo no >&2; exit 1;; esac; echo 17')
    slurm_command(place, "scancel", "")
    assert call("submit") == 2
    assert calls(place)[-1] == "scancel 17"
    assert not (folder(place) / "runs").exists()


def test_jobs_that_could_not_be_cancelled_either_are_reported_and_kept(place, capsys):
    write(place, grid={"resources.cores": [1, 2]})
    slurm_command(place, "sbatch", 'case "$2" in *array-1*) echo no >&2; exit 1;; esac; echo 17')
    slurm_command(place, "scancel", "echo down >&2; exit 1")
    assert call("submit") == 2
    said = capsys.readouterr().err
    assert "scancel: exit status 1: down" in said
    assert "`stop` cancels them" in said
    assert len(left_in(folder(place) / "runs")) == 6 + 3 * 6


def test_a_scheduler_that_does_not_answer_is_reported_and_its_possible_jobs_are_kept(
    place, capsys, monkeypatch
):
    monkeypatch.setattr(slurm, "ANSWER_SECONDS", 0.5)
    slurm_command(place, "sbatch", "exec sleep 60")
    slurm_command(place, "scancel", "")
    assert call("submit") == 2
    said = capsys.readouterr().err
    assert "found:    no answer within 0.5 s" in said
    (array,) = json.loads((folder(place) / "plan.json").read_text())["arrays"]
    name = array["name"]
    assert array["number"] is None
    assert f"jobs named {name} may be there" in said
    assert calls(place)[-1].endswith(f"--name={name}")
    slurm_command(place, "squeue", f"echo '17|1|PENDING|Priority|1:00|{name}'")
    capsys.readouterr()
    assert call("status") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 missing, 1 waiting"


def test_a_queue_that_does_not_answer_is_reported(place, capsys):
    slurm_command(place, "sbatch", "echo 17")
    assert call("submit") == 0
    slurm_command(place, "squeue", "echo 'slurm_load_jobs error: Unable to contact controller' >&2; exit 1")
    for verb in ("status", "stop", "resume", "collect"):
        assert call(verb) == 2
        assert "Unable to contact controller" in capsys.readouterr().err
    assert len([line for line in calls(place) if line.startswith("sbatch")]) == 1


def test_two_commands_at_once_are_one_too_many(place, capsys):
    folder(place).mkdir(parents=True)
    with (folder(place) / "experiment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert call("submit") == 2
    assert "another command that submits or runs this experiment" in capsys.readouterr().err
    assert left_in(folder(place)) == {"experiment.lock"}


def test_a_submit_that_was_killed_midway_is_done_anew(place):
    slurm_command(place, "sbatch", "echo 17")
    half = folder(place) / ".part" / "three-seed-9"
    half.mkdir(parents=True)
    (half / "config.yaml").write_text("half")
    assert call("submit") == 0
    assert not (folder(place) / ".part").exists()
    assert len(list((folder(place) / "runs").iterdir())) == 3


@contextlib.contextmanager
def full_disk():
    """Files cannot grow beyond 300 bytes during the block: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        yield
    finally:  # pytest itself writes to files after the test
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_reported_and_leaves_no_unfinished_runs(place, capsys):
    slurm_command(place, "sbatch", "echo 17")
    with full_disk():
        assert call("submit") == 2
    assert "expected: room for the folders of the runs" in capsys.readouterr().err
    assert left_in(folder(place)) == {"experiment.lock"}
    assert not (place.parent / "calls").exists()


def test_a_disk_that_fills_up_later_is_reported_too(place, submitted, capsys):
    with full_disk():
        assert call("resume") == 2
    assert "expected: room and permission for the files of the experiment" in capsys.readouterr().err
    assert not [line for line in calls(place) if line.startswith("sbatch")]


def test_an_unwritable_folder_is_reported(place, capsys):
    (place / "logs").write_text("a file")
    assert call("submit") == 2
    assert "`output` in the site's file" in capsys.readouterr().err


def test_a_folder_with_a_newline_is_refused(place, tmp_path, monkeypatch, capsys):
    strange = tmp_path / "two\nlines"
    shutil.copytree(place, strange)
    monkeypatch.chdir(strange)
    assert call("submit") == 2
    assert "no newline" in capsys.readouterr().err
    assert left_in(strange) == left_in(place)
