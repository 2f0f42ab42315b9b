"""What is sampled during a run on this machine, and the table that it is written to."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import psutil
import pytest

from benchmark.record.telemetry import open_table, sample_telemetry
from tests.support.processes.waiting import wait_until
from tests.support.project import ROOT
from tests.support.surroundings.telemetry import HEADER, Nvml, rows_of, write_package

pytestmark = pytest.mark.usefixtures("all_devices_are_visible")

PAUSED = """
import os, signal, subprocess, time
from pathlib import Path
from benchmark.record import telemetry
from benchmark.record.telemetry import sample_telemetry
telemetry.PAUSE_SECONDS = 0.2
with sample_telemetry(Path("telemetry.csv"), 0.02, powercap=Path("none")) as telemetry:
    time.sleep(0.2)
    subprocess.Popen(["sh", "-c", f"sleep 1.5; kill -CONT {os.getpid()}"])
    os.kill(os.getpid(), signal.SIGSTOP)
print(telemetry.paused_seconds)
"""


def test_a_process_that_was_stopped_knows_for_how_long(tmp_path: Path) -> None:
    command, environment = [sys.executable, "-c", PAUSED], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert float(done.stdout) > 1, done.stderr


# ---- this machine


def test_samples_of_this_process_are_appended_while_the_block_lasts(tmp_path):
    path, before = tmp_path / "telemetry.csv", datetime.now(timezone.utc)
    with sample_telemetry(path, 0.01, powercap=tmp_path) as telemetry:
        wait_until(lambda: path.exists() and path.read_text().count("\n") > 3, every=0.005)
        seen = path.read_text()
    assert telemetry.problem is None
    assert path.read_text().startswith(seen)
    rows = rows_of(path)
    assert len(rows) >= 3
    assert list(rows[0]) == HEADER
    times = [datetime.fromisoformat(row["time"].replace("Z", "+00:00")) for row in rows]
    assert times == sorted(times)
    assert before.replace(microsecond=0) <= times[0]
    assert times[-1] <= datetime.now(timezone.utc)
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)
    assert {row["cpu_energy_j"] for row in rows} == {""}


def test_loads_are_percent_of_cores_and_memory_is_in_megabytes(tmp_path):
    path = tmp_path / "telemetry.csv"
    with sample_telemetry(path, 60, powercap=tmp_path):
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    (row,) = rows_of(path)  # the one that is written at the end
    assert float(row["process_cpu_percent"]) > 0
    assert 0 < float(row["system_cpu_percent"]) <= 100
    total = psutil.virtual_memory().total / 1e6
    assert 10 < float(row["process_memory_mb"]) < total
    assert 0 < float(row["available_memory_mb"]) < total
    assert float(row["read_mb"]) >= 0
    assert float(row["written_mb"]) >= 0


def test_what_this_machine_lacks_is_said_in_a_line_each(tmp_path):
    with sample_telemetry(tmp_path / "telemetry.csv", powercap=tmp_path / "none") as telemetry:
        assert telemetry.unavailable[-1] == (
            f"energy of the CPU: no counter of a CPU package in {tmp_path / 'none'}"
        )
        assert not any("\n" in line for line in telemetry.unavailable)
        assert telemetry.energy() is None or set(telemetry.energy()) == {"accelerators"}


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has NVIDIA's driver")
def test_without_a_driver_there_are_no_accelerators(tmp_path):
    with sample_telemetry(tmp_path / "telemetry.csv", powercap=tmp_path) as telemetry:
        assert telemetry.unavailable[0] == "accelerators: NVML Shared Library Not Found"
        assert telemetry.energy() is None
    assert list(rows_of(tmp_path / "telemetry.csv")[0]) == HEADER


def test_samples_are_taken_every_second_where_energy_can_be_read_and_every_five_elsewhere(tmp_path):
    write_package(tmp_path / "powercap", 0, 10)
    for powercap, seconds in (("powercap", 1.0), ("none", 5.0)):
        path = tmp_path / f"{powercap}.csv"
        with sample_telemetry(path, powercap=tmp_path / powercap, nvml=Nvml()) as telemetry:
            assert telemetry.interval == seconds


# ---- the table


def test_a_resumed_run_appends_after_removing_a_line_that_was_cut(tmp_path):
    path = tmp_path / "telemetry.csv"
    for _ in range(2):
        with sample_telemetry(path, 60, powercap=tmp_path):
            pass
        whole = path.read_text()
        path.write_text(whole + "2026-01-01T00:00:00.000Z,5.0,12")
    with sample_telemetry(path, 60, powercap=tmp_path):
        pass
    assert path.read_text().startswith(whole)
    rows = rows_of(path)
    assert len(rows) == 3
    assert all(None not in row.values() for row in rows)


@pytest.mark.parametrize("left", ["", "tim", "time,seconds"])
def test_a_header_that_was_cut_is_written_again(tmp_path, left):
    path = tmp_path / "telemetry.csv"
    path.write_text(left)
    with open_table(path, ("time", "seconds")) as file:
        file.write("a,1\n")
    assert path.read_text() == "time,seconds\na,1\n"


def test_a_table_with_other_columns_is_kept_beside(tmp_path):
    path = tmp_path / "telemetry.csv"
    for columns in (("time", "a"), ("time", "b"), ("time", "b"), ("time", "c")):
        with open_table(path, columns) as file:
            file.write("1,2\n")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "telemetry-1.csv": "time,a\n1,2\n",
        "telemetry-2.csv": "time,b\n1,2\n1,2\n",
        "telemetry.csv": "time,c\n1,2\n",
    }


def test_a_table_that_cannot_be_opened_is_a_problem_and_not_the_end_of_the_run(tmp_path):
    counter = write_package(tmp_path / "powercap", 0, 10)
    path = tmp_path / "missing" / "telemetry.csv"
    with sample_telemetry(path, 0.01, powercap=tmp_path / "powercap") as telemetry:
        wait_until(lambda: telemetry.problem, every=0.005)
        counter.write_text("30000000")
        assert telemetry.energy() is None  # nobody watches the counter any more
    assert telemetry.problem.splitlines()[:2] == [
        str(path),
        f"  found:    no more samples: FileNotFoundError: [Errno 2] No such file or directory: '{path}'",
    ]


FILL = """
import resource, sys, time
from pathlib import Path
from benchmark.record.telemetry import sample_telemetry
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with sample_telemetry(Path(sys.argv[1]), 0.001) as telemetry:
    while telemetry.problem is None:
        time.sleep(0.01)
print(telemetry.problem)
"""


def test_no_more_room_is_a_problem_and_the_line_that_it_cut_is_removed_on_resume(tmp_path):
    path = tmp_path / "telemetry.csv"
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "no more samples: OSError: [Errno 27] File too large" in done.stdout
    assert done.stderr == ""
    filled = path.read_text()
    assert len(filled) == 1000
    whole = filled[: filled.rindex("\n") + 1]
    with sample_telemetry(path, 60):
        pass
    kept, added = path.read_text()[: len(whole)], path.read_text()[len(whole) :]
    assert kept == whole
    assert added.count("\n") == 1
