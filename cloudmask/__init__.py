"""The public Python interface of the benchmark: run, check, package, predict, and scenes with their scores.

Only these names are public; the modules behind them may change between versions (docs/api.md). Errors
are CloudMaskError, whose message says what was found, what was expected and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.config.files import config_path, load_config
from benchmark.config.schema import Config
from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError
from benchmark.predict.inputs import read as _read_product
from benchmark.predict.model import Model, load_model
from benchmark.products.reading import GRIDDINGS
from benchmark.run import Run
from benchmark.scenes.geometry import FULL_SHAPE
from benchmark.scenes.scene import Scene, scene_shape
from benchmark.scenes.scene import discover as _discover
from benchmark.scenes.scene import read_scene as _read_scene
from benchmark.scenes.scores import Confusion
from benchmark.scenes.scores import confusion as score
from benchmark.training.options import RunOptions
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.reports.report import Report
from compliance.selection import Selection
from submission.console import Refused
from submission.package import Options as PackageOptions
from submission.package import package

__all__ = [
    "CloudMaskError",
    "Confusion",
    "Finding",
    "FinishedRun",
    "Model",
    "PackageOptions",
    "Refused",
    "Report",
    "Scene",
    "check",
    "find_scenes",
    "load_model",
    "package",
    "predict",
    "read_scene",
    "run",
    "score",
]

Location = str | PathLike[str]


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: its folder (log, weights, masks, plots) and its result as logged (docs/events.md)."""

    folder: Path
    result: Mapping[str, Any]

    @property
    def accuracy(self) -> float:
        """The score: share of the pixels of all inference scenes whose class equals the label."""
        return float(self.result["value"])


def run(
    config: Location = "quickstart",
    *,
    seed: int | None = None,
    method: str | None = None,
    settings: Mapping[str, object] | None = None,
    output: Location = "logs",
    stage_dir: Location = "data/staging",
    resume: bool = False,
    quiet: bool = True,
) -> FinishedRun:
    """Train, score and log a run, as `cloudmask run` does.

    ``config`` is a file or the name of a shipped configuration, ``method`` a shipped method or a file,
    ``settings`` are fields of the configuration such as {"training.epochs": 3}. Signals are left to the
    caller. Raises CloudMaskError and OSError; the log of a started run then ends with run_stop aborted.
    """
    stated = dict(settings or {}) | ({} if seed is None else {"seed": seed})
    stated |= {} if method is None else {"method.name": method}
    overrides = [f"{field}={json.dumps(value)}" for field, value in stated.items()]
    loaded: Config = load_config(config_path(str(config)), overrides)
    options = RunOptions(stage_dir=Path(stage_dir), resume=resume)
    performed = Run(loaded, Path(output), options, Display(quiet=quiet))
    result = performed.perform()
    assert result is not None  # a single worker is the chief
    assert performed.folder is not None
    return FinishedRun(performed.folder.root, result)


def check(paths: Iterable[Location], *, profile: str | None = None) -> Report:
    """Check logs, system descriptions, trees and archives against the rules, as `cloudmask check` does.

    ``report.exit_code`` is 0 without errors, 1 with errors, 2 if something could not be checked;
    ``report.findings`` lists them with file, line, found, expected and remedy. ``profile`` is cloudmask,
    science, hpc or training; without it each log is checked with the profile that fits.
    """
    return check_paths(paths, Selection(profile=profile).rule_sets())


def predict(
    product: Location, model: Model, *, gridding: str = GRIDDINGS[0], whole: bool = False
) -> NDArray[np.float16]:
    """Return the probability of cloud for every 1 km pixel, float16 [rows, columns].

    ``product`` is a level-1 product (.SEN3 folder or its zip) or a scene (.hdf), ``model`` comes from a
    finished run (`load_model`); ``whole`` predicts in one piece instead of in the tiles used for scoring.
    Raises CloudMaskError.
    """
    return model.probability(_read_product(Path(product), gridding).scene, whole=whole)


def find_scenes(folder: Location) -> list[Path]:
    """Return the scene files below a folder, at any depth, sorted by path. Raises CloudMaskError."""
    return _discover(Path(folder))


def read_scene(path: Location) -> Scene:
    """Read a scene file: normalised inputs, float32 [rows, columns, 9], and label. Raises CloudMaskError."""
    return _read_scene(Path(path), scene_shape(Path(path)) or FULL_SHAPE)
