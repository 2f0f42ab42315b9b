"""Subjects of rules besides logs and trees: a system description, a configuration, a tar.

``path`` is the name shown in findings: the file's own, or the archive's followed by the member's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compliance.subjects.log import Log


@dataclass(frozen=True)
class SystemFile:
    """A system description: ``data`` is its JSON (of any type), None if it is unreadable."""

    path: Path
    data: object
    defects: Sequence[tuple[int | None, str]] = field(default=())


@dataclass(frozen=True)
class ConfigFile:
    """A configuration: ``data`` is its YAML; ``defect`` says what is wrong with it."""

    path: Path
    data: object
    #: The logs next to it, condensed.
    logs: tuple[Log, ...] = ()
    defect: str | None = None


@dataclass(frozen=True)
class Member:
    """A member of a tar, as stated in its header, which is not trusted."""

    name: str
    #: file, sparse file, folder, symbolic link, hard link, device, pipe or member of unknown kind.
    kind: str
    size: int
    mode: int
    #: What a link points to.
    target: str
    #: Login of the owner.
    user: str

    @property
    def parts(self) -> list[str]:
        """The parts of its name, without a leading `.`, which some tars have."""
        return [part for part in self.name.split("/") if part not in ("", ".")]


#: Limits on a tar, which is not read beyond: a submission has a few hundred files and a few megabytes.
MEMBERS = 20_000
UNPACKED_BYTES = 10**9


@dataclass(frozen=True)
class Archive:
    """A tar: its members, its file size, and why reading stopped before the end, if it did."""

    path: Path
    members: tuple[Member, ...]
    packed: int
    defect: str | None = None
