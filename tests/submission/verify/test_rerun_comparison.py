"""How a repeated run is compared with its log: bit for bit, or within a tolerance on another node."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compliance.subjects.parse import read_log
from submission.runs.runs import CheckedRun, read_runs
from submission.verify.rerun import TOLERANCE, compare
from tests.support.runs.hand_runs import MEASURED, Lines, write_run


@pytest.fixture
def run(tmp_path: Path) -> CheckedRun:
    write_run(tmp_path / "logs", 1, "0" * 40)
    return read_runs([tmp_path / "logs"]).first


def repeated(
    tmp_path: Path,
    run: CheckedRun,
    change: Callable[[Lines], None] | None = None,
    system: dict[str, Any] | None = None,
) -> tuple[str, list[tuple[str, str, int | None]]]:
    """How a repetition with these changes is compared, and found, expected and line of each finding."""
    folder = write_run(tmp_path / "again", 1, "0" * 40, change=change, system=system)
    measured = json.loads((folder / "system.json").read_text())
    how, findings = compare(run, read_log(folder / "result.txt"), measured, Path("result-1.txt"))
    return how, [(each.found, each.expected, each.line) for each in findings]


def set_value(lines: Lines, key: str, value: Any) -> None:
    next(line for line in lines if line["key"] == key)["value"] = value


def test_the_same_values_later_and_slower_are_the_same_run(run: CheckedRun, tmp_path: Path) -> None:
    def later(lines: Lines) -> None:
        for line in lines:
            line["time_ms"] += 5_000_000
        next(line for line in lines if line["key"] == "result")["value"]["timing"]["total_seconds"] *= 2

    clocked = copy.deepcopy(MEASURED)
    clocked["cpu"]["max_frequency_mhz"] = 1000.0
    clocked["measured_at"] = "2027-01-01T00:00:00Z"
    how, found = repeated(tmp_path, run, later, clocked)
    assert how.startswith("bit for bit")
    assert found == []


@pytest.mark.parametrize("key", ["train_loss", "eval_accuracy", "scene_accuracy", "test_accuracy"])
def test_a_value_that_differs_in_its_last_bit_is_named_at_its_line(
    key: str, run: CheckedRun, tmp_path: Path
) -> None:
    logged = run.log.sound(key)[0]
    other = logged.value + 1e-12

    def change(lines: Lines) -> None:
        set_value(lines, key, other)

    _, found = repeated(tmp_path, run, change)
    assert found == [(f"{key} {other} when repeated", f"{logged.value} as logged", logged.line)]


def test_other_weights_and_a_missing_epoch_are_named(run: CheckedRun, tmp_path: Path) -> None:
    def change(lines: Lines) -> None:
        result = next(line for line in lines if line["key"] == "result")
        result["value"]["weights_sha256"] = "f" * 64
        lines.remove(next(line for line in lines if line["key"] == "eval_loss"))

    _, found = repeated(tmp_path, run, change)
    weights = run.result["weights_sha256"]
    assert found == [
        ("1 of eval_loss when repeated", "2 as logged", None),
        ("eval_loss 0.25 when repeated", "0.5 as logged", run.log.sound("eval_loss")[0].line),
        (f"weights {'f' * 64} when repeated", f"weights {weights} as logged", None),
    ]


@pytest.mark.parametrize(("difference", "findings"), [(0.9 * TOLERANCE, 0), (1.1 * TOLERANCE, 1)])
@pytest.mark.parametrize(
    ("other", "named"),
    [
        (MEASURED | {"packages": MEASURED["packages"] | {"tensorflow": "2.22.0"}}, "packages"),
        (MEASURED | {"cpu": MEASURED["cpu"] | {"flags": []}}, "processors"),
    ],
)
def test_on_another_node_the_score_must_agree_within_the_tolerance(
    difference: float, findings: int, other: dict[str, Any], named: str, run: CheckedRun, tmp_path: Path
) -> None:
    def change(lines: Lines) -> None:
        set_value(lines, "test_accuracy", run.test_accuracy - difference)

    how, found = repeated(tmp_path, run, change, other)
    assert how == f"within {TOLERANCE}: another node than the submitted run's ({named})"
    assert len(found) == findings


def test_a_repetition_without_a_score_is_named(run: CheckedRun, tmp_path: Path) -> None:
    def change(lines: Lines) -> None:
        lines.remove(next(line for line in lines if line["key"] == "test_accuracy"))

    _, found = repeated(tmp_path, run, change, MEASURED | {"number_of_nodes": 2})
    assert found == [("no test accuracy", f"{run.test_accuracy:.4f} within {TOLERANCE}", None)]
