"""Job scripts: compared whole with stored ones, and run by a real shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.sweep.job_script import Job, command, ranges, render_array, render_run
from benchmark.sweep.site import Resources, Site
from tests.support.processes.waiting import wait_until
from tests.support.project import ROOT

STORED = ROOT / "tests" / "data" / "job_scripts"
GREENE = Site("greene", "slurm", gpu_types={"v100": "gpu:v100"}, stage_dir="/scratch/ada/cloudmask/staging")


def job(site: Site = GREENE, folder: str = "/scratch/ada/logs/nyu-table3", **resources: object) -> Job:
    wanted = Resources(**{"hours": 13, "gpus": 1, "gpu_type": "v100", "cores": 8, **resources})  # type: ignore[arg-type]
    return Job(
        name="nyu-table3-0123abcd",
        experiment="nyu-table3",
        folder=Path(folder),
        start_folder=Path("/home/ada/cloudmask"),
        code=Path("/home/ada/cloudmask"),
        python="/home/ada/cloudmask/.venv/bin/python",
        site=site,
        resources=wanted,
        at_once=2,
    )


AWKWARD = Site(
    "awkward",
    "slurm",
    partition="gpu",
    account="cloud-lab",
    modules=("apptainer/1.2", "cuda"),
    environment={"TMPDIR": '/scratch/it\'s "here" $HOME'},
    python="/opt/my python/bin/python",
    stage_dir='${SLURM_TMPDIR}/a "b" $HOME',
    sbatch={"qos": "high", "mail-type": "END,FAIL", "comment": 'my "own" runs', "exclusive": True},
)
CONTAINER = Site("here", "slurm", container="/images/cloudmask.sif", stage_dir="/local")
SCRIPTS = {
    "single_gpu_array": render_array(job(memory_gb=64), range(5)),
    "single_gpu_run": render_run(job(memory_gb=64), 3, "nyu-table3-seed-4"),
    "multi_gpu_array": render_array(job(gpus=4), [0, 1, 2, 5, 7]),
    "third_block_array": render_array(
        replace(job(), options=("--on-bad-scene", "skip"), keeps_commit=True), [2000, 2001, 2345]
    ),
    "multi_node_array": render_array(job(nodes=2, gpus=4), [0]),
    "container_array": render_array(job(CONTAINER, gpu_type=None), [0, 1]),
    "container_multi_node_array": render_array(job(CONTAINER, nodes=2, gpu_type=None), [0]),
    "awkward_array": render_array(
        job(AWKWARD, folder="/scratch/a \"b\" 'c' \\d 100%/x", gpus=0, gpu_type=None, hours=0.25), [4]
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_the_stored_one(name):
    assert SCRIPTS[name] == (STORED / f"{name}.slurm").read_text()


def test_every_stored_script_is_compared():
    assert sorted(path.stem for path in STORED.glob("*.slurm")) == sorted(SCRIPTS)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck here")
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing(name):
    done = subprocess.run(
        ["shellcheck", "--severity=warning", STORED / f"{name}.slurm"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@given(block=st.sampled_from([1, 10, 100, 1000]), index=st.integers(0, 9999))
def test_the_output_of_any_run_is_the_file_with_its_number(block, index):
    script = render_array(replace(job(), block=block), [index])
    task = int(re.search(r"^#SBATCH --array=(\d+)", script, re.M)[1])
    name = re.search(r'/output/(.*)\.txt"', script)[1]
    written = re.sub(r"%(\d*)a", lambda symbol: str(task).zfill(int(symbol[1] or 1)), name)
    assert (task < block, written) == (True, str(index))
    assert f"SLURM_ARRAY_TASK_ID + {index - task + 1}))p" in script


@given(indices=st.sets(st.integers(0, 2000)))
def test_ranges_mean_the_same_numbers(indices):
    parts = [part.split("-") for part in ranges(indices).split(",") if part]
    meant = [number for part in parts for number in range(int(part[0]), int(part[-1]) + 1)]
    assert meant == sorted(indices)


# ---- in a real shell, with programs of the test in the places of python and scontrol

#: Notes its arguments, one a line, then does what a run does with signals.
PROGRAM = """#!/bin/bash
printf '%s\\n' "$@" "threads $TF_NUM_INTRAOP_THREADS" "folder $PWD" >"$NOTES/arguments"
trap 'echo usr1 >"$NOTES/signal"; exit 75' USR1
trap 'echo term >"$NOTES/signal"; exit 75' TERM
touch "$NOTES/started"
for _ in $(seq "${TENTHS:-0}"); do sleep 0.1; done
exit "${STATUS:-0}"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Folders with names that a shell must not take apart, and two programs."""
    place = tmp_path / 'it\'s "a" $HOME `b` 100%'
    for folder in ("start here", "bin", "logs/x/runs/x-seed-1", "logs/x/runs/x-seed-2"):
        (place / folder).mkdir(parents=True)
    (place / "logs/x/runs.txt").write_text("x-seed-1\nx-seed-2\n")
    for name, text in (
        ("my python", PROGRAM),
        ("scontrol", '#!/bin/bash\necho "$@" >>"$NOTES/scontrol"\n'),
    ):
        (place / "bin" / name).write_text(text)
        (place / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(place))
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    return place


def job_in(place: Path) -> Job:
    site = Site("here", "slurm", python=str(place / "bin" / "my python"), stage_dir="stage it")
    return Job(
        name="cloudmask-x-1",
        experiment="x",
        folder=place / "logs" / "x",
        start_folder=place / "start here",
        code=ROOT,
        python="none",
        site=site,
        resources=Resources(hours=1, cores=3),
    )


def start(place: Path, script: str) -> subprocess.Popen[bytes]:
    (place / "job").write_text(script)
    with (place / "errors").open("wb") as errors:
        return subprocess.Popen(["bash", place / "job"], stderr=errors)


def test_the_shell_gives_the_run_the_arguments_of_the_local_executor(place):
    job = job_in(place)
    shell = start(place, render_array(job, [0, 1]))
    assert (shell.wait(30), (place / "errors").read_text()) == (0, "")
    _, *arguments = command(job, "x-seed-2")
    noted = (place / "arguments").read_text().splitlines()
    assert noted == [*arguments, "threads 3", f"folder {place / 'start here'}"]
    assert (place / "logs/x/runs/x-seed-2/exit_status").read_text() == "0\n"
    assert not (place / "scontrol").exists()


def test_the_script_of_a_run_makes_this_run_whatever_its_task(place):
    shell = start(place, render_run(job_in(place), 0, "x-seed-1"))
    assert shell.wait(30) == 0
    assert (place / "logs/x/runs/x-seed-1/exit_status").read_text() == "0\n"


@pytest.mark.parametrize("status", ["1", "2", "134"])
def test_a_run_that_fails_is_not_put_back_in_the_queue(place, monkeypatch, status):
    monkeypatch.setenv("STATUS", status)
    assert start(place, render_array(job_in(place), [1])).wait(30) == int(status)
    assert (place / "logs/x/runs/x-seed-2/exit_status").read_text() == f"{status}\n"
    assert not (place / "scontrol").exists()


@pytest.mark.parametrize(
    ("number", "noted", "requeued"),
    [(signal.SIGUSR1, "usr1\n", "requeue 17\n"), (signal.SIGTERM, "term\n", None)],
)
def test_the_warning_requeues_a_run_and_a_cancellation_does_not(place, monkeypatch, number, noted, requeued):
    monkeypatch.setenv("TENTHS", "100")
    shell = start(place, render_array(job_in(place), [1]))
    wait_until((place / "started").exists)
    time.sleep(0.2)  # the script sets its traps after it has started the run
    shell.send_signal(number)
    assert shell.wait(30) == 75
    assert (place / "signal").read_text() == noted
    assert (place / "logs/x/runs/x-seed-2/exit_status").read_text() == "75\n"
    scontrol = place / "scontrol"
    assert (scontrol.read_text() if scontrol.exists() else None) == requeued


@pytest.mark.parametrize(
    ("checkpoint", "restarts", "requeued"),
    [("00002", "1", True), ("00001", "1", False), (None, "1", False), ("00002", "200", False)],
    ids=("further", "no further", "none at all", "too often"),
)
def test_a_run_goes_back_into_the_queue_only_if_it_has_come_further(
    place, monkeypatch, checkpoint, restarts, requeued
):
    monkeypatch.setenv("STATUS", "75")
    monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
    run = place / "logs/x/runs/x-seed-2"
    before = f"{run}/checkpoints/00001.checkpoint.npz" if checkpoint else ""
    (run / "requeued").write_text(f"{before}\n")
    if checkpoint:
        (run / "checkpoints").mkdir()
        (run / f"checkpoints/{checkpoint}.checkpoint.npz").touch()
    assert start(place, render_array(job_in(place), [1])).wait(30) == 75
    assert (place / "scontrol").exists() == requeued
