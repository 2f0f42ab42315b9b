"""The command line: what a path is, what is printed, and the exit status."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import ROOT
from compliance import checker
from compliance.check import main
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.registry import Rule, problem
from compliance.reports.report import FORMAT
from compliance.rules import own_rules
from compliance.subjects import discover
from compliance.subjects.log import Log
from tests.support.hand_logs import COMPLETED, EARLY_STOPPED, with_result, with_value
from tests.support.log_edits import retimed

DAY_MS = 24 * 3_600_000
MISSING_REMEDY = "name an existing path; runs are written to logs/ by `python -m benchmark.run --seed 1`"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def second_run() -> str:
    """The completed log as that of another seed, a day later."""
    text = retimed(
        with_value(with_value(COMPLETED, "seed", 2), "train_loss", 0.5), lambda _, time: time + DAY_MS
    )
    return with_result(text, "weights_sha256", hashlib.sha256(b"2").hexdigest())


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder logs/ of two runs, below the working folder."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "logs/quickstart-seed-1/result.txt", COMPLETED)
    write(tmp_path / "logs/quickstart-seed-2/result.txt", second_run())
    return Path("logs")


def test_a_folder_of_good_logs_passes_and_shows_its_runs(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(logs)]) == 0
    assert capsys.readouterr().out == (
        "log                                seed  epochs  test accuracy  target  data   status\n"
        "logs/quickstart-seed-1/result.txt     1       3         0.9300     0.9  slstr  success\n"
        "logs/quickstart-seed-2/result.txt     2       3         0.9300     0.9  slstr  success\n"
        "\n"
        "2 logs, 358 events: 0 errors, 0 warnings, 0 notes, by profile cloudmask - passed\n"
    )


def test_an_error_is_shown_with_file_line_rule_found_expected_and_remedy(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(logs / "quickstart-seed-2/result.txt", with_value(second_run(), "submission_benchmark", "clouds"))
    assert main([str(logs)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "logs/quickstart-seed-2/result.txt:1: error [benchmark-name] "
        "The benchmark must be named cloudmask, in lower case as in the submission's tree. "
        "(S-application, S6.2-benchmarks)\n"
        "    found:    `clouds`\n"
        "    expected: cloudmask\n"
        "    remedy:   check that the log is of this benchmark\n\n"
    )
    assert out.endswith("2 logs, 358 events: 1 error, 0 warnings, 0 notes, by profile cloudmask - failed\n")


def test_severity_hides_what_is_lighter_but_not_from_the_counts(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(logs / "early-seed-1/result.txt", EARLY_STOPPED)
    assert main([str(logs), "--severity", "warning"]) == 0
    out = capsys.readouterr().out
    assert "[cache-cleared]" in out
    assert "[data-synthetic]" not in out
    assert "0 errors, 2 warnings, 2 notes, by profile cloudmask - passed" in out


def test_json_has_the_documented_fields(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(logs / "quickstart-seed-2/result.txt", with_value(second_run(), "submission_benchmark", "clouds"))
    assert main([str(logs), "missing", "--format", "json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["format"] == FORMAT == "cloudmask-check-2"
    assert (report["verdict"], report["exit_code"]) == ("incomplete", 2)
    assert report["counts"] == {"error": 1, "warning": 0, "note": 0}
    assert report["systems"] == report["trees"] == []
    assert report["logs"][0] == {
        "path": "logs/quickstart-seed-1/result.txt",
        "profile": "cloudmask",
        "sha256": report["logs"][0]["sha256"],
        "bytes": len(COMPLETED),
        "lines": 179,
        "events": 179,
        "seed": 1,
        "data_kind": "slstr",
        "epochs": 3,
        "test_accuracy": 0.93,
        "quality_target": 0.9,
        "status": "success",
    }
    assert report["findings"] == [
        {
            "rule": "benchmark-name",
            "severity": "error",
            "path": "logs/quickstart-seed-2/result.txt",
            "line": 1,
            "clause": "S-application, S6.2-benchmarks",
            "message": "The benchmark must be named cloudmask, in lower case as in the submission's tree.",
            "expected": "cloudmask",
            "found": "`clouds`",
            "remedy": "check that the log is of this benchmark",
            "profile": "cloudmask",
        }
    ]
    assert report["failures"] == [
        {
            "where": "missing",
            "found": "No such file or directory",
            "expected": "a log, a folder with logs, a system description (.json), a configuration (.yaml), "
            "a submission tree or its tar",
            "remedy": MISSING_REMEDY,
        }
    ]


def test_a_folder_without_logs_is_not_checked_and_says_how_to_make_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().out == (
        f"{tmp_path}: not checked\n"
        f"    found:    no log in or below {tmp_path}\n"
        "    expected: a file result*.txt, or one with :::MLLOG in its first 64 KiB\n"
        "    remedy:   make a run first: python -m benchmark.run --seed 1\n\n"
        "nothing checked: 0 errors, 0 warnings, 0 notes - incomplete\n"
    )


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


def command(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60, **options
    )


def test_the_checker_loads_nothing_heavy(tmp_path: Path) -> None:
    log = write(tmp_path / "result.txt", COMPLETED)
    program = (
        "import sys; from compliance.check import main; status = main([sys.argv[1]]);"
        "print(status, sorted({'tensorflow', 'numpy', 'h5py', 'rich', 'yaml', 'keras'} & set(sys.modules)))"
    )
    done = command("-c", program, str(log))
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name what to check"),
        (["--explain", "run-sucess"], "did you mean run-success?"),
        (["--list-rules", "--format", "sarif"], "rules are listed as text, json or markdown"),
        (["--follow", "a", "b"], "--follow takes one log"),
        (["--severity", "fatal", "logs"], "choose from"),
    ],
)
def test_a_wrong_command_line_says_what_is_right_and_gives_exit_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_reader_that_closes_the_pipe_gets_no_traceback(tmp_path: Path) -> None:
    log = write(tmp_path / "result.txt", COMPLETED.replace(":::MLLOG", "x :::MLLOG"))
    script = f'"{sys.executable}" -m compliance.check "{log}" | true'
    done = subprocess.run(
        ["bash", "-c", f"{script}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_without_unicode_shows_every_finding(tmp_path: Path) -> None:
    log = write(tmp_path / "result.txt", with_value(COMPLETED, "submission_benchmark", "Wölkchen"))
    done = command("-m", "compliance.check", str(log), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert "found:    `W\\xf6lkchen`" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals_and_can_be_refused(tmp_path: Path, no_color: str, coloured: bool) -> None:
    log = write(tmp_path / "result.txt", COMPLETED)
    reading, writing = os.openpty()
    arguments = [sys.executable, "-m", "compliance.check", str(log)]
    subprocess.run(arguments, stdout=writing, cwd=ROOT, env={**os.environ, "NO_COLOR": no_color}, timeout=60)
    os.close(writing)
    shown = os.read(reading, 65536)
    os.close(reading)
    assert (b"\033[32mpassed\033[0m" in shown) is coloured


def test_a_log_is_read_from_standard_input() -> None:
    command = [sys.executable, "-m", "compliance.check", "-"]
    good = subprocess.run(command, input=COMPLETED, capture_output=True, text=True, cwd=ROOT)
    assert good.returncode == 0
    assert (
        good.stdout.splitlines()[-1]
        == "1 log, 179 events: 0 errors, 0 warnings, 1 note, by profile cloudmask - passed"
    )
    broken = subprocess.run(command, input="no log", capture_output=True, text=True, cwd=ROOT)
    assert broken.returncode == 1
    assert "<stdin>: error [no-events]" in broken.stdout
