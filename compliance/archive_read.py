"""How a tar is read: its members first, and only what is safe unpacked.

A tar from elsewhere is not trusted. Members are listed while the stream is read once, within
bounds on their number, on their total size and on what lies between them, so that a bomb is
noticed before it is unpacked. Unpacking writes regular files and folders into an empty folder,
each under a name that was judged, never through a link and never over a file.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from compliance.subjects import MEMBERS, UNPACKED_BYTES, Archive, Member

#: Headers of one member, long names included.
HEADER_BYTES = 256 * 1024
BLOCK_BYTES = 64 * 1024

_MAGIC: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}
_ERRORS = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError, OverflowError)
_KINDS = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
}


class ArchiveDefect(Exception):
    """Why reading an archive ended before its end."""


def read_archive(path: Path) -> Archive:
    """List the members of a tar. Raises OSError where the file cannot be opened."""
    members: list[Member] = []
    packed = path.stat().st_size
    defect = None
    try:
        for info, _ in _members(path):
            kind = "file" if info.isreg() else _KINDS.get(info.type, "unknown")
            members.append(Member(info.name, kind, info.size, info.mode, info.linkname, info.uname))
    except ArchiveDefect as error:
        defect = str(error)
    return Archive(path, tuple(members), packed, defect)


def unpack(archive: Archive, folder: Path) -> None:
    """Write the files and folders of a judged archive into an empty folder.

    Raises ArchiveDefect where the tar is no longer the one that was listed.
    """
    listed = iter(archive.members)
    for info, contents in _members(archive.path):
        member = next(listed, None)
        if member is None or (member.name, member.size) != (info.name, info.size):
            raise ArchiveDefect("the file changed while it was checked")
        target = folder.joinpath(*member.parts)
        if member.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
        elif contents is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            mode = 0o755 if member.mode & 0o100 else 0o644
            with open(os.open(target, flags, mode), "wb") as file:
                while block := contents.read(BLOCK_BYTES):
                    file.write(block)


def _members(path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """The members in order, each with its contents; raises ArchiveDefect where the bounds are reached."""
    with path.open("rb") as file:
        head = file.read(6)
    opener: Any = next((opener for magic, opener in _MAGIC.items() if head.startswith(magic)), open)
    with _as_defect(), opener(path, "rb") as plain:
        bounded: Any = _Bounded(plain)
        with tarfile.open(fileobj=bounded, mode="r|", bufsize=BLOCK_BYTES, errors="surrogateescape") as tar:
            total = number = 0
            for info in tar:
                number, total = number + 1, total + info.size
                if number > MEMBERS:
                    raise ArchiveDefect(f"more than {MEMBERS} members")
                if total > UNPACKED_BYTES or info.size < 0:
                    raise ArchiveDefect(f"more than {UNPACKED_BYTES} bytes unpacked")
                bounded.allowance = info.size + HEADER_BYTES
                yield info, tar.extractfile(info) if info.isreg() else None
        while plain.read(BLOCK_BYTES):  # to the end, where the checksum of what is packed stands
            total += BLOCK_BYTES
            if total > UNPACKED_BYTES:
                raise ArchiveDefect(f"more than {UNPACKED_BYTES} bytes unpacked")


@contextmanager
def _as_defect() -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise ArchiveDefect(str(error) or type(error).__name__) from error


class _Bounded:
    """A stream of which no more is read than a member may have: its contents and its headers.

    tarfile keeps a header in memory whatever size it claims.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.allowance = HEADER_BYTES

    def read(self, size: int) -> bytes:
        self.allowance -= size
        if self.allowance < -2 * BLOCK_BYTES:
            raise ArchiveDefect(f"a header of more than {HEADER_BYTES} bytes")
        return self.stream.read(size)
