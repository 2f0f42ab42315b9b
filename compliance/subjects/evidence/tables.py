"""Tables of numbers as text: metrics.csv, and what telemetry.csv shares with it."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from compliance.subjects.log import Defect
from compliance.wording import count, excerpt

#: The columns of metrics.csv, which has a row for each epoch.
METRICS = (
    *("epoch", "train_loss", "train_accuracy", "eval_loss", "eval_accuracy"),
    *("learning_rate", "training_seconds", "evaluation_seconds"),
)
#: A number as Python and C write it; no blanks, underscores, nan or inf, which float() would accept.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass
class Table:
    """The cells of a table's rows, each row with its line, and the defects of the table's form."""

    columns: Sequence[str] = ()
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)


@dataclass(frozen=True)
class Epoch:
    """A row of metrics.csv: the epoch's number and its measurements by column."""

    line: int
    number: int
    values: dict[str, float]


@dataclass(frozen=True)
class Metrics:
    """metrics.csv: the readable rows, and the defects of its form."""

    epochs: list[Epoch]
    defects: list[Defect]


def number(text: str) -> float | None:
    """Return the finite number that a text states, or None."""
    value = float(text) if len(text) < 64 and _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def read_table(content: bytes) -> Table:
    """Read the rows of comma-separated values whose first line holds the names.

    Skips a last line without a line feed, which is incomplete: the disk may have been full.
    """
    table = Table()
    complete = content[: content.rfind(b"\n") + 1]
    try:
        lines = complete.decode("utf-8").split("\n")[:-1]
        rows = [*csv.reader(lines, strict=True)]
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        table.defects.append(Defect(line, f"byte 0x{content[error.start]:02x} is not valid UTF-8"))
        return table
    except csv.Error as error:
        table.defects.append(Defect(None, str(error)))
        return table
    if not rows:
        table.defects.append(Defect(None, "no header"))
        return table
    table.columns = rows[0]
    for line, cells in enumerate(rows[1:], start=2):
        if len(cells) == len(table.columns):
            table.rows.append((line, cells))
        else:
            found = f"{count(len(cells), 'value')} in {count(len(table.columns), 'column')}"
            table.defects.append(Defect(line, found))
    return table


def other_columns(found: Sequence[str], expected: Sequence[str]) -> str:
    """Say how a table's columns differ from the expected ones."""
    unknown = [name for name in found if name not in expected]
    missing = [name for name in expected if name not in found]
    if unknown:
        return f"a column {excerpt(unknown[0])}"
    return f"no column {missing[0]}" if missing else "columns in another order, or twice"


def read_metrics(content: bytes) -> Metrics:
    """Read metrics.csv from its content."""
    table = read_table(content)
    metrics = Metrics([], table.defects)
    if table.columns and tuple(table.columns) != METRICS:
        metrics.defects.append(Defect(1, other_columns(table.columns, METRICS)))
        return metrics
    for line, cells in table.rows:
        values = dict(zip(METRICS, map(number, cells), strict=True))
        numbers = {name: value for name, value in values.items() if value is not None}
        if wrong := [name for name in METRICS if name not in numbers]:
            texts = dict(zip(METRICS, cells, strict=True))
            metrics.defects.append(Defect(line, f"`{wrong[0]}` {excerpt(texts[wrong[0]])}"))
        elif numbers["epoch"] != int(numbers["epoch"]):
            metrics.defects.append(Defect(line, f"`epoch` {excerpt(cells[0])}"))
        else:
            metrics.epochs.append(Epoch(line, int(numbers.pop("epoch")), numbers))
    return metrics
