"""What is there of a submitted experiment: its status, its logs, and how it is stopped and resumed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.sweep import __main__ as sweep
from tests.support.project import ROOT, program
from tests.support.surroundings.sweeps import LOGS, call, calls, folder, slurm_command, write


def states(capsys) -> list[str]:
    capsys.readouterr()
    call("status")
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "-seed-" in line]
    return [f"{row[2].strip()}: {row[6].strip()}" for row in rows]


def test_status_tells_from_queue_log_and_exit_status_where_each_run_stands(place, submitted, capsys):
    write(place, repeats=7)
    shutil.rmtree(submitted)
    assert call("submit") == 0
    runs = [submitted / "runs" / f"three-seed-{seed}" for seed in range(1, 8)]
    slurm_command(
        place,
        "squeue",
        "printf '17|1|RUNNING|None|9:30|x\\n17|2|PENDING|Resources|10:00|x\\n17|N/A|PENDING|None|1:00|x\\n"
        "16|6|RUNNING|None|9:30|somebody else\\n'",
    )
    shutil.copy(LOGS / "completed.txt", runs[0] / "result.txt")
    (runs[3] / "checkpoints").mkdir()
    (runs[3] / "checkpoints/00001-000000.checkpoint.npz").touch()
    for number, status in ((3, 75), (4, 2)):
        (runs[number] / "exit_status").write_text(f"{status}\n")
    (submitted / "output" / "4.txt").write_text("error: [bold] no scenes [/red]\n\n")
    (submitted / "output" / "5.txt").write_text("slurmstepd: error: out of memory\n")
    assert states(capsys) == [
        "complete: ",
        "running: limit in 9:30",
        "waiting: Resources",
        "interrupted: a checkpoint was made",
        "failed: exit status 2: error: [bold] no scenes [/red]",
        "killed: slurmstepd: error: out of memory",
        "missing: never started",
    ]
    assert call("status") == 1


def test_status_as_json_is_one_line_with_every_run(place, submitted, capsys):
    shutil.copy(LOGS / "completed.txt", submitted / "runs/three-seed-1/result.txt")
    slurm_command(place, "squeue", "echo '17|1|PENDING|Priority|1:00|x'")
    capsys.readouterr()
    assert call("status", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    first, second, third = json.loads(line)["runs"]
    assert (first["state"], first["epoch"], first["job"]) == ("complete", 3, "")
    assert first["test_accuracy"] > 0.5
    assert (second["state"], second["job"], second["detail"]) == ("waiting", "17_1", "Priority")
    assert (third["state"], third["hours_left"]) == ("missing", None)


def test_status_is_watched_until_nothing_waits_or_runs(place, submitted, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: slurm_command(place, "squeue", ""))
    slurm_command(place, "squeue", "echo '17|1|RUNNING|None|1:00|x'")
    capsys.readouterr()
    assert call("status", "--watch", "5") == 0
    said = capsys.readouterr().out
    assert "1 running" in said
    assert said.splitlines()[-1] == "3 missing"
    with pytest.raises(SystemExit):
        call("status", "--watch", "0")


@pytest.mark.parametrize("verb", ["status", "collect"])
def test_a_complete_experiment_is_read_where_there_is_no_scheduler(place, submitted, verb):
    for number, name in enumerate(("completed.txt",) * 3, start=1):
        shutil.copy(LOGS / name, submitted / f"runs/three-seed-{number}/result.txt")
    (place / "bin/squeue").unlink()
    assert call(verb) == (0 if verb == "status" else 1)  # copies of one log are an error
    assert not (place.parent / "calls").exists()


def test_resume_submits_what_is_missing_and_never_what_is_complete_or_in_the_queue(place, submitted):
    shutil.copy(LOGS / "completed.txt", submitted / "runs" / "three-seed-1" / "result.txt")
    slurm_command(place, "squeue", "echo '17|1|PENDING|Priority|1:00|x'")
    (submitted / "runs" / "three-seed-3" / "config.yaml").write_text("half-writ")
    assert call("resume") == 0
    assert "#SBATCH --array=2\n" in (submitted / "array.slurm").read_text()
    assert (submitted / "runs/three-seed-3/config.yaml").read_text().startswith("name: three\n")
    first, second = json.loads((submitted / "plan.json").read_text())["arrays"]
    assert (first["name"][:-1], first["name"][-1], second["name"][-1]) == (second["name"][:-1], "1", "2")
    assert f"--job-name={second['name']}\n" in (submitted / "array.slurm").read_text()
    assert calls(place)[-2].endswith("--format=%F|%K|%T|%r|%L|%j")


# ---- stop


@pytest.fixture
def queue(place: Path, submitted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queue with three tasks of two arrays, from which scancel takes what it is given."""
    monkeypatch.setattr("benchmark.sweep.submit.STOP_SECONDS", 0.2)
    monkeypatch.setattr("benchmark.sweep.submit._POLL_SECONDS", 0.05)
    queue = place.parent / "queue"
    plan = json.loads((submitted / "plan.json").read_text())
    name = plan["arrays"][0]["name"]
    plan["arrays"].append({"name": "renamed by an administrator", "first": 0, "number": "18"})
    (submitted / "plan.json").write_text(json.dumps(plan))
    queue.write_text(
        f"17|0|RUNNING|None|9:30|{name}\n18|1|RUNNING|None|9:30|x\n18|2|PENDING|Resources|9:30|x\n"
    )
    slurm_command(place, "squeue", f"cat '{queue}'")
    taken = 'for each; do sed -i "/^$(echo "$each" | tr _ \'|\')|/d" "$queue"; done'
    slurm_command(place, "scancel", f"queue='{queue}'\n{taken}")
    return queue


def test_stop_cancels_by_the_numbers_that_the_queue_has_and_looks_again(place, queue, capsys):
    assert call("stop") == 0
    assert queue.read_text() == ""
    assert "3 of 3 runs stopped (jobs 17_0, 18_1, 18_2); `resume` continues them" in capsys.readouterr().out
    assert [line for line in calls(place) if line.startswith("scancel")] == ["scancel 17_0 18_1 18_2"]


def test_stop_of_one_run_leaves_the_others(place, queue, capsys):
    assert call("stop", "three-seed-2") == 0
    assert [line[:4] for line in queue.read_text().splitlines()] == ["17|0", "18|2"]
    assert call("stop", "three-seed-9") == 2
    assert "expected: a run of the experiment: three-seed-1" in capsys.readouterr().err


def test_what_does_not_stop_is_named_and_is_a_failure(place, queue, capsys):
    slurm_command(place, "scancel", f"sed -i '/^17/d' '{queue}'")
    assert call("stop") == 1
    said = capsys.readouterr().out
    assert "1 of 3 runs stopped" in said
    assert "still there: three-seed-2 (running 18_1), three-seed-3 (waiting 18_2)" in said


def test_one_run_is_resumed_alone(place, submitted):
    assert call("resume", "three-seed-2") == 0
    assert "#SBATCH --array=1\n" in (submitted / "array.slurm").read_text()


# ---- what may change between submit and resume


@pytest.mark.parametrize(
    ("resources", "status"),
    [
        ({"hours": 3}, 0),
        ({"hours": 1, "memory_gb": 64}, 0),
        ({"hours": 1, "cores": 2}, 2),
        ({"hours": 1, "gpus": 1}, 2),
        ({"hours": 1, "nodes": 2}, 2),
    ],
)
def test_memory_and_hours_may_be_raised_and_what_changes_results_may_not(place, submitted, resources, status):
    write(place, resources=resources)
    assert call("resume") == status


def test_remedies_can_be_typed_as_they_are_printed(place, submitted, capsys):
    assert call("submit") == 2
    assert (
        "resume it: python -m benchmark.sweep resume three.yaml --site site.yaml" in capsys.readouterr().err
    )
    (place / "other.yaml").write_text("{name: here, scheduler: slurm, output: elsewhere}\n")
    assert call("status", site="other.yaml") == 2
    assert "python -m benchmark.sweep submit three.yaml --site other.yaml" in capsys.readouterr().err


def test_a_local_experiment_that_has_no_room_leaves_nothing_behind(place, capsys):
    write(place, resources={"hours": 1, "cores": 4096})
    assert call("submit", site="local") == 2
    assert "which this machine lets this process use" in capsys.readouterr().err
    assert not (folder(place) / "runs").exists()


def test_status_and_logs_show_the_error_and_not_its_remedy(place, submitted, capsys):
    error = "error: scenes/a.hdf\n  found:    no refs\n  expected: refs\n  remedy:   fetch it again\n"
    (submitted / "output/1.txt").write_text("epoch 1\n" + error)
    (submitted / "runs/three-seed-2/exit_status").write_text("1\n")
    assert states(capsys)[1] == "failed: exit status 1: error: scenes/a.hdf; found: no refs"
    call("logs")
    assert "    error: scenes/a.hdf; found: no refs\n" in capsys.readouterr().out
    call("logs", "three-seed-2")
    assert "remedy:   fetch it again" in capsys.readouterr().out


def test_nothing_is_resumed_or_stopped_where_there_is_nothing(place, submitted, capsys):
    for seed in (1, 2, 3):
        shutil.copy(LOGS / "completed.txt", submitted / "runs" / f"three-seed-{seed}" / "result.txt")
    assert (call("resume"), call("stop")) == (0, 0)
    said = capsys.readouterr().out
    assert "nothing to resume" in said
    assert "nothing to stop" in said
    assert {line.split()[0] for line in calls(place)} == {"squeue"}


def test_a_changed_experiment_is_not_resumed(place, submitted, capsys):
    write(place, fields={"training.epochs": 9})
    assert call("resume") == 2
    assert "3 runs that differ from those submitted, first three-seed-1" in capsys.readouterr().err


def test_another_site_is_not_resumed(place, submitted, capsys):
    assert call("resume", site="local") == 2
    assert "pass --site here" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "logs", "stop", "resume", "collect"])
def test_an_experiment_that_was_never_submitted_is_reported(place, capsys, verb):
    assert call(verb) == 2
    assert "python -m benchmark.sweep submit three.yaml" in capsys.readouterr().err
    assert not (place / "logs").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "x"}', "[" * 100_000])
def test_a_damaged_plan_is_reported(place, submitted, capsys, text):
    (submitted / "plan.json").write_text(text)
    assert call("status") == 2
    assert "plan.json" in capsys.readouterr().err


def test_logs_shows_the_last_line_of_each_run_or_all_of_one(place, submitted, capsys):
    (submitted / "output" / "1.txt").write_text("first\nlast [x]\n")
    capsys.readouterr()
    assert call("logs") == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith(" ")] == [
        "    nothing yet",
        "    last [x]",
        "    nothing yet",
    ]
    assert call("logs", "three-seed-2") == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["    first", "    last [x]"]
    assert call("logs", "three-seed-9") == 2
    assert "three-seed-1, three-seed-2, three-seed-3" in capsys.readouterr().err


def test_collect_tells_what_the_checker_finds_and_what_is_not_complete(place, submitted, capsys):
    for seed in (1, 2):
        shutil.copy(LOGS / "completed.txt", submitted / "runs" / f"three-seed-{seed}" / "result.txt")
    assert call("collect") == 1
    said = capsys.readouterr().out
    assert "warning: 1 of 3 runs are not complete and not in the table" in said
    assert "No two logs of a set may be the same, byte for byte." in said
    assert (submitted / "table.csv").read_text().splitlines()[0] == (
        "run,seed,epochs,train accuracy,test accuracy,train time (min),inference time (min)"
    )


def test_the_command_line_loads_no_tensorflow(place):
    said = program("benchmark.sweep", "plan", "quickstart", cwd=place)
    assert said.returncode == 0, said.stderr
    code = "import sys, benchmark.sweep.__main__; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_shipped_experiment_is_named_in_remedies_as_it_was_called(place, capsys):
    assert sweep.main(["status", "quickstart"]) == 2
    assert "python -m benchmark.sweep submit quickstart;" in capsys.readouterr().err
