"""Write files aside and rename them, compute digests, and report system failures in the system's words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextlib.contextmanager
def write_aside(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a path next to ``path`` to write to, which replaces ``path`` when the block succeeds.

    Readers see the old file or the new one, never a part of either. If the block raises, the part is removed
    and ``path`` stays as it was. ``durable``: when the block has ended, both the bytes and the new name are
    on disk. A device such as /dev/null is written to, not replaced.
    """
    if path.is_char_device():
        yield path
        return
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        if durable:
            sync(part)
        part.replace(path)
        if durable:
            sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def read_text(path: Path) -> str:
    """Return the text of a regular UTF-8 file. Raises OSError and UnicodeDecodeError."""
    with open_regular(path) as file:
        return file.read().decode("utf-8")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file aside and rename it."""
    with write_aside(path) as part:
        part.write_text(text, encoding="utf-8")


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading, without waiting on any other kind: a pipe might never have a writer.

    ``follow`` says whether to follow a symbolic link. Raises OSError, also if the file is not regular.
    """
    if not follow and path.is_symlink():
        raise OSError(errno.ELOOP, kind_of(stat.S_IFLNK), str(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, kind_of(mode), str(path))
    return os.fdopen(descriptor, "rb")


def kind_of(mode: int) -> str:
    """Return the kind of a path in words."""
    return _KINDS.get(stat.S_IFMT(mode), "a file of unknown kind")


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def names_digest(names: Iterable[str]) -> str:
    """Return the sha256 of the sorted names, one per line, which identifies a set of files."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal, reading it in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def reason_of(error: OSError) -> str:
    """Return the system's reason for a failure, without number and path: "No space left on device"."""
    return error.strerror or str(error)
