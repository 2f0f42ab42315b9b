"""The journal of a patch store: one line for each scene that is complete on disk or was left out.

Scenes not listed there do not exist: a store needs no other mark of completeness.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

JOURNAL = "scenes.jsonl"


@dataclass(frozen=True)
class SceneRecord:
    """A line of the journal: a scene whose extents are complete on disk, or one that was left out."""

    slot: int
    scene: str
    #: Digest of both extents, inputs then labels; None if the scene was left out.
    sha256: str | None = None
    #: Number of input values that were not finite or absurd, replaced by 0.
    filled: int = 0
    #: Sum and count of normalised S8 over clear and over cloudy pixels.
    clear: tuple[float, int] = (0.0, 0)
    cloudy: tuple[float, int] = (0.0, 0)
    #: Why the scene was left out.
    skipped: str | None = None


def read_journal(folder: Path, scenes: Sequence[str]) -> dict[int, SceneRecord]:
    """Return the known record of each slot of a store; ``scenes`` lists its file names in slot order.

    Ignores lines that are truncated or belong to another store.
    """
    with contextlib.suppress(FileNotFoundError):
        lines = (folder / JOURNAL).read_bytes().splitlines()
        records = filter(None, map(_parsed, lines))
        return {
            record.slot: record
            for record in records
            if record.slot < len(scenes) and record.scene == scenes[record.slot]
        }
    return {}


@contextlib.contextmanager
def open_journal(folder: Path) -> Iterator[Callable[[SceneRecord], None]]:
    """Yield a function that appends a record; the record is on disk when the call returns."""
    with (folder / JOURNAL).open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # a line cut off by a kill stays a separate line

        def append(record: SceneRecord) -> None:
            file.write(json.dumps(asdict(record)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

        yield append


def _parsed(line: bytes) -> SceneRecord | None:
    """Return the record of a line, or None if the line is not a record."""
    try:
        fields = json.loads(line)
        record = SceneRecord(**fields | {name: _checked_sum(*fields[name]) for name in ("clear", "cloudy")})
        sound = (
            _is_count(record.slot)
            and _is_count(record.filled)
            and isinstance(record.scene, str)
            and isinstance(record.sha256 or record.skipped, str)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return record if sound else None


def _checked_sum(total: Any, count: Any) -> tuple[float, int]:
    if not (isinstance(total, float) and math.isfinite(total) and _is_count(count)):
        raise ValueError
    return total, count


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
