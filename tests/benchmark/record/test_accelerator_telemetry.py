"""Power, energy and load of accelerators during a run, from a stand-in for NVML."""

from __future__ import annotations

import time

import pytest

from benchmark.record.energy import energy_between, integrated
from benchmark.record.telemetry import sample_telemetry
from tests.support.processes.waiting import wait_until
from tests.support.surroundings.telemetry import ACCELERATOR, HEADER, Nvml, rows_of

pytestmark = pytest.mark.usefixtures("all_devices_are_visible")


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
        wait_until(lambda: path.exists() and path.read_text().count("\n") > 3, every=0.005)
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
