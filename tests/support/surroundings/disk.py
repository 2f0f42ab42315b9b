"""A small file system for a test, which can fill up like a disk."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    """Mount a file system at ``place`` (options such as ``size=2m``) during the block; skip the test if
    mounting is impossible."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def resize(place: Path, size: str) -> None:
    """Make the small file system at ``place`` larger."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)
