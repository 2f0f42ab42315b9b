"""Load, memory, energy and hours of the runs, by what they measured, and empty where they did not."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest

from benchmark.sweep.efficiency import COLUMNS, sum_up
from tests.support.runs.hand_runs import MEASURED
from tests.support.surroundings.sweeps import LOGS, call, write

NODE = ("process_cpu_percent", "system_cpu_percent", "process_memory_mb", "available_memory_mb")
DEVICE = ("power_w", "temperature_c", "memory_mb", "utilisation_percent", "energy_mj")


def telemetry(rows: list[tuple[object, ...]], devices: int = 0) -> str:
    columns = ["time", "seconds", *NODE, "read_mb", "written_mb", "cpu_energy_j"]
    columns += [f"accelerator{number}_{name}" for number in range(devices) for name in DEVICE]
    lines = [["2026-01-01T00:00:00.000Z", *row] for row in rows]
    return "".join(",".join(map(str, line)) + "\n" for line in (columns, *lines))


def cpu(seconds: float, load: float, memory: float, joules: object = "") -> tuple[object, ...]:
    return (seconds, load, load / 2, memory, 9000.0, 1.0, 2.0, joules)


def gpu(watts: object, memory: object, use: object, millijoules: object) -> tuple[object, ...]:
    return (watts, 60, memory, use, millijoules)


@pytest.fixture
def rows(place: Path, submitted: Path):
    """Writes the telemetry of the first run, which asks for two GPUs, and collects; returns the rows."""

    def collected(text: str) -> list[dict[str, str]]:
        (submitted / "runs" / "three-seed-1" / "telemetry.csv").write_text(text)
        call("collect")
        return list(csv.DictReader((submitted / "efficiency.csv").read_text().splitlines()))

    write(place, resources={"hours": 1, "gpus": 2, "cores": 4})
    shutil.rmtree(submitted)
    assert call("submit") == 0
    return collected


def figures(row: dict[str, str]) -> list[float | None]:
    return [float(row[name]) if row[name] else None for name in COLUMNS]


def test_figures_are_of_all_starts_and_weighted_by_time(place, submitted, rows, capsys):
    first = [
        (*cpu(1800, 100, 2000, 36_000), *gpu(200, 30_000, 50, 5_000_000), *gpu(100, 10_000, 0, "")),
        (*cpu(3600, 300, 4000, 72_000), *gpu(200, 31_000, 100, 7_000_000), *gpu(100, 10_000, 100, "")),
    ]
    second = [(*cpu(1800, 200, 3000, 18_000), *gpu(200, 20_000, 0, 9_000_000), *gpu(100, 1, 50, ""))]
    run = submitted / "runs" / "three-seed-1"
    shutil.copy(LOGS / "completed.txt", run / "result.txt")
    (run / "system.json").write_text(json.dumps(MEASURED | {"number_of_nodes": 1, "accelerators": []}))
    (row,) = rows(telemetry(first + second, devices=2))
    assert (row["run"], row["seed"], row["state"]) == ("three-seed-1", "1", "complete")
    assert row["node"].startswith("1-node-")
    *measured, training = figures(row)
    assert measured == pytest.approx(
        [
            50,  # 50 % of both
            50,  # 200 % of four cores
            4,
            31,
            (2000 + 100 * 5400) / 3.6e6,  # the counter of one, the power of the other
            90_000 / 3.6e6,
            3,
            1.5,
        ]
    )
    assert 0 < training < 100
    said = (submitted / "efficiency.md").read_text().splitlines()
    assert said[0] == "# three: efficiency"
    assert said[4].startswith("| three-seed-1 | complete | 1-node-")
    assert said[4].endswith(
        f"| 50.0 | 50.0 | 4.00 | 31.00 | 0.1506 | 0.0250 | 3.000 | 1.500 | {training:.1f} |"
    )
    assert said[5] == "| total |  |  |  |  |  |  | 0.1506 | 0.0250 | 3.000 | 1.500 |  |"
    assert "efficiency.md" in capsys.readouterr().out


def test_what_was_not_measured_is_empty_and_no_zero(rows):
    (row,) = rows(telemetry([cpu(1, 100, 2000), cpu(2, 100, 2000)]) + "2026-01-01T00:0")
    assert (row["state"], row["node"]) == ("missing", "")
    hours = pytest.approx(2 / 3600)
    assert figures(row) == [None, 25, 2, None, None, None, pytest.approx(4 / 3600), hours, None]


def test_a_gpu_that_tells_nothing_has_no_energy(rows):
    nothing = gpu("", "", "", "")
    (row,) = rows(telemetry([(*cpu(5, 100, 2000), *gpu(200, 1000, 10, 5), *nothing)], devices=2))
    assert [row["GPU use (%)"], row["GPU energy (kWh)"]] == ["10.0", ""]


def test_a_table_of_another_node_is_of_another_start(rows, submitted):
    other = telemetry([cpu(5, 100, 3000)])
    (submitted / "runs" / "three-seed-1" / "telemetry-1.csv").write_text(other)
    (row,) = rows(telemetry([(*cpu(6, 100, 2000), *gpu(1, 2, 3, 4))], devices=1))
    assert float(row["wall hours"]) == pytest.approx(11 / 3600)
    assert row["peak memory (GB)"] == "3.0"


def test_runs_that_sampled_nothing_have_no_row_and_none_has_no_table(place, submitted):
    call("collect")
    assert not (submitted / "efficiency.csv").exists()


def test_no_samples_have_no_sum_and_a_reset_counter_takes_nothing_away():
    assert sum_up([]) is None
    counted = [{"seconds": float(second), "a": value} for second, value in enumerate((5, 2, math.nan, 6), 1)]
    assert sum_up(counted).gains["a"] == 4
