"""A tree to plant a fault in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def tree(bundle: Path, tmp_path: Path) -> Path:
    """A copy of a good tree, to plant a fault in."""
    return Path(shutil.copytree(bundle, tmp_path / "tree"))
