"""How a tar is read: its members first, and only what is safe unpacked.

A tar from elsewhere is not trusted. Members are listed while the stream is read once, within
bounds on their number, on their total size and on what lies between them, so that a bomb is
noticed before it is unpacked. Where tarfile would take a damage for the end, or keep in memory
whatever a header claims, reading ends with a defect. Unpacking writes regular files and folders
into an empty folder, each under a name that was judged, never through a link and never over a file.
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

from compliance.subjects.subjects import MEMBERS, UNPACKED_BYTES, Archive, Member

#: Headers of all members together, long names and the end included.
HEADER_BYTES = 16 * 1024 * 1024
#: What precedes a header, such as a name too long for it. Some versions of Python search it in a
#: time that grows with the square of its length.
EXTENDED_BYTES = 4096
#: A stream of xz names the memory that it needs: 65 MiB at its highest preset.
XZ_BYTES = 128 * 1024 * 1024
BLOCK_BYTES = 64 * 1024

_ERRORS = (
    *(tarfile.TarError, EOFError, zlib.error, lzma.LZMAError),
    *(OSError, ValueError, OverflowError, RecursionError),
)
_EXTENDED = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
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
    """Why reading an archive ended before its end."""


def read_archive(path: Path) -> Archive:
    """List the members of a tar. Raises OSError where the file cannot be opened."""
    members: list[Member] = []
    packed = path.stat().st_size
    defect = None
    try:
        for info, _ in _members(path):
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
    with _as_defect(), _decompressed(path) as plain:
        bounded: Any = _Bounded(plain)
        with tarfile.open(
            fileobj=bounded, mode="r|", bufsize=BLOCK_BYTES, tarinfo=_Header, errors="surrogateescape"
        ) as tar:
            stream: Any = tar
            total = number = 0
            while (info := stream.next()) is not None:
                stream.members.clear()  # tarfile keeps them all, with their extended headers
                number, total = number + 1, total + info.size
                if number > MEMBERS:
                    raise ArchiveDefect(f"more than {MEMBERS} members")
                if total > UNPACKED_BYTES or info.size < 0:
                    raise ArchiveDefect(f"more than {UNPACKED_BYTES} bytes unpacked")
                if set(stream.pax_headers) - {"comment"}:
                    raise ArchiveDefect("a header for all members that is more than a comment")
                if _kind(info) == "file":
                    bounded.allowance += info.size + tarfile.BLOCKSIZE
                yield info, tar.extractfile(info) if info.isreg() else None
            # To the end of the file, where the checksum of what is packed stands.
            while block := stream.fileobj.read(BLOCK_BYTES):
                if block.count(0) != len(block):
                    raise ArchiveDefect("more behind its end")


@contextmanager
def _decompressed(path: Path) -> Iterator[Any]:
    """The stream of a tar, whatever packed it."""
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
        raise ArchiveDefect(str(error) or type(error).__name__) from error


class _Header(tarfile.TarInfo):
    """A header that must be sound.

    tarfile ends in silence at one that is not, where other programs read on.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        if len(buf) < tarfile.BLOCKSIZE:
            raise ArchiveDefect("cut: its end is missing")
        if buf.count(0) == tarfile.BLOCKSIZE:
            return super().frombuf(buf, encoding, errors)  # raises what ends the tar
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise ArchiveDefect(f"a header that is none ({error})") from error
        if header.type in _EXTENDED and not 0 <= header.size <= EXTENDED_BYTES:
            raise ArchiveDefect(f"an extended header of {header.size} bytes")
        return header


class _Bounded:
    """A stream of which no more is read than files and the headers between them may have."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.allowance = HEADER_BYTES

    def read(self, size: int) -> bytes:
        content: bytes = self.stream.read(size)
        # At its end, too: tarfile looks for contents that a header claims as often as they are long.
        self.allowance -= len(content) or size
        if self.allowance < 0:
            raise ArchiveDefect(f"more than {HEADER_BYTES} bytes that are not contents of files")
        return content


class _Xz:
    """A decompressed stream of xz; what would need more than ``XZ_BYTES`` of memory is an LZMAError."""

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
