"""One file of the dataset: kept if it is complete, else fetched next to its place and renamed.

``.part-NAME-VERSION`` collects the bytes that have arrived; its length says where to resume, and VERSION, a
digest of the listed ETag, which object. So no other journal is needed, and a kill loses at most the current
block.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmark.download.digest import compare
from benchmark.download.manifest import Entry
from benchmark.download.source import DownloadError, RemoteFile

#: How often to fetch a file completely when its bytes differ from the listing.
FETCHES = 2

#: Yields the bytes of an object from a position on.
Read = Callable[[RemoteFile, int], Iterator[bytes]]
#: Called with the number of further bytes (negative after damage).
OnBytes = Callable[[int], None]


def part_path(root: Path, file: RemoteFile) -> Path:
    """Return the path that collects the bytes of this version of the file."""
    target = root / file.path
    version = hashlib.sha256(f"{file.etag} {file.size}".encode()).hexdigest()[:16]
    return target.with_name(f".part-{target.name}-{version}")


def bytes_held(root: Path, file: RemoteFile) -> int:
    """Return how many bytes of the file are on disk: all, judging by its size, or those that have arrived."""
    target = root / file.path
    return file.size if _size(target) == file.size else min(_size(part_path(root, file)), file.size)


def obtain(root: Path, file: RemoteFile, read: Read, on_bytes: OnBytes) -> Entry:
    """Put ``file`` below ``root``, complete and compared with the listing.

    Raises DownloadError if it cannot be fetched, OSError if it cannot be written.
    """
    target, part = root / file.path, part_path(root, file)
    target.parent.mkdir(parents=True, exist_ok=True)
    held = bytes_held(root, file)
    for old in target.parent.glob(f".part-{target.name}-*"):
        if old != part or old.stat().st_size > file.size:
            old.unlink()
    if target.exists() and (known := compare(target, file.size, file.etag)):
        return Entry(file.key, file.size, file.etag, *known)
    on_bytes(min(_size(part), file.size) - held)
    for _ in range(FETCHES):
        _append(part, file, read, on_bytes)
        if known := compare(part, file.size, file.etag):
            os.replace(part, target)
            return Entry(file.key, file.size, file.etag, *known)
        part.unlink()
        on_bytes(-file.size)
    raise DownloadError(
        file.key,
        found=f"bytes of another MD5, in {FETCHES} fetches",
        expected=f"ETag {file.etag}, as listed",
        remedy="run the command again later, or ask another server: --endpoint URL",
    )


def _append(part: Path, file: RemoteFile, read: Read, on_bytes: OnBytes) -> None:
    with part.open("ab", buffering=0) as output:
        for block in read(file, output.tell()):
            view = memoryview(block)
            while view:
                view = view[output.write(view) :]  # a write to a nearly full disk may be short
            on_bytes(len(block))
        os.fsync(output.fileno())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
