"""Good logs typed by hand (tests/data/logs/*.txt), and small edits that break them.

Nothing here comes from the benchmark's own emitter: otherwise a mistake shared by emitter
and checker would pass. An edit names an event by its key and its number among the events
of that key, from 0; lines count from 1.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

from benchmark import ROOT
from compliance import registry
from compliance.finding import Finding
from compliance.rules import own_rules
from compliance.subjects.log import Log
from compliance.subjects.parse import parse_log
from tests.support.logs.log_edits import retimed

LOGS = ROOT / "tests" / "data" / "logs"
#: Three epochs on observed scenes, by day and night; no findings.
COMPLETED = (LOGS / "completed.txt").read_text()
#: Early stopping after four epochs on synthetic scenes, with a skipped scene; warnings and a note.
EARLY_STOPPED = (LOGS / "early_stopped.txt").read_text()

TOKEN = ":::MLLOG "
DAY_MS = 24 * 3_600_000

#: An event, without its token.
SEED = (
    '{"namespace": "", "time_ms": 5, "event_type": "POINT_IN_TIME", '
    '"key": "seed", "value": 1, "metadata": {}}'
)


def parsed(text: str | bytes, path: str = "logs/result.txt") -> Log:
    """Parse a log from its text."""
    return parse_log(io.BytesIO(text if isinstance(text, bytes) else text.encode()), path)


def findings(text: str | bytes) -> list[Finding]:
    """Return the findings of the rules for single logs in a text."""
    return registry.run("log", parsed(text), own_rules())


def line_of(text: str, key: str, number: int = 0) -> int:
    """Return the line of an event."""
    lines = [n for n, line in enumerate(text.splitlines(), start=1) if f'"key": "{key}"' in line]
    return lines[number]


def with_line(text: str, line: int, *new: str) -> str:
    """Replace a line by any number of lines."""
    lines = text.splitlines()
    lines[line - 1 : line] = new
    return "\n".join(lines) + "\n"


def event(text: str, line: int) -> dict[str, Any]:
    """Return the event on a line."""
    value: dict[str, Any] = json.loads(text.splitlines()[line - 1].removeprefix(TOKEN))
    return value


def edit(text: str, key: str, change: Callable[[dict[str, Any]], object], number: int = 0) -> str:
    """Change an event in place; return the new text."""
    line = line_of(text, key, number)
    fields = event(text, line)
    change(fields)
    return with_line(text, line, TOKEN + json.dumps(fields))


def with_value(text: str, key: str, value: object, number: int = 0) -> str:
    """Change an event's value."""
    return edit(text, key, lambda fields: fields.update(value=value), number)


def with_metadata(text: str, key: str, number: int = 0, **metadata: object) -> str:
    """Change an event's metadata."""
    return edit(text, key, lambda fields: fields["metadata"].update(metadata), number)


def with_time(text: str, key: str, time_ms: object, number: int = 0) -> str:
    """Change an event's time."""
    return edit(text, key, lambda fields: fields.update(time_ms=time_ms), number)


def with_result(text: str, path: str, value: object) -> str:
    """Change the value of a field of the result, such as ``data.kind``."""

    def change(fields: dict[str, Any]) -> None:
        *folders, name = path.split(".")
        target = fields["value"]
        for folder in folders:
            target = target[folder]
        target[name] = value

    return edit(text, "result", change)


def without(text: str, key: str, number: int = 0) -> str:
    """Remove an event."""
    return with_line(text, line_of(text, key, number))


def without_all(text: str, *keys: str) -> str:
    """Remove all events of these keys."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not any(f'"key": "{key}"' in line for key in keys)
    )


def moved(text: str, key: str, before: str, number: int = 0, before_number: int = 0) -> str:
    """Move an event before another one and give it that event's time."""
    line = line_of(text, key, number)
    fields = event(text, line)
    rest = with_line(text, line)
    target = line_of(rest, before, before_number)
    fields["time_ms"] = event(rest, target)["time_ms"]
    return with_line(rest, target, TOKEN + json.dumps(fields), rest.splitlines()[target - 1])


def upto(text: str, key: str, number: int = 0) -> str:
    """Cut the text after an event."""
    return "".join(text.splitlines(keepends=True)[: line_of(text, key, number)])


def aborted(text: str, key: str, number: int = 0, reason: str = "out of memory") -> str:
    """Abort the run right after an event."""
    head = upto(text, key, number)
    stop = event(COMPLETED, line_of(COMPLETED, "run_stop"))
    stop["time_ms"] = event(head, head.count("\n"))["time_ms"]
    stop["metadata"] |= {"status": "aborted", "reason": reason}
    return head + TOKEN + json.dumps(stop) + "\n"


def second_run() -> str:
    """Return the completed log as that of another seed, a day later."""
    text = retimed(
        with_value(with_value(COMPLETED, "seed", 2), "train_loss", 0.5), lambda _, time: time + DAY_MS
    )
    return with_result(text, "weights_sha256", hashlib.sha256(b"2").hexdigest())
