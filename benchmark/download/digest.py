"""Check whether a file is the object that a bucket lists, by its size and its recomputed ETag.

The ETag of an object is the MD5 of its bytes; after an upload in N parts it is the MD5 of the parts' MD5s and
``-N``. The part size is not given, so the sizes that common clients use are tried.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

MIB = 1 << 20
USUAL_PARTS = tuple(MIB * size for size in (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024))
ETAG = re.compile(r"([0-9a-f]{32})(?:-([1-9][0-9]{0,4}))?")


def md5_of(path: Path) -> str:
    """Return the MD5 of a file in hexadecimal."""
    with path.open("rb") as file:
        return _md5_of_next(file, path.stat().st_size).hex()


def compare(path: Path, size: int, etag: str) -> tuple[str, str] | None:
    """Return a file's MD5 and what shows it is the object: "md5", "parts" or "size"; None if it is not.

    "size": no part size that was tried gives the ETag, or the ETag is not an MD5.
    """
    if path.stat().st_size != size:
        return None
    md5, form = md5_of(path), ETAG.fullmatch(etag)
    if form is None:
        return md5, "size"
    if form[2] is None:
        return (md5, "md5") if md5 == etag else None
    found = any(multipart_etag(path, part) == etag for part in part_sizes(size, int(form[2])))
    return md5, "parts" if found else "size"


def part_sizes(size: int, parts: int) -> list[int]:
    """Return the part sizes to try, in bytes, that cut ``size`` bytes into ``parts`` parts."""
    even = -(-size // parts)
    tried = {*USUAL_PARTS, -(-even // MIB) * MIB}
    return [part for part in sorted(tried) if part and -(-size // part) == parts]


def multipart_etag(path: Path, part: int) -> str:
    """Return the ETag of a file that was uploaded in parts of ``part`` bytes."""
    digests = []
    with path.open("rb") as file:
        for start in range(0, path.stat().st_size, part):
            file.seek(start)
            digests.append(_md5_of_next(file, part))
    return f"{_md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def _md5_of_next(file: BinaryIO, size: int) -> bytes:
    digest = _md5()
    while size and (block := file.read(min(MIB, size))):
        digest.update(block)
        size -= len(block)
    return digest.digest()


def _md5(content: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)  # S3 uses it; protects against accidents, not attacks
