"""A small dataset, and a copy of it to damage."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.scenes.synthetic import make


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """A dataset of three and two scenes that no test changes."""
    root = tmp_path_factory.mktemp("synthetic") / "whole"
    make(root)
    return root


@pytest.fixture
def dataset(whole, tmp_path) -> Path:
    """A copy of it to damage."""
    root = tmp_path / "dataset"
    subprocess.run(["cp", "-r", "--", str(whole), str(root)], check=True)
    return root
