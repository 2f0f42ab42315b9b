"""What several tests of submissions share."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from submission import generate
from submission.figures import catalogue, style
from submission.runs.runs import RunSet
from tests.support.shared import base_folder


@pytest.fixture(scope="session", autouse=True)
def figures_of_a_log_are_drawn_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Packager and verifier get the figures of logs that were drawn before, by whichever worker.

    To draw them takes most of the time of both. That they are the same bytes each time is tested on the
    figures, on a bundle that is packaged twice, and on one that is written again from itself.
    """
    kept = base_folder(tmp_path_factory) / "figures"
    kept.mkdir(exist_ok=True)

    def draw(runs: RunSet, folder: Path) -> None:
        if catalogue.write is not style.write:  # blank figures
            catalogue.draw_from_logs(runs, folder)
            return
        logs = "\n".join(f"{run.log.sha256} {len(run.log.events)}" for run in runs.runs)
        of_logs = kept / hashlib.sha256(logs.encode()).hexdigest()
        if not of_logs.is_dir():
            drawing = Path(tempfile.mkdtemp(dir=kept))
            catalogue.draw_from_logs(runs, drawing)
            with suppress(OSError):  # another worker was faster
                drawing.rename(of_logs)
        folder.mkdir(parents=True, exist_ok=True)
        for path in of_logs.iterdir():
            shutil.copy(path, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "draw_from_logs", draw)
        yield


@pytest.fixture
def drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn as often as they are asked for."""
    monkeypatch.setattr(generate, "draw_from_logs", catalogue.draw_from_logs)


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
