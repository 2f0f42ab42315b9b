"""What rules judge besides logs and trees: a system description, a configuration, a tar.

A ``path`` is the name that findings show: the file's own, or that of the member after its archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compliance.subjects.log import Log


@dataclass(frozen=True)
class SystemFile:
    """A system description: ``data`` as its JSON gives it (of any type), None where it is unreadable."""

    path: Path
    data: object
    defects: Sequence[tuple[int | None, str]] = field(default=())


@dataclass(frozen=True)
class ConfigFile:
    """A configuration: ``data`` as its YAML gives it, or what is wrong with the YAML."""

    path: Path
    data: object
    #: The logs next to it, condensed.
    logs: tuple[Log, ...] = ()
    defect: str | None = None


@dataclass(frozen=True)
class Member:
    """A member of a tar, as its header states it: nothing of it is trusted."""

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
        """The parts of its name, without the `.` that some tars begin with."""
        return [part for part in self.name.split("/") if part not in ("", ".")]


#: A submission has some hundred files and some megabytes: a tar of more is not read to its end.
MEMBERS = 20_000
UNPACKED_BYTES = 10**9


@dataclass(frozen=True)
class Archive:
    """A tar: its members, its size as a file, and why reading ended before its end."""

    path: Path
    members: tuple[Member, ...]
    packed: int
    defect: str | None = None
