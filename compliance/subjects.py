"""What rules judge: a log with its events, a system description, a submission tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SystemFile:
    """A system description: ``data`` as its JSON gives it (of any type), None where it is unreadable."""

    path: Path
    data: object
    defects: Sequence[tuple[int | None, str]] = field(default=())


@dataclass(frozen=True)
class Tree:
    """A submission tree: ``files`` names everything below ``root`` that is not a folder.

    Names are relative to the root, with forward slashes, sorted. Symbolic links are
    named, never followed.
    """

    root: Path
    files: tuple[str, ...]
