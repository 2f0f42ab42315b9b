"""Read a tar: list its members first, and unpack only what is safe.

A tar from elsewhere is not trusted. Members are listed in one pass over the file, with limits
on their number, their total size and what lies between them, so that a bomb is noticed before
it is unpacked. Where tarfile would mistake damage for the end, or keep in memory whatever a
header claims, reading ends with a defect. Unpacking writes what was judged into an empty
folder, through tarfile's filter "data", which lets nothing out of that folder.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from compliance.subjects.subjects import MEMBERS, UNPACKED_BYTES, Archive, Member

#: The most bytes of all headers together, including long names and the end.
HEADER_BYTES = 16 * 1024 * 1024
#: The most bytes of an extended header, such as a name too long for the header itself. Some versions of
#: Python search it in time quadratic in its length.
EXTENDED_BYTES = 4096
#: The most memory for xz. A stream states what it needs: 65 MiB at the highest preset.
XZ_BYTES = 128 * 1024 * 1024
BLOCK_BYTES = 64 * 1024

_ERRORS = (
    *(tarfile.TarError, EOFError, zlib.error, lzma.LZMAError),
    *(OSError, ValueError, OverflowError, RecursionError),
)
_KINDS = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
}


class ArchiveDefect(Exception):
    """The reason why reading an archive stopped before its end."""


def read_archive(path: Path) -> Archive:
    """List the members of a tar. Raises OSError if the file cannot be opened."""
    members: list[Member] = []
    packed = path.stat().st_size
    defect = None
    try:
        for _, info in _members(path):
            members.append(Member(info.name, _kind(info), info.size, info.mode, info.linkname, info.uname))
    except ArchiveDefect as error:
        defect = str(error)
    return Archive(path, tuple(members), packed, defect)


def _kind(info: tarfile.TarInfo) -> str:
    if info.issparse():
        return "sparse file"
    return "file" if info.isreg() else _KINDS.get(info.type, "member of unknown kind")


def unpack(archive: Archive, folder: Path) -> None:
    """Write the files and folders of a judged archive into an empty folder.

    Raises ArchiveDefect if the tar is no longer the one that was listed.
    """
    listed = iter(archive.members)
    for tar, info in _members(archive.path):
        member = next(listed, None)
        if member is None or (member.name, member.kind, member.size) != (info.name, _kind(info), info.size):
            raise ArchiveDefect("the file changed while it was checked")
        if member.kind in ("file", "folder"):
            with _as_defect():
                tar.extract(info, folder, filter="data")


def _members(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the members in order, with their tar. Raises ArchiveDefect if a limit is exceeded."""
    with _as_defect(), _decompressed(path) as plain:
        stream: Any = _Bounded(plain)
        with tarfile.open(fileobj=stream, mode="r:", errors="surrogateescape") as tar:
            total = 0
            for number, info in enumerate(tar, start=1):
                total += info.size
                if number > MEMBERS:
                    raise ArchiveDefect(f"more than {MEMBERS} members")
                if total > UNPACKED_BYTES or info.size < 0:
                    raise ArchiveDefect(f"more than {UNPACKED_BYTES} bytes unpacked")
                if set(tar.pax_headers) - {"comment"}:
                    raise ArchiveDefect("a header for all members that is more than a comment")
                if _kind(info) == "file":
                    stream.contents = range(info.offset_data, info.offset_data + info.size)
                yield tar, info
            stream.finish()


@contextmanager
def _decompressed(path: Path) -> Iterator[Any]:
    """Open the decompressed stream of a tar: gzip, bzip2, xz or plain."""
    with path.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        if head == b"\xfd7zXZ\x00":
            yield _Xz(file)
            return
        openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
        opener = next((opener for magic, opener in openers.items() if head.startswith(magic)), None)
        if opener is None:
            yield file
            return
        with opener(file) as plain:
            yield plain


@contextmanager
def _as_defect() -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ArchiveDefect(reason) from error


class _Bounded:
    """A forward-only stream for tarfile: reads block by block and counts what is not content of files."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.position = 0
        #: The position of the current member's content; the rest are headers.
        self.contents = range(0)
        self.allowance = HEADER_BYTES
        self.last = b""

    def tell(self) -> int:
        return self.position

    def seek(self, position: int) -> int:
        if position < self.position:
            raise io.UnsupportedOperation("a header that leads backwards")
        self._allowed(position)
        while self.position < position and self._read(min(BLOCK_BYTES, position - self.position)):
            pass
        return self.position

    def read(self, size: int) -> bytes:
        if self.position not in self.contents and not 0 <= size <= EXTENDED_BYTES:
            raise ArchiveDefect(f"an extended header of {size} bytes")
        self.last = self._read(size)
        return self.last

    def finish(self) -> None:
        """Read to the end of the file, which has the compression's checksum. Only zeros may follow.

        tarfile stops silently at a block that is not a header, where other programs read on.
        """
        if len(self.last) < tarfile.BLOCKSIZE:
            raise ArchiveDefect("cut: its end is missing")
        if self.last.count(0) != len(self.last):
            raise ArchiveDefect("an invalid header")
        while block := self._read(BLOCK_BYTES):
            if block.count(0) != len(block):
                raise ArchiveDefect("more behind its end")

    def _read(self, size: int) -> bytes:
        wanted = size
        content = b""
        while wanted and (more := self.stream.read(wanted)):
            content += more
            wanted -= len(more)
        self.allowance = self._allowed(self.position + len(content))
        self.position += len(content)
        return content

    def _allowed(self, position: int) -> int:
        """Return how much other than content may still be read once a position is reached."""
        start, stop = max(self.position, self.contents.start), min(position, self.contents.stop)
        allowed = self.allowance - (position - self.position - max(0, stop - start))
        if allowed < 0:
            raise ArchiveDefect(f"more than {HEADER_BYTES} bytes that are not contents of files")
        return allowed


class _Xz:
    """A decompressed xz stream. Raises LZMAError if it needs more than ``XZ_BYTES`` of memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_BYTES)

    def read(self, size: int) -> bytes:
        while not self.decoder.eof:
            packed = self.file.read(BLOCK_BYTES) if self.decoder.needs_input else b""
            if self.decoder.needs_input and not packed:
                raise ArchiveDefect("cut: its end is missing")
            if content := self.decoder.decompress(packed, size):
                return content
        if self.decoder.unused_data or self.file.read(1):
            raise ArchiveDefect("more behind its end")
        return b""
