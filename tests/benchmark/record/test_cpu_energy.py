"""The energy of the CPU during a run, from a tree of RAPL counters."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.record.energy import counted, energy_between
from benchmark.record.telemetry import sample_telemetry
from tests.support.surroundings.telemetry import rows_of, write_package

pytestmark = pytest.mark.usefixtures("all_devices_are_visible")


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
