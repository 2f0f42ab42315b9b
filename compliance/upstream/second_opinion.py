"""A second opinion on a log: that of upstream's checker (mlperf_logging) with our rule files.

Upstream evaluates Python from its rule files and, with its own, takes the names of further rule
files from the log. So only a log that our parser reads without an error, and whose division and
benchmark are exactly ours, is shown to it: as a copy, in a separate process that has no
environment, a temporary working folder, and bounds on time, memory and output. The rule files are
those in ``compliance/upstream``, and no others can be reached.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from benchmark.core.escaping import printable
from compliance.rules import RULE_BY_ID
from compliance.rules.log.identity import BENCHMARK, DIVISION
from compliance.subjects.folders import CheckError
from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from compliance.wording import count, excerpt, listing, show

JUDGE = Path(__file__).parent / "judge.py"
#: Isolated: without the caller's folder, environment and user packages.
PYTHON = (sys.executable, "-I")
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
#: A log of 1000 epochs takes a second; upstream's line pattern is quadratic in a line's length.
TIMEOUT_SECONDS = 60.0
#: What is read of the answer and of a crash's traceback.
ANSWER_BYTES, TRACEBACK_BYTES = 16 * 2**20, 64 * 2**10

#: What a log must state, in every such event, to be shown to upstream.
ALLOWED = {"submission_division": DIVISION, "submission_benchmark": BENCHMARK}

Verdict = Literal["passed", "failed", "crashed", "not asked"]
Answer = tuple[Verdict, tuple[str, ...]]


@dataclass(frozen=True)
class Opinion:
    """What upstream says about a log.

    ``messages`` are upstream's (at most 20, each of about 300 characters at most; its lines are its
    own events, counted from 0), or why it crashed or was not asked. ``disagreement`` says in words
    that upstream passes what our rules fail, or the reverse; None where both agree or upstream
    gave no verdict.
    """

    verdict: Verdict
    messages: tuple[str, ...]
    disagreement: str | None = None


def second_opinion(log: Path, ours_passes: bool) -> Opinion:
    """Upstream's opinion on a log, compared with ours: whether our rules found no error.

    Raises OSError where the log cannot be read, CheckError where upstream is not installed.
    """
    with TemporaryDirectory(prefix="second-opinion-") as folder:
        # A copy, so that upstream reads what was allowed, whatever becomes of the file.
        copy = Path(folder, "log.txt")
        shutil.copyfile(log, copy)
        if reason := why_not_asked(read_log(copy)):
            return Opinion("not asked", (reason,))
        ((verdict, messages),) = ask([copy])
    return Opinion(verdict, messages, _disagreement(verdict, messages, ours_passes))


def why_not_asked(log: Log) -> str | None:
    """Why a log must not be shown to upstream, or None where it may be."""
    errors = [id for id in log.defects.counts if RULE_BY_ID[id].severity == "error"]
    if errors:
        return f"errors of parsing: {listing(errors)}"
    if log.second_run:
        return f"a second run begins on line {log.second_run.line}"
    for key, allowed in ALLOWED.items():
        if key not in log.all_by_key:
            return f"no `{key}`"
        if others := [value for value in log.all_by_key[key].values if value != allowed]:
            return f"`{key}` is {show(others[0])}, not `{allowed}`"
    return None


def ask(logs: Sequence[Path]) -> list[Answer]:
    """Upstream's answer on every log, all in one process. Only for logs that may be shown to it.

    Raises CheckError where upstream is not installed.
    """
    command = [*PYTHON, str(JUDGE), *map(os.path.abspath, logs)]
    with (
        TemporaryDirectory(prefix="second-opinion-") as folder,
        Path(folder, "answer").open("w+b") as output,
        Path(folder, "errors").open("w+b") as errors,
    ):
        try:
            status = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=folder,
                env=ENVIRONMENT,
                timeout=TIMEOUT_SECONDS,
            ).returncode
        except subprocess.TimeoutExpired:
            return _all_crashed(logs, f"no answer within {count(round(TIMEOUT_SECONDS), 'second')}")
        output.seek(0)
        errors.seek(0)
        answer, traceback = output.read(ANSWER_BYTES), errors.read(TRACEBACK_BYTES).decode(errors="replace")
    if status:
        last = traceback.strip().rpartition("\n")[2]
        return _all_crashed(logs, f"exit status {status}: {excerpt(last, width=200)}")
    return _answers(json.loads(answer))


def _all_crashed(logs: Sequence[Path], why: str) -> list[Answer]:
    return [("crashed", (why,)) for _ in logs]


def _answers(answer: Any) -> list[Answer]:
    if isinstance(answer, dict):
        raise CheckError(
            "second opinion",
            found=f"upstream's checker cannot be imported: {answer['missing']}",
            expected="the package mlperf-logging, for a second opinion",
            remedy=f"install it: {sys.executable} -m pip install 'mlperf-logging>=4.1'",
        )
    return [(verdict, tuple(map(printable, messages))) for verdict, messages in answer]


def _disagreement(verdict: Verdict, messages: Sequence[str], ours_passes: bool) -> str | None:
    if verdict == "failed" and ours_passes:
        return f"upstream fails what our rules pass, with {count(len(messages), 'message')}: {messages[0]}"
    if verdict == "passed" and not ours_passes:
        return "upstream passes what our rules fail"
    return None
