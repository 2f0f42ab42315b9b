"""Runs to draw, with their scenes and the masks of the best of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from submission.runs.runs import RunSet, read_runs


@pytest.fixture(scope="module")
def place(place_with_scenes: Path) -> Path:
    return place_with_scenes


@pytest.fixture(scope="module")
def runs(place: Path) -> RunSet:
    return read_runs([place / "logs"])
