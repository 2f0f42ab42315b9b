"""The bundle as one file: a manifest of its contents, and a tar.gz that is the same for the same inputs."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from submission.layout import MANIFEST

BLOCK = 1024 * 1024


def manifest_text(root: Path) -> str:
    """sha256 and name of every file below ``root`` but the manifest, as ``sha256sum -c`` reads them."""
    files = [path for path in _below(root) if stat.S_ISREG(path.lstat().st_mode) and path != root / MANIFEST]
    return "".join(f"{sha256_of(path)}  {path.relative_to(root).as_posix()}\n" for path in files)


def write_archive(root: Path, target: Path, *, name: str, time: int) -> str:
    """Write the folder ``root`` as ``name`` into the tar.gz ``target``; returns its sha256.

    Entries are sorted; owner, group and times are those of nobody and of ``time`` (seconds
    since 1970), modes 644 or 755: the same files give the same bytes wherever and whenever
    they are packed, with one version of zlib.
    """
    with (
        target.open("xb") as stream,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in (root, *_below(root)):
            entry = archive.gettarinfo(path, arcname=str(Path(name) / path.relative_to(root)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = time
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            if entry.isfile():
                with path.open("rb") as contents:
                    archive.addfile(entry, contents)
            else:
                archive.addfile(entry)
    digest = sha256_of(target)
    target.with_name(f"{target.name}.sha256").write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    return digest


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _below(root: Path) -> Iterator[Path]:
    """Everything below a folder, sorted by name; a link is named and not followed."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        names = sorted([*files, *folders])
        folders[:] = [name for name in folders if name not in links]
        yield from (Path(folder) / name for name in names)
