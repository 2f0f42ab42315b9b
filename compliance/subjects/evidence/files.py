"""Files opened with care: regular ones only, no link followed, and no pipe that waits for a writer."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from benchmark.core.files import reason_of

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Unread(Exception):
    """Why a file is not read."""


def kind_of(mode: int) -> str:
    """What a path is that is not a regular file, in words."""
    return _KINDS.get(stat.S_IFMT(mode), "a file of unknown kind")


def open_regular(path: Path) -> BinaryIO:
    """A regular file opened to be read. Raises Unread for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        found = kind_of(stat.S_IFLNK) if error.errno == errno.ELOOP else reason_of(error)
        raise Unread(found) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise Unread(kind_of(mode))
    return os.fdopen(descriptor, "rb")


def content_of(path: Path, most: int) -> bytes:
    """The content of a regular file. Raises Unread for anything else, and for more than ``most`` bytes."""
    with open_regular(path) as stream:
        try:
            content = stream.read(most + 1)
        except OSError as error:
            raise Unread(reason_of(error)) from None
    if len(content) > most:
        raise Unread(f"more than {most} bytes")
    return content
