"""Contradictions, and the edits that plant them in a run folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

#: A real run of the tiny configuration, or the complete run typed by hand.
Base = Literal["tiny", "complete"]
Plant = Callable[[Path], object]


@dataclass(frozen=True)
class Contradiction:
    """An edit of a good run folder that ``rule`` must catch; no other rule may give an error or warning."""

    name: str
    rule: str
    plant: Plant
    base: Base


def tiny(name: str, rule: str, plant: Plant) -> Contradiction:
    """Return a contradiction in the folder of the tiny run."""
    return Contradiction(name, rule, plant, "tiny")


def complete(name: str, rule: str, plant: Plant) -> Contradiction:
    """Return a contradiction in the folder of the complete run."""
    return Contradiction(name, rule, plant, "complete")


def both(*plants: Plant) -> Plant:
    """Combine several edits, one after the other."""

    def plant(folder: Path) -> None:
        for each in plants:
            each(folder)

    return plant


# ---- tables


def rows_of(folder: Path, file: str) -> list[list[str]]:
    return [*csv.reader(io.StringIO((folder / file).read_text()))]


def rows(file: str, change: Callable[[list[list[str]]], object]) -> Plant:
    """Edit the rows of a table, the header first, in place."""

    def plant(folder: Path) -> None:
        table = rows_of(folder, file)
        change(table)
        (folder / file).write_text("".join(",".join(row) + "\n" for row in table))

    return plant


def cell(file: str, row: int, column: str, value: str | Callable[[str], str]) -> Plant:
    """Edit one cell; rows count from 1, after the header."""

    def change(table: list[list[str]]) -> None:
        place = table[0].index(column)
        old = table[row][place]
        table[row][place] = value if isinstance(value, str) else value(old)

    return rows(file, change)


def column(file: str, name: str, value: Callable[[str], str]) -> Plant:
    """Edit every cell of a column."""

    def change(table: list[list[str]]) -> None:
        for row in table[1:]:
            row[table[0].index(name)] = value(row[table[0].index(name)])

    return rows(file, change)


# ---- texts


def replaced(file: str, old: str, new: str, times: int = -1) -> Plant:
    """Replace words in a text, which must contain them."""

    def plant(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, times))

    return plant


def content(file: str, data: bytes) -> Plant:
    """Replace a file."""
    return lambda folder: (folder / file).write_bytes(data)


def removed(*patterns: str) -> Plant:
    """Remove files."""

    def plant(folder: Path) -> None:
        for pattern in patterns:
            for path in folder.glob(pattern):
                path.unlink()

    return plant


# ---- logs and facts


def events(change: Callable[[list[dict[str, Any]]], object]) -> Plant:
    """Edit the events of the log in place."""

    def plant(folder: Path) -> None:
        text = (folder / "result.txt").read_text()
        lines = [json.loads(line.removeprefix(":::MLLOG ")) for line in text.splitlines()]
        change(lines)
        (folder / "result.txt").write_text("".join(f":::MLLOG {json.dumps(line)}\n" for line in lines))

    return plant


def event(key: str, value: Any) -> Plant:
    """Give all events of a key another value, which may be a function of the old one."""

    def change(lines: list[dict[str, Any]]) -> None:
        chosen = [line for line in lines if line["key"] == key]
        assert chosen
        for line in chosen:
            line["value"] = value(line["value"]) if callable(value) else value

    return events(change)


def facts(change: Callable[[dict[str, Any]], object], file: str = "system.json") -> Plant:
    """Edit the facts that a start measured, in place."""

    def plant(folder: Path) -> None:
        data = json.loads((folder / file).read_text())
        change(data)
        (folder / file).write_text(json.dumps(data, indent=2))

    return plant


def fact(path: str, value: Any, file: str = "system.json") -> Plant:
    """Give a fact, named by its dotted path, another value."""

    def change(data: dict[str, Any]) -> None:
        *folders, name = path.split(".")
        for each in folders:
            data = data[each]
        data[name] = value

    return facts(change, file)


# ---- arrays


def arrays(change: Callable[[dict[str, np.ndarray]], object]) -> Plant:
    """Edit the weights in place."""

    def plant(folder: Path) -> None:
        with np.load(folder / "weights.npz") as file:
            values = {name: file[name] for name in file.files}
        change(values)
        np.savez(folder / "weights.npz", **values)  # type: ignore[arg-type]

    return plant
