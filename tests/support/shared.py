"""Fixtures that are expensive to make, made once for all workers of a test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.core import locks


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that ``make`` fills once, by whichever worker comes first; the others wait for it.

    Tests must leave it as it is: all workers look at the same files.
    """
    base = factory.getbasetemp()
    if base.name.startswith("popen-"):  # of one worker of pytest-xdist; its parent is the test run's
        base = base.parent
    folder, ready = base / name, base / f"{name}.ready"
    with locks.held(base / f"{name}.lock", lambda: None):
        if not ready.exists():
            folder.mkdir()
            make(folder)
            ready.touch()
    return folder
