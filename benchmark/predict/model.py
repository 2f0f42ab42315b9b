"""Load the model of a finished run, ready to predict: configuration, method and weights, all checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.config.files import load_config
from benchmark.config.schema import Config
from benchmark.core.errors import RunError, os_failure
from benchmark.core.files import open_regular, sha256_of
from benchmark.methods.loading import LoadedMethod
from benchmark.record.events import TOKEN
from benchmark.record.run_folder import RunFolder
from benchmark.record.weights import digest_of, read_arrays
from benchmark.scenes.scene import SceneInputs
from benchmark.training.evaluate import PredictScene, checked_probability
from benchmark.training.prepare import is_complete, use_method
from benchmark.training.rescore import prediction

#: Events of a log that describe the model; other lines are not kept.
_EVENTS = ("submission_github_commit_version", "precision", "method_sha256", "result")


@dataclass(frozen=True)
class Model:
    """A run's method with its weights.

    name: the run's name. commit: of the code that made the run. predict: a scene in tiles, as runs are
    scored; predict_whole: in one piece.
    """

    name: str
    config: Config
    method: LoadedMethod
    commit: str
    precision: str
    weights_sha256: str
    predict: PredictScene
    predict_whole: PredictScene

    def probability(self, scene: SceneInputs, *, whole: bool = False) -> NDArray[np.float16]:
        """Return every pixel's probability of cloud, [rows, columns], as runs store it, so that masks agree.

        ``whole`` predicts the scene in one piece. Raises CloudMaskError.
        """
        predict = self.predict_whole if whole else self.predict
        return checked_probability(predict(scene), scene.inside.shape, scene.name).astype(np.float16)


def load_model(root: Path) -> Model:
    """Load the model from a finished run's folder, for example logs/quickstart-seed-1.

    Weights are read as numbers only. A method that is the user's own file is imported from the path in the
    configuration, if it is still the file that the run used. Raises CloudMaskError.
    """
    folder = RunFolder(root)
    if not folder.log.is_file() or not is_complete(folder):
        raise RunError(
            root,
            found="no log of a complete run" if folder.root.is_dir() else "no such folder",
            expected=f"the folder of a finished run, with {folder.log.name} and {folder.weights.name}",
            remedy="make a run (python -m benchmark.run), or correct --run",
        )
    logged = _events(folder)
    config, method = use_method(load_config(folder.config))
    if method.kind == "masks":
        raise RunError(
            root,
            found="a run that scored the masks of another program",
            expected="a run of a method, which can predict",
            remedy="use the run of a method",
        )
    if method.is_users_file and sha256_of(method.path) != logged.get("method_sha256"):
        raise RunError(
            method.path,
            found="another file than the one that the run used",
            expected=f"the file of sha256 {logged.get('method_sha256')}",
            remedy=f"put the run's own copy there: {folder.method}",
        )
    arrays = read_arrays(folder.weights)
    digest, stated = digest_of(arrays, method.kind), logged["result"].get("weights_sha256")
    if digest != stated:
        raise RunError(
            folder.weights,
            found=f"weights of sha256 {digest}",
            expected=f"those that the log states, {stated}",
            remedy="copy the run's folder again, or make the run again",
        )
    precision = str(logged.get("precision") or "float32")
    tiled, whole = prediction(config, method, arrays, precision)
    commit = str(logged.get("submission_github_commit_version") or "unknown")
    return Model(config.run_name, config, method, commit, precision, digest, tiled, whole)


def _events(folder: RunFolder) -> dict[str, Any]:
    """Return the last value of each wanted event. Raises RunError."""
    found: dict[str, Any] = {}
    try:
        with open_regular(folder.log) as file:
            for line in file:
                text = line.decode("utf-8", "replace").removeprefix(TOKEN)
                if any(f'"{key}"' in text for key in _EVENTS):
                    event = json.loads(text)
                    found[event["key"]] = event["value"]
    except OSError as error:
        raise os_failure(RunError, error, folder.log, expected="a log", remedy="correct --run") from None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        found = {"result": f"{type(error).__name__}: {error}"}
    if not isinstance(found.get("result"), dict):
        raise RunError(
            folder.log,
            found=f"no readable result ({found.get('result')})",
            expected="the log of a run of this program",
            remedy="make the run again, or correct --run",
        )
    return found
