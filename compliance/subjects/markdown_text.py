"""Tables in a Markdown document, as far as the rules need them: pipes, a line of dashes, rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

_DELIMITER = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_NUMBER = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,15})?")


@dataclass(frozen=True)
class Table:
    """A table: ``line`` is the line of its headings, from 1; every row has as many cells as headings."""

    line: int
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def numbered(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield the rows with their line numbers."""
        yield from enumerate(self.rows, start=self.line + 2)

    @property
    def columns(self) -> dict[str, int]:
        """The column index of each heading in lower case."""
        return {name.lower(): index for index, name in enumerate(self.headings)}


def tables(text: str) -> list[Table]:
    """Return every table of a document, in order, except in fenced code."""
    found: list[Table] = []
    lines = text.splitlines()
    fenced = False
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        if line.startswith(("```", "~~~")):
            fenced = not fenced
        following = lines[index + 1].strip() if index + 1 < len(lines) else ""
        if fenced or "|" not in line or "|" not in following or not _DELIMITER.fullmatch(following):
            index += 1
            continue
        headings = _cells(line)
        rows = []
        start = index
        index += 2
        while index < len(lines) and "|" in lines[index]:
            cells = _cells(lines[index].strip())[: len(headings)]
            rows.append((*cells, *[""] * (len(headings) - len(cells))))
            index += 1
        found.append(Table(start + 1, headings, tuple(rows)))
    return found


def opening_table(text: str) -> Table | None:
    """Return the table that a document begins with, after headings and blank lines at most, or None."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            return next((table for table in tables(text) if table.line == number), None)
    return None


def number_in(text: str) -> float | None:
    """Return the first number in a cell, or None."""
    match = _NUMBER.search(text.replace("−", "-"))
    value = float(match[0]) if match else None
    return value if value is not None and math.isfinite(value) else None


def _cells(line: str) -> tuple[str, ...]:
    """Return the cells of a line; an escaped pipe belongs to its cell."""
    inner = line.strip().removeprefix("|")
    inner = inner.removesuffix("|") if not inner.endswith("\\|") else inner
    return tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner))
