"""Bundles to verify: one whose figures are compared, a copy to change, and one that is verified quickly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.shared import shared
from tests.support.submissions.bundles import BUNDLE, drawing_lock, make_bundle


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose figures are compared; not to be changed."""

    def make(folder: Path) -> None:
        make_bundle(folder / "place", lock=drawing_lock())

    return shared(tmp_path_factory, "verified", make) / "place" / "dist" / BUNDLE


@pytest.fixture
def bundle(packaged: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(packaged, tmp_path / BUNDLE, symlinks=True))


@pytest.fixture
def blank_bundle(blank_figures: None, tmp_path: Path) -> Path:
    """A bundle with blank figures, which are verified in a fraction of the time."""
    return make_bundle(tmp_path / "place", lock=drawing_lock())
