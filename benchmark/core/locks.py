"""One process at a time: a file lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

#: Errors of a file system without locks.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


def take(path: Path) -> int | None:
    """Return a descriptor that holds the lock until it is closed, or None if another process holds it.

    ``path`` is a folder, or a file that is created if missing. On a file system without locks nothing is
    locked and the call succeeds. Raises OSError if the path cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise
            return None
    return descriptor


@contextlib.contextmanager
def alone(path: Path, busy: Exception) -> Iterator[None]:
    """Hold the lock during the block. Raises ``busy`` if another process holds it."""
    descriptor = take(path)
    if descriptor is None:
        raise busy
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock during the block. If another process holds it, call ``on_wait`` once and wait."""
    descriptor = take(path)
    if descriptor is None:
        on_wait()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)
