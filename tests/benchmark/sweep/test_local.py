"""Runs as processes of this machine."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmark.core.errors import RunError
from benchmark.sweep import local
from benchmark.sweep.experiment import Queued
from tests.support.processes.waiting import wait_until
from tests.support.project import ROOT


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
    assert local.run_tasks(tasks, None, tmp_path / "state", ended.append)
    assert sorted(ended) == [0, 1]
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
    assert local.run_tasks(tasks, 1, tmp_path / "state", lambda index: None)
    said = [(tmp_path / f"{number}.txt").read_text().partition("]")[2] for number in range(3)]
    assert said == [" 0 '5,GPU-1a'\n", " 1 ''\n", " 2 '5,GPU-1a,7'\n"]


def test_more_than_the_machine_has_is_refused_before_anything_starts(tmp_path):
    tasks = [task(tmp_path, 0, WHERE), task(tmp_path, 1, WHERE, cores=10_000)]
    with pytest.raises(RunError, match="10000") as caught:
        local.run_tasks(tasks, None, tmp_path / "state", lambda index: None)
    assert "sites: local:" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_leaves_no_status_and_one_that_cannot_start_does(tmp_path):
    tasks = [task(tmp_path, 0, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")]
    tasks.append(dataclasses.replace(task(tmp_path, 1, ""), command=["no such"]))
    assert local.run_tasks(tasks, None, tmp_path / "state", lambda index: None)
    assert not (tmp_path / "0.status").exists()
    assert (tmp_path / "1.status").read_text() == "127\n"


def test_parts_of_a_divided_gpu_are_lent_one_to_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1a,MIG-2b")
    tasks = [task(tmp_path, 0, WHERE, gpus=1), task(tmp_path, 1, WHERE, gpus=1)]
    assert local.run_tasks(tasks, None, tmp_path / "state", lambda index: None)
    said = {(tmp_path / f"{number}.txt").read_text().partition("]")[2] for number in range(2)}
    assert {text[3:] for text in said} == {"'MIG-1a'\n", "'MIG-2b'\n"}
    with pytest.raises(RunError, match="CUDA lets a process use one instance"):
        local.check_room([task(tmp_path, 2, WHERE, gpus=2)])


# ---- a supervisor of its own, that is stopped or killed

#: Waits for SIGTERM or a file, then leaves a line of where it ran and from when to when.
PATIENT = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
started = time.time()
print("ready", sorted(os.sched_getaffinity(0)), repr(os.environ["CUDA_VISIBLE_DEVICES"]), flush=True)
while not Path("go").exists():
    time.sleep(0.02)
print("done", started, time.time())
"""

SUPERVISOR = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.benchmark.sweep.test_local import PATIENT, local, task
place = Path({place!r})
tasks = [task(place, number, PATIENT, gpus=1) for number in {numbers}]
sys.exit(local.run_tasks(tasks, {at_once}, place / "state", lambda index: None))
"""


def supervise(
    place: Path, numbers: list[int], at_once: int = 1, prefix: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    code = SUPERVISOR.format(root=str(ROOT), place=str(place), numbers=numbers, at_once=at_once)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "A,B,C"}
    return subprocess.Popen([*prefix, sys.executable, "-c", code], env=environment, cwd=place)


def said(place: Path, index: int) -> str:
    path = place / f"{index}.txt"
    return path.read_text() if path.exists() else ""


@pytest.fixture
def supervisor(tmp_path, hangup_ends):
    """A process that runs the first of three tasks."""
    process = supervise(tmp_path, [0, 1, 2])
    wait_until(lambda: said(tmp_path, 0).startswith("ready"), process)
    yield process
    process.kill()
    process.wait()
    local.stop(tmp_path / "state")


@pytest.mark.parametrize("number", [None, signal.SIGHUP])
def test_stop_or_a_terminal_that_closes_lets_the_running_one_end_and_starts_no_other(
    tmp_path, supervisor, number
):
    queue = local.queued(tmp_path / "state")
    assert queue == [Queued(0, "running"), Queued(1, "waiting"), Queued(2, "waiting")]
    local.stop(tmp_path / "state") if number is None else supervisor.send_signal(number)
    assert supervisor.wait(30) == 0
    assert (tmp_path / "0.status").read_text() == "75\n"
    assert not (tmp_path / "1.txt").exists()
    assert local.queued(tmp_path / "state") == []


def test_under_nohup_a_terminal_that_closes_stops_nothing(tmp_path):
    process = supervise(tmp_path, [0], prefix=["nohup"])
    wait_until(lambda: said(tmp_path, 0).startswith("ready"), process)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    (tmp_path / "go").touch()
    assert process.wait(30) == 1
    assert (tmp_path / "0.status").read_text() == "0\n"


def test_a_run_whose_supervisor_was_killed_is_seen_and_can_be_stopped(tmp_path, supervisor):
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait(30)
    (queued,) = local.queued(tmp_path / "state")
    assert (queued.index, queued.state) == (0, "running")
    assert "`resume` takes it over" in queued.detail
    local.stop(tmp_path / "state")
    wait_until(lambda: local.queued(tmp_path / "state") == [])
    assert (tmp_path / "0.status").read_text() == "75\n"


def test_runs_that_outlive_their_supervisor_are_taken_over_and_keep_what_they_have(tmp_path):
    first = supervise(tmp_path, [0, 1], at_once=2)
    wait_until(lambda: said(tmp_path, 0) and said(tmp_path, 1), first)
    first.kill()
    first.wait()
    second = supervise(tmp_path, [2, 3], at_once=3)
    wait_until(lambda: len(local.queued(tmp_path / "state")) == 4, second)
    wait_until(lambda: said(tmp_path, 2) or len(os.sched_getaffinity(0)) == 2, second)
    assert not said(tmp_path, 3)  # at once are three, of which two were there before
    second.kill()
    second.wait()
    third = supervise(tmp_path, [3], at_once=4)
    (tmp_path / "go").touch()
    assert third.wait(30) == 1
    lines = [said(tmp_path, number).splitlines() for number in (0, 1, 3)]
    assert [[line.split()[0] for line in each] for each in lines] == [["ready", "done"]] * 3
    assert [(tmp_path / f"{number}.status").read_text() for number in (0, 1, 3)] == ["0\n"] * 3
    runs = [(line[0].split("ready ")[1], *map(float, line[1].split()[1:])) for line in lines]
    for (where, begun, ended), (other, began, end) in itertools.combinations(runs, 2):
        assert ended <= began or end <= begun or set(where.split()).isdisjoint(other.split())
    assert not (tmp_path / "state").exists()


def test_a_supervisor_that_is_killed_before_a_run_is_noted_starts_none(tmp_path, monkeypatch):
    """The shell of the run waits until the state file names it."""
    monkeypatch.setattr(local, "_release", lambda run: run.child.stdin.close())
    assert local.run_tasks([task(tmp_path, 0, "print(1)")], None, tmp_path / "state", lambda index: None)
    assert (said(tmp_path, 0), (tmp_path / "0.status").exists()) == ("", False)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"supervisor": 1, "running": [], "waiting": []}'])
def test_a_damaged_list_of_processes_is_reported(tmp_path, text):
    (tmp_path / "state").write_text(text)
    with pytest.raises(RunError, match="the processes of the experiment"):
        local.queued(tmp_path / "state")


def test_a_process_with_a_number_that_was_given_again_is_left_alone(tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    run = {"index": 0, "process": [other.pid, 1], "cores": [0], "gpus": []}
    state = {"supervisor": [other.pid, 1], "running": [run], "waiting": [1]}
    (tmp_path / "state").write_text(json.dumps(state))
    assert local.queued(tmp_path / "state") == []
    local.stop(tmp_path / "state")
    time.sleep(0.2)
    assert other.poll() is None
    other.kill()
    other.wait()
