"""Fixtures that are expensive to make, made once for all workers of a test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.core import locks


def base_folder(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the whole test run."""
    base = factory.getbasetemp()
    # one of a worker of pytest-xdist lies in that of the test run
    return base.parent if base.name.startswith("popen-") else base


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that ``make`` fills once, by whichever worker comes first; the others wait for it.

    Tests must leave it as it is: all workers look at the same files.
    """
    base = base_folder(factory)
    folder, ready = base / name, base / f"{name}.ready"
    with locks.held(base / f"{name}.lock", lambda: None):
        if not ready.exists():
            folder.mkdir()
            make(folder)
            ready.touch()
    return folder
