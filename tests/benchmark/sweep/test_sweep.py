"""The sweep's command line: what it refuses, and that it leaves nothing half-made."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from rich.table import Table

from benchmark.core.display import Display
from benchmark.core.errors import RunError
from benchmark.sweep import __main__ as sweep
from benchmark.sweep import local, slurm
from benchmark.sweep.__main__ import texts
from benchmark.sweep.experiment import Queued
from benchmark.sweep.status import LoggedProgress, read_progress
from benchmark.sweep.table import PointTable, Row, to_csv, to_markdown
from tests.support.project import ROOT, TINY, program
from tests.support.waiting import wait_until

LOGS = ROOT / "tests" / "data" / "logs"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an experiment of three runs and a Slurm site, whose commands come from bin/."""
    place = tmp_path / 'it\'s a "place" 100%'
    (place / "bin").mkdir(parents=True)
    write(place)
    (place / "site.yaml").write_text("{name: here, scheduler: slurm}\n")
    monkeypatch.chdir(place)
    monkeypatch.setenv("PATH", f"{place / 'bin'}:/usr/bin:/bin")
    return place


def write(place: Path, **fields: object) -> None:
    tree = {"name": "three", "config": str(TINY), "repeats": 3, "resources": {"hours": 1}, **fields}
    (place / "three.yaml").write_text(yaml.safe_dump(tree))


def slurm_command(place: Path, name: str, text: str) -> None:
    """A command in the place of Slurm's, which notes how it was called."""
    path = place / "bin" / name
    path.write_text(f"#!/bin/sh\necho \"{name} $*\" >>'{place.parent}/calls'\n{text}\n")
    path.chmod(0o755)


def calls(place: Path) -> list[str]:
    return (place.parent / "calls").read_text().splitlines()


def call(verb: str, *arguments: str, site: str = "site.yaml") -> int:
    return sweep.main([verb, "three.yaml", *arguments, "--site", site])


def folder(place: Path) -> Path:
    return place / "logs" / "three"


def left_in(path: Path) -> set[str]:
    return {found.relative_to(path).as_posix() for found in path.rglob("*")}


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
    (name,) = json.loads((folder(place) / "plan.json").read_text())["jobs"]
    assert f"#SBATCH --job-name={name}\n" in script
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
    name = calls(place)[-1].rpartition("=")[2]
    assert calls(place)[-1].startswith("scancel --user=")
    assert f"--job-name={name}\n" in (folder(place) / "array.slurm").read_text()
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
    (name,) = json.loads((folder(place) / "plan.json").read_text())["jobs"]
    assert f"jobs named {name} may be there" in said
    assert calls(place)[-1].endswith(f"--name={name}")
    slurm_command(place, "squeue", "echo '17|1|PENDING|Priority|1:00'")
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


@pytest.fixture
def full_disk():
    """Files cannot grow beyond 300 bytes while a test runs: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_reported_and_leaves_no_unfinished_runs(place, capsys, full_disk):
    slurm_command(place, "sbatch", "echo 17")
    assert call("submit") == 2
    assert "expected: room for the folders of the runs" in capsys.readouterr().err
    assert left_in(folder(place)) == {"experiment.lock"}
    assert not (place.parent / "calls").exists()


def test_a_disk_that_fills_up_later_is_reported_too(place, submitted, capsys, full_disk):
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


# ---- afterwards


@pytest.fixture
def submitted(place):
    """The experiment, submitted to a Slurm that has nothing of it in its queue any more."""
    slurm_command(place, "sbatch", "echo 17")
    slurm_command(place, "squeue", "")
    slurm_command(place, "scancel", "")
    assert call("submit") == 0
    (place.parent / "calls").unlink()
    return folder(place)


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
        "printf '17|1|RUNNING|None|9:30\\n17|2|PENDING|Resources|10:00\\n17|N/A|PENDING|None|1:00\\n'",
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


def test_resume_submits_what_is_missing_and_never_what_is_complete_or_in_the_queue(place, submitted):
    shutil.copy(LOGS / "completed.txt", submitted / "runs" / "three-seed-1" / "result.txt")
    slurm_command(place, "squeue", "echo '17|1|PENDING|Priority|1:00'")
    (submitted / "runs" / "three-seed-3" / "config.yaml").write_text("half-writ")
    assert call("resume") == 0
    assert "#SBATCH --array=2\n" in (submitted / "array.slurm").read_text()
    assert (submitted / "runs/three-seed-3/config.yaml").read_text().startswith("name: three\n")
    first, second = json.loads((submitted / "plan.json").read_text())["jobs"]
    assert f"--job-name={second}\n" in (submitted / "array.slurm").read_text()
    assert calls(place)[-2].endswith(f"--name={first} --format=%F|%K|%T|%r|%L")


# ---- stop


@pytest.fixture
def queue(place: Path, submitted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queue with three tasks of two arrays, from which scancel takes what it is given."""
    monkeypatch.setattr("benchmark.sweep.submit.STOP_SECONDS", 0.2)
    monkeypatch.setattr("benchmark.sweep.submit._POLL_SECONDS", 0.05)
    queue = place.parent / "queue"
    queue.write_text("17|0|RUNNING|None|9:30\n18|1|RUNNING|None|9:30\n18|2|PENDING|Resources|9:30\n")
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
    said = program("benchmark.sweep", "plan", ROOT / "experiments" / "quickstart.yaml", cwd=place)
    assert said.returncode == 0, said.stderr
    code = "import sys, benchmark.sweep.__main__; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# ---- logs and tables


def test_progress_is_read_from_the_end_of_a_log(tmp_path):
    whole = (LOGS / "completed.txt").read_text().splitlines(keepends=True)
    complete = read_progress(LOGS / "completed.txt")
    assert (complete.outcome, complete.epochs, complete.is_complete) == ("success", 3, True)
    cut = tmp_path / "result.txt"
    end = next(number for number, line in enumerate(whole) if '"test_accuracy"' in line)
    cut.write_text("".join(whole[:end]) + ':::MLLOG {"key": "run_stop", "meta')
    running = read_progress(cut)
    assert (running.outcome, running.epochs, running.test_accuracy) == (None, 3, None)
    assert running.seconds_per_epoch is not None
    cut.write_text("\0" * 100_000)
    assert read_progress(cut) == read_progress(tmp_path / "none") == LoggedProgress()


def test_a_table_has_the_papers_columns_with_mean_and_spread():
    paper = [(200.0, 0.896, 0.884, 142.47, 1.73), (147.0, 0.909, 0.896, 98.75, 1.45)]
    rows = [Row(f"a-seed-{seed}", seed, figures) for seed, figures in enumerate(paper, start=1)]
    table = PointTable({"training.batch_size": "32"}, rows)
    assert to_markdown("a", [table]).splitlines() == [
        "# a",
        "",
        "## training.batch_size 32",
        "",
        "| run | epochs | train accuracy | test accuracy | train time (min) | inference time (min) |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| a-seed-1 | 200 | 0.8960 | 0.8840 | 142.47 | 1.73 |",
        "| a-seed-2 | 147 | 0.9090 | 0.8960 | 98.75 | 1.45 |",
        "| mean | 173.5 | 0.9025 | 0.8900 | 120.61 | 1.59 |",
        "| standard deviation | 37.5 | 0.0092 | 0.0085 | 30.91 | 0.20 |",
    ]
    assert to_csv([table]).splitlines()[1] == "a-seed-1,32,1,200.0,0.896,0.884,142.47,1.73"


def test_no_value_of_an_experiment_becomes_a_formula_a_heading_or_markup(capsys):
    for value, cell in (
        ("=1+1", "'=1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-x", "'-x"),
        ("-1e-3", "-1e-3"),
        ("+5", "+5"),
        ("[/red] # *x* <b>\x1b[31m", "[/red] # *x* <b>\\x1b[31m"),
    ):
        table = PointTable({"method.options.a": value}, [Row("a-seed-1", 1, (1.0, 0.5, 0.5, 1.0, 1.0))])
        heading, line = list(csv.reader(to_csv([table]).splitlines()))
        assert (heading[1], line[1]) == ("method.options.a", cell)
    assert to_markdown("a", [table]).splitlines()[2] == (
        "## method.options.a &#91;/red&#93; &#35; &#42;x&#42; &#60;b&#62;&#92;x1b&#91;31m"
    )
    display = Display()
    title, heading = texts(table.title, value)
    shown = Table(title=title)
    shown.add_column(heading)
    display.console.print(shown)
    shown = capsys.readouterr().out
    assert "method.options.a [/red]" in shown
    assert "\x1b" not in shown


# ---- this machine's processes


def task(place: Path, index: int, code: str, cores: int = 1, gpus: int = 0) -> local.LocalTask:
    return local.LocalTask(
        index=index,
        command=[sys.executable, "-c", code],
        environment={"TASK": str(index)},
        cores=cores,
        gpus=gpus,
        output=place / f"{index}.txt",
        exit_status=place / f"{index}.status",
    )


WHERE = """
import os
print(sorted(os.sched_getaffinity(0)), os.environ["TASK"], repr(os.environ["CUDA_VISIBLE_DEVICES"]))
"""


def test_processes_get_cores_of_their_own_and_leave_their_status(tmp_path):
    before = os.sched_getaffinity(0)
    ended = []
    tasks = [task(tmp_path, 0, WHERE), task(tmp_path, 1, WHERE + "raise SystemExit(3)")]
    whole = local.run_tasks(tasks, None, tmp_path / "state", lambda t, s: ended.append((t.index, s)))
    assert whole
    assert sorted(ended) == [(0, 0), (1, 3)]
    assert [(tmp_path / f"{number}.status").read_text() for number in (0, 1)] == ["0\n", "3\n"]
    said = [(tmp_path / f"{number}.txt").read_text() for number in (0, 1)]
    assert {text.partition("]")[2] for text in said} == {" 0 ''\n", " 1 ''\n"}
    used = [json.loads(text.partition("]")[0] + "]") for text in said]
    assert all(len(cores) == 1 for cores in used)
    assert len(before) == 1 or used[0] != used[1]
    assert os.sched_getaffinity(0) == before
    assert not (tmp_path / "state").exists()


def test_processes_get_gpus_of_their_own_among_those_that_are_visible(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-1a,7")
    tasks = [task(tmp_path, 0, WHERE, gpus=2), task(tmp_path, 1, WHERE), task(tmp_path, 2, WHERE, gpus=3)]
    assert local.run_tasks(tasks, 1, tmp_path / "state", lambda t, s: None)
    said = [(tmp_path / f"{number}.txt").read_text().partition("]")[2] for number in range(3)]
    assert said == [" 0 '5,GPU-1a'\n", " 1 ''\n", " 2 '7,5,GPU-1a'\n"]


def test_more_than_the_machine_has_is_refused_before_anything_starts(tmp_path):
    tasks = [task(tmp_path, 0, WHERE), task(tmp_path, 1, WHERE, cores=10_000)]
    with pytest.raises(RunError, match="10000") as caught:
        local.run_tasks(tasks, None, tmp_path / "state", lambda t, s: None)
    assert "sites: local:" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


SUPERVISOR = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.benchmark.sweep.test_sweep import local, task
place = Path({place!r})
code = '''
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
print("ready", flush=True)
time.sleep(60)
'''
tasks = [task(place, number, code) for number in range(3)]
sys.exit(local.run_tasks(tasks, 1, place / "state", lambda t, s: None))
"""


@pytest.fixture
def supervisor(tmp_path):
    """A process that runs the first of three tasks."""
    code = SUPERVISOR.format(root=str(ROOT), place=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    said = tmp_path / "0.txt"
    wait_until(lambda: said.exists() and said.read_text() == "ready\n", process)
    yield process
    process.kill()
    process.wait()
    local.stop(tmp_path / "state")


def test_stop_from_another_process_lets_the_running_one_end_and_starts_no_other(tmp_path, supervisor):
    queue = local.queued(tmp_path / "state")
    assert queue == [Queued(0, "running"), Queued(1, "waiting"), Queued(2, "waiting")]
    local.stop(tmp_path / "state")
    assert supervisor.wait(30) == 0
    assert (tmp_path / "0.status").read_text() == "75\n"
    assert not (tmp_path / "1.txt").exists()
    assert local.queued(tmp_path / "state") == []


def test_a_run_whose_supervisor_was_killed_is_seen_and_can_be_stopped(tmp_path, supervisor):
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait(30)
    assert local.queued(tmp_path / "state") == [Queued(0, "running")]
    local.stop(tmp_path / "state")
    wait_until(lambda: local.queued(tmp_path / "state") == [])


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"supervisor": 1, "running": {}, "waiting": []}'])
def test_a_damaged_list_of_processes_is_reported(tmp_path, text):
    (tmp_path / "state").write_text(text)
    with pytest.raises(RunError, match="the processes of the experiment"):
        local.queued(tmp_path / "state")


def test_a_process_with_a_number_that_was_given_again_is_left_alone(tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    state = {"supervisor": [other.pid, 1.0], "running": {"0": [other.pid, 1.0]}, "waiting": [1]}
    (tmp_path / "state").write_text(json.dumps(state))
    assert local.queued(tmp_path / "state") == []
    local.stop(tmp_path / "state")
    time.sleep(0.2)
    assert other.poll() is None
    other.kill()
    other.wait()
