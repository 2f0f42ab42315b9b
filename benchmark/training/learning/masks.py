"""Use masks that another program made: they are read, scored and logged, but not learned."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import MethodError
from benchmark.core.hdf5 import open_hdf5
from benchmark.methods.loading import MASK_SUFFIXES
from benchmark.scenes.scene import SceneInputs
from benchmark.training.context import RunContext
from benchmark.training.identity import Computing
from benchmark.training.learning.checkpoint import Checkpoint
from benchmark.training.learning.learned import Learned
from benchmark.training.stage import Staged


def read_prediction(folder: Path, scene: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the probability of cloud float32 [R, C] of a scene, from SCENE.h5 or SCENE.nc in ``folder``.

    The file is HDF5 or NetCDF-4 and holds ``probability`` (numbers from 0 to 1) or ``mask`` (1 cloud, 0
    clear). Raises MethodError.
    """
    paths = [path for suffix in MASK_SUFFIXES if (path := folder / f"{scene}{suffix}").is_file()]
    if len(paths) != 1:
        raise _unusable(folder / scene, "no file" if not paths else f"{len(paths)} files", "one file")
    (path,) = paths
    expected = f"probability or mask, numbers from 0 to 1 of shape {list(shape)}"
    try:
        with open_hdf5(path) as file:
            name = next((name for name in ("probability", "mask") if name in file), None)
            if name is None:
                raise _unusable(path, f"datasets {', '.join(sorted(file)) or 'none'}", expected)
            dataset = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
            if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
                raise _unusable(path, f"{name} that is not stored in this file", expected)
            if dataset.shape != shape or dataset.dtype.kind not in "buif":
                raise _unusable(
                    path, f"{name}: {dataset.dtype} of shape {list(dataset.shape or ())}", expected
                )
            values = dataset[...].astype(np.float32)
    except OSError as error:
        raise _unusable(path, f"a file that HDF5 cannot read ({error})", expected) from None
    outside = int(np.count_nonzero(~((values >= 0) & (values <= 1))))
    if outside:
        raise _unusable(path, f"{name} with {outside} values outside of 0 to 1", expected)
    return values


def _unusable(path: Path, found: str, expected: str) -> MethodError:
    return MethodError(
        path, found=found, expected=expected, remedy="write the masks as docs/methods.md describes them"
    )


class MasksLearner:
    """Takes the place of a learner; there is nothing to learn."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self.computing = Computing()

    def learn(self, staged: Staged | None, checkpoint: Checkpoint | None) -> Learned:
        method = self._run.method

        def predict(scene: SceneInputs) -> NDArray[np.float32]:
            return read_prediction(method.path, scene.name, scene.inside.shape)

        return Learned(
            predict=predict,
            predict_whole=predict,
            rows=(),
            best_epoch=0,
            weights="as they were given",
            sha256=method.sha256,
            parameters=0,
            precision=self.computing.precision,
        )
