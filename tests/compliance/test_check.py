"""What is checked: what a path is, which logs are found, and what cannot be read or judged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compliance import checker
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.registry import Rule, problem
from compliance.rules import own_rules
from compliance.subjects import discover
from compliance.subjects.log import Log
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, second_run, with_value
from tests.support.written import write


def test_every_log_below_a_folder_is_found_and_nothing_else(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside/result.txt", COMPLETED)
    root = tmp_path / "logs"
    write(root / "b/result.txt", COMPLETED)
    write(root / "a/result_empty.txt", "")
    write(root / "c/job-17.out", "Epoch 1\n" * 100 + COMPLETED)
    write(root / "d/notes.txt", "nothing logged")
    write(root / "d/train.py", COMPLETED)
    write(root / "d/late.txt", "x" * discover.HEAD_BYTES + COMPLETED)
    write(root / "d/best.keras", b"PK\x03\x04" + COMPLETED.encode())
    (root / "link.txt").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "result-pipe.txt")
    found = discover.discover(root)
    assert [path.relative_to(root).as_posix() for path in found.logs] == [
        "a/result_empty.txt",
        "b/result.txt",
        "c/job-17.out",
    ]
    assert (found.systems, found.trees) == ([], [])


def test_a_file_is_a_log_and_a_json_file_a_system_description(tmp_path: Path) -> None:
    log, system = write(tmp_path / "any.name", "x"), write(tmp_path / "node.json", "{")
    report = check_paths([log, system])
    assert report.systems == (str(system),)
    assert [log.path for log in report.logs] == [str(log)]
    assert [finding.rule for finding in report.findings if finding.path == str(system)] == ["json-form"]


def test_a_log_that_is_named_twice_is_checked_once(logs: Path) -> None:
    report = check_paths([logs, logs / "quickstart-seed-1/result.txt", logs.resolve()])
    assert [log.path for log in report.logs] == [
        "logs/quickstart-seed-1/result.txt",
        "logs/quickstart-seed-2/result.txt",
    ]


def test_many_logs_are_judged_in_several_processes_with_the_same_report(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(logs / "quickstart-seed-3" / "result.txt", "no event")
    write(logs / "quickstart-seed-4" / "result.txt", COMPLETED.replace(":::MLLOG", ":::MLL", 1))
    alone = check_paths([logs])
    for processors in (1, 3):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process, many=processors: set(range(many)))
        monkeypatch.setattr(checker, "MANY", 2)
        monkeypatch.setattr(checker, "PART", 1)
        assert check_paths([logs]) == alone
    assert len(alone.logs) == 4


def test_the_second_layout_of_a_tree_does_not_count_its_logs_twice(tmp_path: Path) -> None:
    write(tmp_path / "MANIFEST.sha256", "")
    write(tmp_path / "org/systems/node.json", "{}")
    write(
        tmp_path / "org/benchmarks/cloudmask/implementations/tf/tests/logs/result.txt", "quoted :::MLLOG {}"
    )
    for number, text in enumerate((COMPLETED, second_run())):
        write(tmp_path / f"org/results/node/cloudmask/result_{number}.txt", text)
        write(tmp_path / f"org/cloudmask/node/two/result-{number + 1}.txt", text)
    write(tmp_path / "org/cloudmask/node/two/result-3.txt", EARLY_STOPPED)
    report = check_paths([tmp_path])
    assert report.trees == (str(tmp_path),)
    assert report.systems == (str(tmp_path / "org/systems/node.json"),)
    assert [Path(log.path).name for log in report.logs] == ["result_0.txt", "result_1.txt", "result-3.txt"]


def test_a_path_that_cannot_be_read_is_a_failure_of_the_check(logs: Path) -> None:
    def refuse(path: Path, name: str) -> Log:
        raise PermissionError(13, "Permission denied")

    report = check_paths([logs], read=refuse)
    assert report.exit_code == 2
    assert [(error.where, error.found) for error in report.failures] == [
        ("logs/quickstart-seed-1/result.txt", "Permission denied"),
        ("logs/quickstart-seed-2/result.txt", "Permission denied"),
    ]


def test_a_folder_that_cannot_be_read_is_a_failure_of_the_check(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("seed-2"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = check_paths([logs])
    assert report.exit_code == 2
    assert [(error.where, error.found) for error in report.failures] == [
        ("logs/quickstart-seed-2", "Permission denied")
    ]


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "/dev/null"])
def test_a_path_that_is_nothing_to_check_gives_exit_status_2(name: str) -> None:
    assert check_paths([name]).exit_code == 2


def test_a_crash_inside_a_rule_is_a_finding_and_the_other_rules_still_apply(logs: Path) -> None:
    def crash(log: object):
        yield problem("the first place", 1)
        raise ZeroDivisionError("division by zero")

    bad = Rule("bad", "log", "note", "none", "nothing", "none", "Bad.", crash)
    write(logs / "quickstart-seed-1/result.txt", with_value(COMPLETED, "submission_benchmark", "clouds"))
    rules = own_rules()
    rules["bad"] = bad
    found = check_paths([logs / "quickstart-seed-1/result.txt"], {"cloudmask": rules}).findings
    assert [finding.rule for finding in found] == ["benchmark-name", "bad", "rule-crashed", "set-single-run"]
    assert found[2] == Finding(
        rule="rule-crashed",
        severity="error",
        path="logs/quickstart-seed-1/result.txt",
        line=None,
        clause="house",
        message="A rule must judge any input without failing.",
        expected="every rule judges any input without failing",
        found="ZeroDivisionError in rule bad: division by zero",
        remedy="report this with the file that caused it; it is a defect of the checker",
        profile="cloudmask",
    )
