"""A run of a bundle repeated: by its own scripts in a real environment, and compared with its log."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compliance.subjects.parse import read_log
from submission import package as packager
from submission.runs.runs import CheckedRun, read_runs
from submission.verify.__main__ import main
from submission.verify.rerun import TOLERANCE, compare
from tests.support.runs import MEASURED, Lines, git, make_checkout, write_run

#: Programs of a benchmark that is quick: what it trains was trained before and lies in $TRAINED.
QUICK_CODE = {
    "benchmark/run.py": "import os, shutil, sys\n"
    "run = 'quick-seed-' + sys.argv[sys.argv.index('--seed') + 1]\n"
    "assert os.path.isfile('data/synthetic/scenes')\n"
    "shutil.copytree(os.path.join(os.environ['TRAINED'], run), os.path.join('logs', run))\n",
    "benchmark/synthesis/__main__.py": "import os, sys\n"
    "folder = sys.argv[sys.argv.index('--output') + 1]\n"
    "os.makedirs(folder, exist_ok=True)\n"
    "open(os.path.join(folder, 'scenes'), 'w').close()\n",
    "compliance/check.py": "import os, sys\nassert os.path.isfile(os.path.join(sys.argv[1], 'result.txt'))\n",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of quick code with the bundle of two runs, and the runs as they were trained."""
    place = tmp_path_factory.mktemp("quick") / "place"
    make_checkout(place)
    for name, text in QUICK_CODE.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "Quick")
    for seed in (1, 2):
        write_run(place / "logs", seed, git(place, "rev-parse", "HEAD"))
    packager.package(packager.Options([place / "logs"], place / "dist", checkout=place))
    return place


@pytest.fixture
def archive(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive; its scripts work with this Python in a folder that the test can look at."""
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("TRAINED", str(place / "logs"))
    monkeypatch.setenv("CLOUDMASK_WORK", str(tmp_path / "work"))
    (archive,) = (place / "dist").glob("*.tar.gz")
    return archive


def test_a_run_is_repeated_from_the_archive_alone(
    archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(archive), "--rerun", "2"]) == 0
    said = capfd.readouterr().out
    steps = [line for line in said.splitlines() if line.startswith("---")]
    assert steps == ["--- setup.sh", "--- init_datasets.sh", "--- run_and_time.sh 2"]
    assert "repeated:         the run of seed 2, compared bit for bit: the node is like" in said
    assert (tmp_path / "work/logs/quick-seed-2/result.txt").is_file()
    assert (tmp_path / "work/venv/bin/python").exists()


def test_a_failing_script_is_reported_with_its_exit_status(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHON", "/nowhere/python")
    assert main([str(archive), "--rerun", "1"]) == 2
    said = capfd.readouterr().out
    assert "found:    exit status 2" in said
    assert "CLOUDMASK_WORK=DIR keeps the folder" in said


def test_a_seed_that_was_not_submitted_is_reported(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(archive), "--rerun", "3"]) == 2
    assert "no run with this seed in the bundle" in capsys.readouterr().out


def test_nothing_of_a_bundle_with_errors_is_executed(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / archive.name
    packed.write_bytes(archive.read_bytes())
    packed.with_name(f"{packed.name}.sha256").write_text("0" * 64)
    assert main([str(packed), "--rerun", "1"]) == 1
    assert "not repeated:     the run of seed 1: what was found comes first" in capsys.readouterr().out
    assert not (tmp_path / "work").exists()


# ---- how a repeated run is compared


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
