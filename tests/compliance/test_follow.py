"""Checking the log of a running job as it grows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compliance.finding import Finding
from compliance.follow import follow
from compliance.rules import own_rules
from compliance.subjects.folders import CheckError
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, findings, with_value
from tests.support.project import program

WRONG = with_value(COMPLETED, "seed", -1).splitlines(keepends=True)


def test_findings_are_shown_once_when_they_appear(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    seen: list[tuple[int, str, int | None]] = []
    written = 0

    def show(finding: Finding) -> None:
        seen.append((written, finding.rule, finding.line))

    def write_more(_: float) -> None:
        # a third of a line more than some lines, so that the end is always in the middle of one
        nonlocal written
        assert written < len(WRONG), "following did not end with the run"
        written = min(written + 7, len(WRONG))
        cut = WRONG[written] if written < len(WRONG) else ""
        path.write_text("".join(WRONG[:written]) + cut[: len(cut) // 3])

    follow(path, lambda _: own_rules(), show, write_more)
    line = next(number for number, text in enumerate(WRONG, 1) if '"key": "seed"' in text)
    assert [(rule, at) for _, rule, at in seen] == [("parameter-range", line)]
    assert line <= seen[0][0] < line + 7


@pytest.mark.parametrize("content", [COMPLETED, EARLY_STOPPED])
def test_a_log_that_has_ended_is_checked_once(tmp_path: Path, content: str) -> None:
    path = tmp_path / "result.txt"
    path.write_text(content)

    def wait(_: float) -> None:
        raise AssertionError("there is nothing to wait for")

    shown: list[Finding] = []
    follow(path, lambda _: own_rules(), shown.append, wait)
    assert {finding.severity for finding in shown} <= {"warning", "note"}


def test_a_folder_cannot_be_followed(tmp_path: Path) -> None:
    with pytest.raises(CheckError) as raised:
        follow(tmp_path, lambda _: own_rules(), print)
    assert raised.value.found == "not a file"


def test_the_command_follows_a_log_and_ends_with_its_verdict(tmp_path: Path) -> None:
    path = tmp_path / "run" / "result.txt"
    command = [sys.executable, "-m", "compliance.check", "--follow", str(path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, env=environment) as child:
        assert child.stderr is not None
        assert child.stdout is not None
        assert child.stderr.readline() == f"waiting for {path}\n"
        path.parent.mkdir()
        half = len(WRONG) // 2
        path.write_text("".join(WRONG[:half]))
        assert "[parameter-range]" in child.stdout.readline()
        with path.open("a") as log:
            for line in WRONG[half:]:
                log.write(line)
                log.flush()
                time.sleep(0.002)
        rest, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert rest.splitlines()[-1].endswith("- failed")


def test_an_interrupt_ends_following(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    command = [sys.executable, "-m", "compliance.check", "--follow", str(path)]

    def take_interrupts() -> None:  # which tests that run in the background would pass on as ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=take_interrupts) as child:
        assert child.stderr is not None
        assert child.stderr.readline() == f"waiting for {path}\n"
        child.send_signal(signal.SIGINT)
        try:
            assert child.wait(timeout=30) == 130
        finally:
            child.kill()


def test_the_report_at_the_end_counts_what_was_shown_and_does_not_list_it_again(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text(with_value(COMPLETED, "seed", -1))
    done = program("compliance.check", "--follow", path, cwd=tmp_path)
    (first,) = (finding for finding in findings(path.read_text()) if finding.severity == "error")
    assert done.returncode == 1
    assert done.stdout.count(f"[{first.rule}]") == 1
    assert "1 error" in done.stdout.splitlines()[-1]
