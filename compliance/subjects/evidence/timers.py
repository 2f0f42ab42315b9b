"""timers.txt: a table for people and the same timers as comma-separated values."""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass

from compliance.subjects.evidence.tables import number
from compliance.subjects.log import Defect
from compliance.wording import excerpt

_HEAD = ("timer", "status", "time", "sum", "start")
_CSV = "# csv,"
#: The table's horizontal lines.
_RULE = re.compile(r"[+|][-+=|]+[+|]")


@dataclass(frozen=True)
class Timer:
    """A timer: seconds of its last use and in total, and the start of its last use in seconds since 1970."""

    line: int
    name: str
    time: float
    sum: float
    start: int
    #: Whether it comes from the table, which has six digits, and not from the exact values.
    is_rounded: bool


@dataclass(frozen=True)
class Timers:
    """The timers of both forms, and their defects."""

    timers: list[Timer]
    defects: list[Defect]

    def of(self, *, rounded: bool) -> list[Timer]:
        """Return the timers of the table, or those of the exact values."""
        return [timer for timer in self.timers if timer.is_rounded is rounded]


def read_timers(content: bytes) -> Timers:
    """Read timers.txt from its content."""
    timers: list[Timer] = []
    defects: list[Defect] = []
    for line, text in enumerate(content.decode(errors="replace").splitlines(), start=1):
        if not text.strip() or _RULE.fullmatch(text):
            continue
        rounded = text.startswith("|")
        if not rounded and not text.startswith(_CSV):
            defects.append(Defect(line, excerpt(text)))
            continue
        cells = text.strip("|").split("|") if rounded else text.removeprefix(_CSV).split(",")
        cells = [cell.strip() for cell in cells]
        if tuple(cells) == _HEAD:
            continue
        timer = _timer(line, cells, rounded)
        if timer is None:
            defects.append(Defect(line, excerpt(text)))
        else:
            timers.append(timer)
    return Timers(timers, defects)


def _timer(line: int, cells: list[str], rounded: bool) -> Timer | None:
    """Return the timer of a row; None if the row is not a timer."""
    if len(cells) != len(_HEAD) or cells[1] != "ok":
        return None
    last, total, start = number(cells[2]), number(cells[3]), _seconds(cells[4])
    if last is None or total is None or start is None:
        return None
    return Timer(line, cells[0], last, total, start, rounded)


def _seconds(text: str) -> int | None:
    """Convert a date and time in UTC to seconds since 1970; None for any other text."""
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        return None
