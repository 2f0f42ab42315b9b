"""What several tests of submissions share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from submission.figures import catalogue, style


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty figure."""
    folder = tmp_path_factory.mktemp("blank")
    style.write(Figure(), folder, "blank")
    return folder


@pytest.fixture
def blank_figures(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures get their files, which are empty drawings: to draw them takes most of the time of packaging."""

    def write(figure: Figure, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("png", "pdf"):
            shutil.copyfile(blank / f"blank.{kind}", folder / f"{name}.{kind}")
            (folder / f"{name}.{kind}").chmod(0o644)

    monkeypatch.setattr(catalogue, "write", write)
