"""Runs as processes of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.core.errors import RunError
from benchmark.sweep import local
from benchmark.sweep.experiment import Queued
from tests.support.project import ROOT
from tests.support.waiting import wait_until


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
from tests.benchmark.sweep.test_local import local, task
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
