"""What several test files share: one small dataset and one small run, each made once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from benchmark.run_folder import RunFolder

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "tiny.yaml"
SHAPE = (150, 188)


def program(module: str, *arguments: object, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess:
    """Run ``python -m module`` as a user would, in another folder than the repository."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def read_events(log: Path) -> list[dict[str, Any]]:
    """The events of a log, by nothing but the token and JSON."""
    return [json.loads(line.removeprefix(":::MLLOG ")) for line in log.read_text().splitlines()]


def value_of(events: list[dict[str, Any]], key: str) -> Any:
    """The value of the only event with this key."""
    (event,) = (event for event in events if event["key"] == key)
    return event["value"]


def write_scene_file(path: Path, shape: tuple[int, int] = SHAPE, **changes: Any) -> Path:
    """A random scene in the dataset's format; ``changes`` replaces datasets, or removes them (None)."""
    rng = np.random.default_rng(0)
    content = {
        "refs": rng.uniform(0, 1, (*shape, 6)).astype(np.float32),
        "bts": rng.uniform(230, 300, (*shape, 3)).astype(np.float32),
        "bayes": rng.integers(0, 2, (*shape, 1)).astype(np.uint8) * 2,
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if values is not None:
                file.create_dataset(name, data=values)
    return path


def make_tiny_scenes(place: Path) -> None:
    """Make the tiny configuration's dataset below data/synthetic/ of a folder."""
    made = program(
        "benchmark.synthesis",
        *("--output", "data/synthetic", "--seed", 5, "--training", 6, "--inference", 4),
        *("--rows", SHAPE[0], "--columns", SHAPE[1]),
        cwd=place,
    )
    assert made.returncode == 0, made.stderr


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
    from submission_runs import make_place

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
