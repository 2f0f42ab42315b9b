"""Files next to a log, opened with care: regular ones only, and no link is followed."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from benchmark.core import files
from benchmark.core.files import reason_of


class Unread(Exception):
    """Why a file is not read."""


def open_regular(path: Path) -> BinaryIO:
    """A regular file opened to be read. Raises Unread for anything else."""
    try:
        return files.open_regular(path, follow=False)
    except OSError as error:
        raise Unread(reason_of(error)) from None


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
