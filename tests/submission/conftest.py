"""What several tests of submissions share."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from submission.figures import from_logs, from_scenes, style
from submission.figures.catalogue import FIGURES, needs_scenes
from submission.figures.from_logs import draw_from_logs as drawn_from_logs
from submission.figures.from_scenes import draw_from_scenes as drawn_from_scenes
from submission.package import Options, package
from submission.runs.runs import RunSet
from tests.support.runs.scene_files import make_place_with_scenes
from tests.support.shared import base_folder, shared


@pytest.fixture(scope="session", autouse=True)
def figures_of_a_log_are_drawn_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Packager and verifier get the figures that were drawn before, by whichever worker.

    To draw them takes most of the time of both. That they are the same bytes each time, whoever submits
    the runs, is tested on the figures, on a bundle that is packaged twice, and on one that is written
    again from itself.
    """
    kept = base_folder(tmp_path_factory) / "figures"
    kept.mkdir(exist_ok=True)

    def drawn_once(folder: Path, parts: Iterable[bytes], draw: Callable[[Path], None]) -> None:
        of_parts = kept / hashlib.sha256(b"\0".join(parts)).hexdigest()
        if not of_parts.is_dir():
            drawing = Path(tempfile.mkdtemp(dir=kept))
            draw(drawing)
            with suppress(OSError):  # another worker was faster
                drawing.rename(of_parts)
        folder.mkdir(parents=True, exist_ok=True)
        for path in of_parts.iterdir():
            shutil.copy(path, folder)

    def draw_from_logs(runs: RunSet, folder: Path) -> None:
        events = [event for run in runs.runs for event in run.log.events]
        parts = [repr(event).encode() for event in events if not of_submitter(event.key)]
        drawn_once(folder, parts, lambda kept: drawn_from_logs(runs, kept))

    def draw_from_scenes(runs: RunSet, data: Path, folder: Path) -> None:
        if from_scenes.write is not style.write:  # blank figures
            drawn_from_scenes(runs, data, folder)
        elif scenes := sorted((data / "data").rglob("*.hdf")):
            run = runs.best.folder
            parts = [path.read_bytes() for path in (run.log, *scenes, *sorted(run.masks.glob("*")))]
            drawn_once(folder, parts, lambda kept: drawn_from_scenes(runs, data, kept))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_logs, "draw_from_logs", draw_from_logs)
        patch.setattr(from_scenes, "draw_from_scenes", draw_from_scenes)
        yield


def of_submitter(key: str) -> bool:
    """Whether an event says who submits a run, the configuration that names them included."""
    return key.startswith("submission_") or key == "config_digest"


@pytest.fixture(scope="session")
def place_with_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with three runs, the scenes, the masks of the best of them, and a bundle in dist/."""

    def make(place: Path) -> None:
        make_place_with_scenes(place)
        package(Options([place / "logs"], place / "dist", checkout=place))

    return shared(tmp_path_factory, "with scenes", make)


@pytest.fixture
def drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn as often as they are asked for."""
    monkeypatch.setattr(from_logs, "draw_from_logs", drawn_from_logs)
    monkeypatch.setattr(from_scenes, "draw_from_scenes", drawn_from_scenes)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty figure."""
    folder = tmp_path_factory.mktemp("blank")
    style.write(Figure(), folder, "blank")
    return folder


@pytest.fixture
def blank_figures(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures get their files, which are empty drawings: to draw them takes most of the time of packaging."""

    def write(figure: Figure | None, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("png", "pdf"):
            shutil.copyfile(blank / f"blank.{kind}", folder / f"{name}.{kind}")
            (folder / f"{name}.{kind}").chmod(0o644)

    def draw_from_logs(runs: RunSet, folder: Path) -> None:
        for name in FIGURES:
            if not needs_scenes(name):
                write(None, folder, name)

    monkeypatch.setattr(from_scenes, "write", write)
    monkeypatch.setattr(from_logs, "draw_from_logs", draw_from_logs)
