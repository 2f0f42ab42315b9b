"""A second opinion on a log: that of upstream's checker (mlperf_logging) with our rule files.

Upstream evaluates Python from its rule files; its own take the names of further rule files from
the log. So it sees only logs that our parser reads without an error and whose division and
benchmark are exactly ours. It reads a copy, in a separate process without environment, in a
temporary working folder, with limits on time, memory and output. It can reach no rule files but
those in ``compliance/upstream``.
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
#: Limits on what is read of the answer and of a crash's traceback.
ANSWER_BYTES, TRACEBACK_BYTES = 16 * 2**20, 64 * 2**10

#: The values that every such event of a log must have before upstream may see it.
ALLOWED = {"submission_division": DIVISION, "submission_benchmark": BENCHMARK}

Verdict = Literal["passed", "failed", "crashed", "not asked"]
Answer = tuple[Verdict, tuple[str, ...]]


@dataclass(frozen=True)
class Opinion:
    """Upstream's verdict on a log.

    ``messages`` are upstream's (at most 20 of at most about 300 characters; its line numbers count
    events from 0), or why it crashed or was not asked. ``disagreement`` says in words that upstream
    passes what our rules fail, or the reverse; None if both agree or upstream gave no verdict.
    """

    verdict: Verdict
    messages: tuple[str, ...]
    disagreement: str | None = None


def second_opinion(log: Path, ours_passes: bool) -> Opinion:
    """Ask for upstream's opinion on a log and compare it with ours; ``ours_passes`` if we found no error.

    Raises OSError if the log cannot be read, CheckError if upstream is not installed.
    """
    with TemporaryDirectory(prefix="second-opinion-") as folder:
        # Copy the log, so that upstream reads exactly what we allowed even if the file changes.
        copy = Path(folder, "log.txt")
        shutil.copyfile(log, copy)
        if reason := why_not_asked(read_log(copy)):
            return Opinion("not asked", (reason,))
        ((verdict, messages),) = ask([copy])
    return Opinion(verdict, messages, _disagreement(verdict, messages, ours_passes))


def why_not_asked(log: Log) -> str | None:
    """Say why upstream must not see a log, or return None if it may."""
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
    """Return upstream's answer on every log, from one process. Only for logs that upstream may see.

    Raises CheckError if upstream is not installed.
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
