"""``DEST/.download.json``: the listed files, which of them are complete, and how each was verified."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import ConfigError
from benchmark.core.fields import read_fields
from benchmark.core.files import read_text, write_text
from benchmark.download.digest import md5_of
from benchmark.download.source import PREFIXES, DownloadError, RemoteFile, is_scene_path

MANIFEST = ".download.json"
FORMAT = "cloudmask-download-1"


@dataclass(frozen=True)
class Entry:
    """A listed object. ``md5`` and ``verified`` ("md5", "parts" or "size") are empty until it is complete."""

    key: str
    size: int
    etag: str
    md5: str = ""
    verified: str = ""


DownloadManifest = dict[str, Entry]


def read_manifest(root: Path) -> DownloadManifest | None:
    """Return path below ``root`` -> entry, sorted; None if nothing was downloaded. Raises DownloadError."""
    try:
        content = json.loads(read_text(root / MANIFEST))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}")
        return {path: _entry(path, fields) for path, fields in sorted(content["files"].items())}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
        raise DownloadError(
            root / MANIFEST,
            found=f"not readable as a list of downloads ({error})",
            expected=f"JSON of format {FORMAT}",
            remedy="remove it and download again: complete files are kept",
        ) from None


def write_manifest(root: Path, entries: DownloadManifest) -> None:
    """Write the list aside and rename it. Raises OSError."""
    files = {path: asdict(entry) for path, entry in sorted(entries.items())}
    write_text(root / MANIFEST, json.dumps({"format": FORMAT, "files": files}, indent=1) + "\n")


def with_listed(entries: DownloadManifest, listed: Iterable[RemoteFile]) -> DownloadManifest:
    """Merge ``entries`` with the server's current list; an object that has changed counts as not fetched."""
    merged = dict(entries)
    for file in listed:
        known = merged.get(file.path)
        if known is None or (known.size, known.etag) != (file.size, file.etag):
            merged[file.path] = Entry(file.key, file.size, file.etag)
    return merged


def is_there(root: Path, path: str, entry: Entry) -> bool:
    """Whether a file was fetched and still has its size; does not read its bytes."""
    target = root / path
    return bool(entry.md5) and target.is_file() and target.stat().st_size == entry.size


def verify(root: Path, entries: DownloadManifest, on_bytes: Callable[[int], None]) -> list[str]:
    """List what is missing or differs, one line each, after reading every byte of every file. No network."""
    problems = []
    for path, entry in entries.items():
        target = root / path
        if not target.is_file():
            problems.append(f"missing: {path}" + ("" if entry.md5 else " (not fetched yet)"))
        elif (size := target.stat().st_size) != entry.size:
            problems.append(f"differs: {path}: found {size} bytes, expected {entry.size}")
        elif not entry.md5:
            problems.append(f"unknown: {path}: not compared with the server's yet")
        elif (md5 := md5_of(target)) != entry.md5:
            problems.append(f"differs: {path}: found MD5 {md5}, expected {entry.md5}")
        on_bytes(entry.size)
    return problems


def _entry(path: str, fields: Any) -> Entry:
    split, _, name = path.partition("/")
    entry = read_fields(Entry, fields, path)
    if split not in PREFIXES or not is_scene_path(name) or entry.size < 0:
        raise ValueError(f"the entry of {path!r}")
    return entry
