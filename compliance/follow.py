"""Check the log of a running job as it grows."""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from compliance import registry
from compliance.checker import Rules
from compliance.finding import Finding
from compliance.subjects.folders import CheckError
from compliance.subjects.log import Log
from compliance.subjects.parse import parse_log

#: Seconds between two reads of the log; more if a read itself takes long.
INTERVAL_S = 1.0
#: The largest share of the time spent reading.
SHARE = 0.1
#: Rules that do not apply before the run has ended.
NOT_YET = frozenset(
    {"run-stop", "no-events", "science-missing", "science-performance", "science-hyperparameters"}
)


def follow(
    path: Path,
    rules_of: Callable[[Log], Rules],
    show: Callable[[Finding], None],
    wait: Callable[[float], None] = time.sleep,
) -> set[Finding]:
    """Show each finding on a log once, as it appears, until the log says that its run has stopped.

    ``rules_of`` returns the rules for the log so far. Returns the findings that were shown.

    Waits for a log that does not exist yet. Ignores what the run has not reached yet and a line
    that is still being written. Raises CheckError if the path is not a file or cannot be read.
    """
    shown: set[Finding] = set()
    seen: tuple[int, int] | None = None
    if not path.exists():
        print(f"waiting for {path}", file=sys.stderr)
    while True:
        start = time.monotonic()
        state = _state(path)
        if state is not None and state != seen:
            seen, log = state, _whole_lines(path)
            for finding in registry.run("log", log, rules_of(log)):
                if finding not in shown and (log.status or finding.rule not in NOT_YET):
                    shown.add(finding)
                    show(finding)
            if log.status is not None:
                return shown
        wait(max(INTERVAL_S, (time.monotonic() - start) / SHARE))


def _state(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file grows or is replaced; None if there is no file yet."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refusal(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(facts.st_mode):
        raise _refusal(path, "not a file")
    return facts.st_ino, facts.st_size


def _whole_lines(path: Path) -> Log:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refusal(path, error.strerror or str(error)) from error
    return parse_log(io.BytesIO(content[: content.rfind(b"\n") + 1]), os.fspath(path))


def _refusal(path: Path, found: str) -> CheckError:
    return CheckError(
        path,
        found=found,
        expected="the log of one running job",
        remedy="name the job's log, for example --follow logs/quickstart-seed-1/result.txt",
    )
