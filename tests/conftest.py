"""What several test files share: one small dataset and one small run, each made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmark.record.run_folder import RunFolder
from tests.support.project import TINY, make_tiny_scenes, program, read_events


@pytest.fixture(scope="session")
def tiny_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny configuration's dataset below data/synthetic/."""
    place = tmp_path_factory.mktemp("tiny")
    make_tiny_scenes(place)
    return place


@dataclass(frozen=True)
class FinishedRun:
    folder: RunFolder
    place: Path
    output: str
    events: list[dict[str, Any]]


@pytest.fixture(scope="session")
def tiny_run(tiny_place: Path) -> FinishedRun:
    """The tiny configuration run once with seed 1, by the real command."""
    done = program("benchmark.run", "--config", TINY, "--seed", 1, cwd=tiny_place)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = RunFolder(tiny_place / "logs" / "tiny-seed-1")
    return FinishedRun(folder, tiny_place, done.stdout, read_events(folder.log))


# ---- a bundle of three runs, made once for each file that looks at one


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the runs of three seeds, typed by hand."""
    from tests.support.runs import make_place

    place = tmp_path_factory.mktemp("place")
    make_place(place)
    return place


@pytest.fixture(scope="module")
def bundle(place: Path) -> Path:
    """The bundle of the runs of ``place``."""
    from submission.package import Options, package

    return package(Options([place / "logs"], place / "dist", checkout=place))


@pytest.fixture(scope="module")
def science(bundle: Path) -> Path:
    """The experiment's folder of the bundle."""
    return bundle / "New-York-University/cloudmask/test-node/quick"


@pytest.fixture(scope="module")
def document(science: Path) -> str:
    return (science / "scientific_contribution.md").read_text()
