"""The project as users see it: commands, a small dataset, the events of a log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmark import ROOT

TINY = ROOT / "tests" / "data" / "tiny.yaml"
#: A network that is traced, trained and saved in a moment, for tests of everything around it.
SMALL = ("--set", f"method.name={ROOT / 'tests' / 'data' / 'regularised.py'}")
#: Shape of the scenes of the tiny configuration.
TINY_SHAPE = (60, 76)
SHAPE = (150, 188)


def program(
    module: str,
    *arguments: object,
    cwd: Path,
    timeout: float = 900,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess:
    """Run ``python -m module`` as a user would, outside the repository."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def read_events(log: Path) -> list[dict[str, Any]]:
    """Read the events of a log using only the token and JSON."""
    return [json.loads(line.removeprefix(":::MLLOG ")) for line in log.read_text().splitlines()]


def value_of(events: list[dict[str, Any]], key: str) -> Any:
    """Return the value of the only event with this key."""
    (event,) = (event for event in events if event["key"] == key)
    return event["value"]


def write_scene_file(path: Path, shape: tuple[int, int] = SHAPE, **changes: Any) -> Path:
    """Write a random scene in the dataset's format; ``changes`` replaces datasets or removes them (None)."""
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


def make_tiny_scenes(place: Path, shape: tuple[int, int] = TINY_SHAPE) -> None:
    """Make the tiny configuration's dataset below data/synthetic/ of a folder."""
    made = program(
        "benchmark.synthesis",
        *("--output", "data/synthetic", "--seed", 5, "--training", 6, "--inference", 4),
        *("--rows", shape[0], "--columns", shape[1]),
        cwd=place,
    )
    assert made.returncode == 0, made.stderr
