"""One experiment file, really run: on a Slurm that these tests start, and as processes of this machine."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.processes.preloaded import write_python
from tests.support.processes.waiting import wait_until
from tests.support.project import TINY, program, read_events, value_of
from tests.support.surroundings import slurm

SEEDS = (1, 2, 3)

#: Fails the first time that it runs seed 3, as a broken node would.
UNLUCKY = """#!/bin/sh
case "$*" in */three-seed-3/*)
    if mkdir {place}/failed 2>/dev/null; then echo 'the node is broken' >&2; exit 9; fi ;;
esac
exec '{python}' "$@"
"""

#: Only waits for Slurm's warning; ends at once when it is requeued.
PATIENT = """#!/bin/bash
[ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && { echo again; exit 0; }
trap 'echo warned; exit 75' USR1
echo first
for _ in $(seq 1000); do sleep 0.1; done
"""


def sweep(place: Path, verb: str, name: str, site: str, *arguments: str) -> subprocess.CompletedProcess:
    return program(
        "benchmark.sweep", verb, place / f"{name}.yaml", *arguments, "--site", place / site, cwd=place
    )


def write(path: Path, tree: dict[str, object]) -> None:
    path.write_text(yaml.safe_dump(tree, sort_keys=False))


def write_executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def place(tiny_place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny dataset, three runs in an experiment, and the sites of these tests."""
    place = tmp_path_factory.mktemp("sweep place")
    (place / "data").symlink_to(tiny_place / "data")
    resources = {"hours": 0.2, "cores": 1}
    common = {"config": str(TINY), "resources": resources}
    epochs = {"fields": {"training.epochs": 3}}
    write(place / "three.yaml", {"name": "three", **common, **epochs, "repeats": 3, "at_once": 2})
    two = {**resources, "nodes": 2}
    gpu = {**resources, "gpus": 1, "gpu_type": "v100"}
    write(place / "gpu.yaml", {"name": "gpu", **common, "resources": gpu})
    write(place / "two-nodes.yaml", {"name": "two-nodes", **common, **epochs, "resources": two})
    long = {"fields": {"training.epochs": 1000}}
    write(place / "stopped.yaml", {"name": "stopped", **common, **long, "repeats": 3, "at_once": 1})
    write(place / "limit.yaml", {"name": "limit", **common, "resources": {"hours": 0.016}})
    write(place / "many.yaml", {"name": "many", **common, "repeats": 24})
    site = {"scheduler": "slurm", "partition": "main", "gpu_types": {"v100": "gpu:v100"}}
    quick = write_executable(place / "quick", '#!/bin/bash\necho "$4"\n')
    more = {"sbatch": {"comment": 'my "own" runs', "hold": True, "mail-type": "END,FAIL"}}
    write(place / "blocks.yaml", {"name": "blocks", **site, **more, "python": quick, "output": "slurm logs"})
    forked = write_python(place / "forked")
    python = write_executable(place / "unlucky", UNLUCKY.format(place=f"'{place}'", python=forked))
    write(place / "cluster.yaml", {"name": "cluster", **site, "python": python, "output": "slurm logs"})
    patient = write_executable(place / "patient", PATIENT)
    write(place / "patient.yaml", {"name": "patient", **site, "python": patient, "output": "slurm logs"})
    here = {"name": "here", "scheduler": "local", "python": str(forked), "output": "local logs"}
    write(place / "here.yaml", here)
    return place


@pytest.fixture(scope="module")
def cluster(place: Path) -> Iterator[None]:
    """Slurm runs, and its commands find it."""
    reason = slurm.find_programs()
    if reason:
        pytest.skip(reason)
    with slurm.slurm() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def ask(*command: str) -> str:
    """What a Slurm command prints; scancel itself tries again for 95 s while a job changes its state."""
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stdout


def log(place: Path, output: str, name: str, seed: int) -> Path:
    return place / output / name / "runs" / f"{name}-seed-{seed}" / "result.txt"


def output_of(place: Path, name: str, index: int) -> str:
    path = place / "slurm logs" / name / "output" / f"{index}.txt"
    return path.read_text() if path.exists() else ""


def status(place: Path, name: str, site: str) -> dict[str, str]:
    """What the command says of the states of all runs."""
    said = sweep(place, "status", name, site).stdout
    rows = [line.split("│") for line in said.splitlines() if "-seed-" in line]
    return {row[1].strip(): row[2].strip() for row in rows}


@pytest.fixture(scope="module")
def submitted(place: Path, cluster: None) -> Path:
    """Everything that is waited for, submitted at once."""
    for name, site in (("limit", "patient.yaml"), ("three", "cluster.yaml")):
        done = sweep(place, "submit", name, site)
        assert done.returncode == 0, done.stderr
    return place


def wait_for_end(place: Path, name: str, seconds: float) -> None:
    """Until Slurm has none of the experiment's runs any more."""
    wait_until(
        lambda: f" {name}-" not in ask("squeue", "--noheader", "--format= %j"),
        seconds=seconds,
        instead=lambda: [ask("squeue"), *(output_of(place, name, number) for number in range(3))],
        every=0.2,
    )


def warn_in_first_epoch(place: Path, name: str) -> None:
    """Send the first run what Slurm sends before the limit, once it trains."""
    path = log(place, "slurm logs", name, 1)
    wait_until(
        lambda: path.exists() and "epoch_start" in path.read_text(),
        seconds=600,
        instead=lambda: [ask("squeue"), output_of(place, name, 0)],
    )
    (job,) = (
        line.split()[0]
        for line in ask("squeue", "--noheader", "--array", "--format=%i %K %j").splitlines()
        if f" 0 {name}-" in line
    )
    ask("scancel", "--batch", "--signal=USR1", job)


@pytest.fixture(scope="module")
def array(submitted: Path) -> Path:
    """The three runs have ended on Slurm; the first was warned and put back, the third failed."""
    warn_in_first_epoch(submitted, "three")
    wait_for_end(submitted, "three", 900)
    return submitted


@pytest.fixture(scope="module")
def local(place: Path) -> Path:
    """The same three runs as processes of this machine; the command ends with their table."""
    done = sweep(place, "submit", "three", "here.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "│ standard deviation │" in done.stdout
    return place


# ---- this machine


def test_the_local_executor_makes_what_was_planned(local):
    assert status(local, "three", "here.yaml") == {f"three-seed-{seed}": "complete" for seed in SEEDS}


def test_collect_makes_the_table_of_three_runs_with_mean_and_spread(local):
    done = sweep(local, "collect", "three", "here.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = local / "local logs" / "three"
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    logged = [value_of(read_events(log(local, "local logs", "three", seed)), "result") for seed in SEEDS]
    assert [float(row["test accuracy"]) for row in rows] == [result["value"] for result in logged]
    assert [float(row["epochs"]) for row in rows] == [3.0] * 3
    table = (folder / "table.md").read_text()
    assert f"| mean | 3 | {sum(result['train_accuracy'] for result in logged) / 3:.4f} |" in table
    assert "| standard deviation | 0 |" in table


def test_what_is_complete_is_not_run_again(local):
    before = log(local, "local logs", "three", 3).read_bytes()
    done = sweep(local, "resume", "three", "here.yaml")
    assert (done.returncode, "nothing to resume" in done.stdout) == (0, True)
    assert log(local, "local logs", "three", 3).read_bytes() == before


# ---- Slurm


def test_an_array_runs_what_was_planned_and_reports_the_run_that_failed(array):
    planned = sweep(array, "plan", "three", "cluster.yaml").stdout
    runs = sorted(path.name for path in (array / "slurm logs" / "three" / "runs").iterdir())
    assert runs == [f"three-seed-{seed}" for seed in SEEDS]
    assert [run for run in runs if f" {run} " in planned] == runs
    states = status(array, "three", "cluster.yaml")
    assert states == {run: "failed" if run == "three-seed-3" else "complete" for run in runs}
    said = sweep(array, "status", "three", "cluster.yaml")
    assert "exit status 9: the node is broken" in said.stdout
    assert said.returncode == 1
    assert "%2" in (array / "slurm logs" / "three" / "array.slurm").read_text().split("--array=")[1][:10]


def assert_resumed(events):
    """Once, or more often where a slow machine came near Slurm's limit again."""
    counted = [event["value"] for event in events if event["key"] == "run_resumed"]
    assert counted
    assert counted == sorted(set(counted))


def test_a_run_that_was_warned_resumes_where_it_stopped(array):
    said = output_of(array, "three", 0)
    assert "stopped (SIGUSR1)" in said
    events = read_events(log(array, "slurm logs", "three", 1))
    assert_resumed(events)
    assert events[-1]["metadata"] == {**events[-1]["metadata"], "status": "success"}


def test_resume_submits_the_failed_run_only_and_both_executors_agree_bit_for_bit(array, local):
    untouched = log(array, "slurm logs", "three", 2).stat().st_mtime_ns
    done = sweep(array, "resume", "three", "cluster.yaml")
    assert done.returncode == 0, done.stderr
    assert ": 1 runs\n" in done.stdout
    wait_for_end(array, "three", 900)
    assert set(status(array, "three", "cluster.yaml").values()) == {"complete"}
    assert log(array, "slurm logs", "three", 2).stat().st_mtime_ns == untouched
    for seed in SEEDS:
        scores = [
            value_of(read_events(log(array, output, "three", seed)), "result")
            for output in ("slurm logs", "local logs")
        ]
        for name in ("value", "train_accuracy", "validation_accuracy", "weights_sha256"):
            assert scores[0][name] == scores[1][name]


def test_two_nodes_train_one_model_and_resume_after_a_warning(place, cluster):
    done = sweep(place, "submit", "two-nodes", "cluster.yaml")
    assert done.returncode == 0, done.stderr
    warn_in_first_epoch(place, "two-nodes")
    wait_for_end(place, "two-nodes", 900)
    assert status(place, "two-nodes", "cluster.yaml") == {"two-nodes-seed-1": "complete"}
    events = read_events(log(place, "slurm logs", "two-nodes", 1))
    assert (value_of(events, "number_of_nodes"), value_of(events, "number_of_ranks")) == (2, 2)
    assert_resumed(events)


def test_a_job_that_was_given_a_gpu_ends_at_once_where_tensorflow_has_none(place, cluster):
    done = sweep(place, "submit", "gpu", "cluster.yaml")
    assert done.returncode == 0, done.stderr
    wait_for_end(place, "gpu", 120)
    done = sweep(place, "status", "gpu", "cluster.yaml")
    assert done.returncode == 1
    assert re.search(
        r"failed +│.*exit status 1: error: accelerators; found: none that TensorFlow", done.stdout
    )
    assert "run_stop" in log(place, "slurm logs", "gpu", 1).read_text()


def test_stop_ends_this_experiment_and_no_other_job(submitted):
    place = submitted
    other = ask(
        "sbatch", "--parsable", "--output=/dev/null", "--job-name=stopped", "--wrap=sleep 300"
    ).strip()
    done = sweep(place, "submit", "stopped", "cluster.yaml")
    assert done.returncode == 0, done.stderr
    wait_until(
        lambda: "RUNNING" in ask("squeue", "-h", "-j", other, "-o", "%T"), instead=lambda: ask("squeue")
    )
    stop_all(place, 3)
    assert not {"waiting", "running", "complete"} & set(status(place, "stopped", "cluster.yaml").values())
    # twice resumed, its jobs have three names
    for _ in range(2):
        assert sweep(place, "resume", "stopped", "cluster.yaml").returncode == 0
        stop_all(place, 3)
    assert ask("squeue", "-h", "-j", other, "-o", "%T") == "RUNNING\n"
    ask("scancel", other)


def stop_all(place: Path, runs: int) -> None:
    """Stop the experiment; nothing of it is in the queue afterwards, and the numbers of its jobs are said."""
    done = sweep(place, "stop", "stopped", "cluster.yaml")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    said = re.fullmatch(
        rf"{runs} of {runs} runs stopped \(jobs (.*)\); `resume` continues them\n", done.stdout
    )
    assert said, done.stdout
    assert len(said[1].split(", ")) == runs
    assert "stopped-" not in ask("squeue", "-h", "-o", "%j")


def test_slurm_warns_before_the_limit_and_the_job_comes_back(submitted):
    wait_until(
        lambda: output_of(submitted, "limit", 0).endswith("again\n"),
        seconds=180,
        instead=lambda: [ask("squeue"), output_of(submitted, "limit", 0)],
    )
    said = output_of(submitted, "limit", 0).splitlines()
    assert [line for line in said if not line.startswith("slurmstepd")] == ["first", "warned", "again"]


def test_more_runs_than_an_array_may_have_go_in_blocks(place, cluster):
    said = sweep(place, "submit", "many", "blocks.yaml")
    assert said.returncode == 0, said.stdout + said.stderr
    jobs = re.findall(r"job (\d+): (\d+) runs", said.stdout)
    assert [int(runs) for _, runs in jobs] == [10, 10, 4]  # MaxArraySize is 11
    states = status(place, "many", "blocks.yaml")
    assert (len(states), set(states.values())) == (24, {"waiting"})
    assert ask("squeue", "--noheader", f"--jobs={jobs[0][0]}", "--format=%k").strip() == 'my "own" runs'
    stopped = sweep(place, "stop", "many", "blocks.yaml", "many-seed-13").stdout
    assert f"1 of 1 runs stopped (jobs {jobs[1][0]}_2)" in stopped
    ask("scontrol", "release", *(job for job, _ in jobs))
    wait_until(lambda: not ask("squeue", "--noheader", "--name=" + names_of_jobs(place, "many")), seconds=60)
    outputs = place / "slurm logs/many/output"
    for index in {*range(24)} - {12}:
        assert f"/runs/many-seed-{index + 1}/config.yaml" in (outputs / f"{index}.txt").read_text()


def names_of_jobs(place: Path, name: str) -> str:
    plan = json.loads((place / "slurm logs" / name / "plan.json").read_text())
    return ",".join(array["name"] for array in plan["arrays"])


def test_a_script_of_a_run_can_be_submitted_by_hand(array):
    """It finds the run complete, and says so."""
    script = array / "slurm logs" / "three" / "runs" / "three-seed-2" / "job.slurm"
    before = log(array, "slurm logs", "three", 2).read_bytes()
    assert ask("sbatch", "--parsable", str(script)).strip().isdigit()
    wait_until(
        lambda: "three-seed-2 is complete: nothing to resume" in output_of(array, "three", 1),
        instead=lambda: [ask("squeue"), output_of(array, "three", 1)],
    )
    assert log(array, "slurm logs", "three", 2).read_bytes() == before
