"""What is sampled during a run: from this machine, from a tree of RAPL counters, from a stand-in for NVML."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.record.energy import counted, energy_between, integrated
from benchmark.record.telemetry import open_table, sample_telemetry
from tests.support.project import ROOT

PROCESS = (
    *("process_cpu_percent", "system_cpu_percent", "process_memory_mb", "available_memory_mb"),
    *("read_mb", "written_mb"),
)
HEADER = ["time", "seconds", *PROCESS, "cpu_energy_j"]
ACCELERATOR = ("power_w", "temperature_c", "memory_mb", "utilisation_percent", "energy_mj")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does; give up after a minute."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def write_package(
    powercap: Path, number: int, joules: float, name: str = "package", largest: int = 1000
) -> Path:
    """A package of a tree like the kernel's, with the zone of its cores; returns the counter's file."""
    package = powercap / f"intel-rapl:{number}"
    for zone, title in ((package, f"{name}-{number}"), (powercap / f"{package.name}:0", "core")):
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "name").write_text(f"{title}\n")
        (zone / "max_energy_range_uj").write_text(f"{largest * 10**6}\n")
        (zone / "energy_uj").write_text(f"{joules * 10**6:.0f}\n")
    return package / "energy_uj"


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


class NvmlError(Exception):
    """What the stand-in raises."""


class Nvml:
    """A stand-in for pynvml with some accelerators: no machine of the tests has one."""

    NVMLError = NvmlError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *millijoules: int | None) -> None:
        self.millijoules = list(millijoules)
        self.milliwatts = [250_000 + 1000 * index for index in range(len(millijoules))]
        self.opened = 0

    def nvmlInit(self) -> None:
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.millijoules)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index >= len(self.millijoules):
            raise NvmlError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return {"GPU-b": 1}[uuid]

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return self.milliwatts[handle]

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return 60 + handle

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=3_500_000_000, total=80_000_000_000)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=97, memory=40)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        millijoules = self.millijoules[handle]
        if millijoules is None:
            raise NvmlError("Not Supported")
        return millijoules


@pytest.fixture(autouse=True)
def all_devices_are_visible(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


# ---- this machine


def test_samples_of_this_process_are_appended_while_the_block_lasts(tmp_path):
    path, before = tmp_path / "telemetry.csv", datetime.now(timezone.utc)
    with sample_telemetry(path, 0.01, powercap=tmp_path) as telemetry:
        until(lambda: path.exists() and path.read_text().count("\n") > 3)
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
        until(lambda: telemetry.problem)
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


# ---- energy of the CPU


def test_the_energy_of_all_packages_is_counted_from_the_start_without_their_parts(tmp_path):
    powercap, path = tmp_path / "powercap", tmp_path / "telemetry.csv"
    first, second = write_package(powercap, 0, 500), write_package(powercap, 1, 700)
    write_package(powercap, 2, 100, name="psys")
    with sample_telemetry(path, 60, powercap=powercap) as telemetry:
        assert telemetry.energy() == {"cpu": 0}
        first.write_text("530000000\n")
        second.write_text("704500000\n")
        (powercap / "intel-rapl:2" / "energy_uj").write_text("900000000\n")
        (powercap / "intel-rapl:0:0" / "energy_uj").write_text("900000000\n")
        assert telemetry.energy() == {"cpu": pytest.approx(34.5)}
        first.write_text("531000000\n")
    assert [row["cpu_energy_j"] for row in rows_of(path)] == ["35.5"]
    assert not any("CPU" in line for line in telemetry.unavailable)


def test_a_counter_that_begins_anew_goes_on(tmp_path):
    counter = write_package(tmp_path, 0, 990, largest=1000)
    with sample_telemetry(tmp_path / "telemetry.csv", 60, powercap=tmp_path) as telemetry:
        counter.write_text("4000000\n")
        assert telemetry.energy() == {"cpu": pytest.approx(14)}
        counter.write_text("2000000\n")
        assert telemetry.energy() == {"cpu": pytest.approx(14 + 998)}


@given(st.lists(st.integers(0, 999), min_size=1), st.integers(0, 999))
def test_steps_below_the_range_of_a_counter_are_all_counted(steps, start):
    readings = iter([total % 1000 for total in accumulate([start, *steps])])
    meter = counted(lambda: next(readings), 1000)
    assert [meter() for _ in steps] == list(accumulate(steps))


def test_a_counter_that_was_reset_adds_nothing_for_that_once():
    readings = iter([500.0, 600.0, 10.0, 25.0])
    meter = counted(lambda: next(readings))
    assert [meter(), meter(), meter()] == [100, 100, 115]


def test_a_counter_that_cannot_be_read_is_said(tmp_path):
    counter = write_package(tmp_path, 0, 10)
    counter.unlink()
    counter.mkdir()
    with sample_telemetry(tmp_path / "telemetry.csv", 60, powercap=tmp_path) as telemetry:
        assert telemetry.energy() is None
    assert telemetry.unavailable[-1] == f"energy of the CPU: [Errno 21] Is a directory: '{counter}'"
    assert telemetry.problem is None


@pytest.mark.parametrize("content", ["", "many\n", None])
def test_a_counter_that_fails_later_is_a_problem_and_sampling_goes_on(tmp_path, content):
    powercap, path = tmp_path / "powercap", tmp_path / "telemetry.csv"
    counter = write_package(powercap, 0, 10)
    with sample_telemetry(path, 60, powercap=powercap) as telemetry:
        counter.unlink() if content is None else counter.write_text(content)
        assert telemetry.energy() is None
    assert telemetry.problem.startswith("the energy of cpu can no longer be read: ")
    assert [row["cpu_energy_j"] for row in rows_of(path)] == [""]


def test_the_energy_between_two_readings_is_that_of_the_sources_of_both():
    assert energy_between({"cpu": 5.0}, {"cpu": 8.0}) == {"cpu": 3.0}
    assert energy_between({"cpu": 5.0, "accelerators": 1.0}, {"cpu": 8.0}) == {"cpu": 3.0}
    assert energy_between(None, {"cpu": 8.0}) == {}
    assert energy_between({"cpu": 8.0}, None) == {}


# ---- accelerators


def test_every_accelerator_has_its_columns(tmp_path):
    path, nvml = tmp_path / "telemetry.csv", Nvml(1_000_000, 2_000_000)
    with sample_telemetry(path, 60, powercap=tmp_path, nvml=nvml) as telemetry:
        assert nvml.opened == 1
        nvml.millijoules = [1_030_000, 2_004_000]
        assert telemetry.energy() == {"accelerators": pytest.approx(34)}
    assert nvml.opened == 0
    (row,) = rows_of(path)
    assert list(row) == [*HEADER, *(f"accelerator{n}_{name}" for n in (0, 1) for name in ACCELERATOR)]
    assert [row[f"accelerator0_{name}"] for name in ACCELERATOR] == ["250.0", "60", "3500.0", "97", "1030000"]
    assert [row[f"accelerator1_{name}"] for name in ACCELERATOR] == ["251.0", "61", "3500.0", "97", "2004000"]


def test_an_accelerator_without_a_counter_has_its_power_integrated(tmp_path):
    path, nvml = tmp_path / "telemetry.csv", Nvml(5000, None)
    nvml.milliwatts[1] = 100_000
    with sample_telemetry(path, 0.01, powercap=tmp_path, nvml=nvml) as telemetry:
        first = time.monotonic()
        before = telemetry.energy()
        second = time.monotonic()
        until(lambda: path.exists() and path.read_text().count("\n") > 3)
        third = time.monotonic()
        after = telemetry.energy()
        fourth = time.monotonic()
    spent = energy_between(before, after)["accelerators"]
    watt = 100  # constant: the energy is that of a moment in one pair of times to one in the other
    assert watt * (third - second) - 1e-6 <= spent <= watt * (fourth - first) + 1e-6
    assert telemetry.unavailable[-1] == "accelerator1_energy_mj: Not Supported"
    assert {row["accelerator1_energy_mj"] for row in rows_of(path)} == {""}


def test_power_is_integrated_by_trapezoids():
    times, watts = iter([10.0, 12.0, 13.0, 13.0]), iter([100.0, 200.0, 50.0, 400.0])
    meter = integrated(lambda: next(watts), clock=lambda: next(times))
    assert [meter(), meter(), meter()] == [300, 425, 425]


@pytest.mark.parametrize(
    ("visible", "watts"),
    [
        ("1", ["251.0"]),
        ("1, 0", ["251.0", "250.0"]),
        ("GPU-b", ["251.0"]),
        ("0,-1,1", ["250.0"]),
        ("", []),
    ],
)
def test_only_the_accelerators_that_the_run_may_use_are_counted(tmp_path, monkeypatch, visible, watts):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    path, nvml = tmp_path / "telemetry.csv", Nvml(0, 0)
    with sample_telemetry(path, 60, powercap=tmp_path, nvml=nvml) as telemetry:
        nvml.millijoules = [1000, 20_000]
        energy = telemetry.energy()
    (row,) = rows_of(path)
    assert [value for name, value in row.items() if name.endswith("_power_w")] == watts
    counted = {"251.0": 20, "250.0": 1}
    assert energy == ({"accelerators": sum(counted[each] for each in watts)} if watts else None)


def test_an_accelerator_that_does_not_exist_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,7")
    nvml = Nvml(0)
    with sample_telemetry(tmp_path / "telemetry.csv", 60, powercap=tmp_path, nvml=nvml) as telemetry:
        assert telemetry.unavailable[0] == "accelerators: Invalid Argument"
        assert telemetry.energy() is None
    assert nvml.opened == 0


def test_an_accelerator_that_falls_out_leaves_fields_empty_and_a_problem(tmp_path):
    path, nvml = tmp_path / "telemetry.csv", Nvml(0)
    with sample_telemetry(path, 60, powercap=tmp_path, nvml=nvml) as telemetry:
        nvml.millijoules[0] = None
    (row,) = rows_of(path)
    assert (row["accelerator0_power_w"], row["accelerator0_energy_mj"]) == ("250.0", "")
    assert telemetry.problem == "the energy of accelerators can no longer be read: Not Supported"
    assert telemetry.energy() is None
