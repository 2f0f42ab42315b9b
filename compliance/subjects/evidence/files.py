"""Open files next to a log safely: regular files only, without following links."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from benchmark.core import files
from benchmark.core.files import reason_of


class Unread(Exception):
    """The reason why a file was not read."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises Unread for anything else."""
    try:
        return files.open_regular(path, follow=False)
    except OSError as error:
        raise Unread(reason_of(error)) from None


def content_of(path: Path, most: int) -> bytes:
    """Read a regular file. Raises Unread for anything else, and for more than ``most`` bytes."""
    with open_regular(path) as stream:
        try:
            content = stream.read(most + 1)
        except OSError as error:
            raise Unread(reason_of(error)) from None
    if len(content) > most:
        raise Unread(f"more than {most} bytes")
    return content
