"""The command line of the checker: what is printed, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import ROOT
from compliance.check import main
from compliance.reports.report import FORMAT
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, second_run, with_value
from tests.support.written import write

MISSING_REMEDY = "name an existing path; runs are written to logs/ by `python -m benchmark.run --seed 1`"


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


def test_the_folder_of_long_paths_is_shown_once(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = logs.resolve() / ("results-of-a-system-with-a-long-name" * 2)
    deep.mkdir()
    (logs / "quickstart-seed-1").rename(deep / "quickstart-seed-1")
    (logs / "quickstart-seed-2").rename(deep / "quickstart-seed-2")
    monkeypatch.chdir("/")
    assert main([str(deep)]) == 0
    assert capsys.readouterr().out.startswith(
        f"in {deep}:\n"
        "log                           seed  epochs  test accuracy  target  data   status\n"
        "quickstart-seed-1/result.txt     1       3         0.9300     0.9  slstr  success\n"
        "quickstart-seed-2/result.txt     2       3         0.9300     0.9  slstr  success\n"
    )
    assert main([str(deep / "quickstart-seed-1"), os.path.relpath(deep / "quickstart-seed-2", "/")]) == 0
    *_, table, _ = capsys.readouterr().out.split("\n\n")
    assert table.startswith("log ")  # an absolute and a relative path have no folder in common


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
