"""Local runs outlive a command that is killed: the next one shows them, and starts no run twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes.waiting import wait_until
from tests.support.project import ROOT, program
from tests.support.surroundings.sweeps import LOGS, folder, write

#: In the place of a run: notes that it began, waits for a file or SIGTERM, leaves the log of a complete run.
RUN = """#!/bin/sh
trap 'exit 75' TERM
config=$4
echo "$config" >>'{place}/began'
while [ ! -e '{place}/go' ]; do sleep 0.05; done
cp '{log}' "${{config%/*}}/result.txt"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An experiment of three runs, two at once, and a site whose interpreter only waits."""
    write(tmp_path, at_once=2 if len(os.sched_getaffinity(0)) > 1 else 1)
    (tmp_path / "run").write_text(RUN.format(place=tmp_path, log=LOGS / "completed.txt"))
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "here.yaml").write_text(f"{{name: here, scheduler: local, python: {tmp_path}/run}}\n")
    return tmp_path


def sweep(place: Path, verb: str) -> str:
    done = program("benchmark.sweep", verb, "three.yaml", "--site", "here.yaml", cwd=place)
    return done.stdout + done.stderr


def submitted(place: Path) -> list[str]:
    """The runs that have begun, once the command that submitted them has been killed."""
    command = [sys.executable, "-m", "benchmark.sweep", "submit", "three.yaml", "--site", "here.yaml"]
    process = subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    most = min(2, len(os.sched_getaffinity(0)))
    wait_until(lambda: len(began(place)) == most, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return began(place)


def began(place: Path) -> list[str]:
    path = place / "began"
    return path.read_text().splitlines() if path.exists() else []


def test_resume_waits_for_what_still_runs_and_starts_only_the_rest(place: Path) -> None:
    first = submitted(place)
    said = sweep(place, "status")
    assert said.count("│ running │") == len(first)
    assert "`resume` takes it over" in said
    command = [sys.executable, "-m", "benchmark.sweep", "resume", "three.yaml", "--site", "here.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    resumed = subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: "`resume` takes it over" not in sweep(place, "status"), resumed)
    assert began(place) == first
    (place / "go").touch()
    said, _ = resumed.communicate(timeout=60)
    assert "still running, and waited for: three-seed-1" in said
    assert sorted(began(place)) == [
        str(folder(place) / f"runs/three-seed-{seed}/config.yaml") for seed in (1, 2, 3)
    ]
    assert said.count(": done") == 3
    assert [path.read_text() for path in sorted(folder(place).glob("runs/*/exit_status"))] == ["0\n"] * 3
    assert "nothing to resume" in sweep(place, "resume")


def test_stop_ends_them_without_the_command_that_started_them(place: Path) -> None:
    first = submitted(place)
    assert f"{len(first)} of {len(first)} runs stopped" in sweep(place, "stop")
    time.sleep(0.2)
    assert began(place) == first
    said = sweep(place, "status")
    assert (said.count("│ interrupted │"), said.count("│ running │")) == (len(first), 0)
