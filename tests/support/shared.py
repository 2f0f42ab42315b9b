"""Expensive fixtures, made once for all workers of a test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.core import locks


def base_folder(factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder of the whole test run."""
    base = factory.getbasetemp()
    # the folder of a pytest-xdist worker is inside the test run's folder
    return base.parent if base.name.startswith("popen-") else base


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that ``make`` fills once: the first worker calls it, the others wait.

    Tests must not change it: all workers use the same files.
    """
    base = base_folder(factory)
    folder, ready = base / name, base / f"{name}.ready"
    with locks.held(base / f"{name}.lock", lambda: None):
        if not ready.exists():
            folder.mkdir()
            make(folder)
            ready.touch()
    return folder
