"""A checkout with three runs as the working folder, and figures that are blank where nobody looks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.runs.hand_runs import make_place


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A checkout with three runs, and its commit: copied for every test."""
    place = tmp_path_factory.mktemp("prepared") / "place"
    place.mkdir()
    return place, make_place(place)


@pytest.fixture
def commit(prepared: tuple[Path, str]) -> str:
    return prepared[1]


@pytest.fixture
def place(prepared: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout as the working folder."""
    place = Path(shutil.copytree(prepared[0], tmp_path / "place"))
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def real_figures() -> None:
    """For the tests that need the figures as they are."""


@pytest.fixture(autouse=True)
def figures(request: pytest.FixtureRequest) -> None:
    """Most of these tests do not look into figures."""
    if "real_figures" not in request.fixturenames:
        request.getfixturevalue("blank_figures")
