"""Staging: scenes -> patches on the node's disk, read back batch by batch.

Inputs are stored as float16 (0.02 K of a brightness temperature), labels as bytes. Records
have a fixed size and are read by position, so that memory does not grow with the dataset.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import RunError, SceneError
from benchmark.geometry import training_patch_count, training_patches
from benchmark.scenes import CHANNELS, S8, Scene

_STORED = np.dtype("<f2")


@dataclass(frozen=True)
class PatchStore:
    """``count`` patches of ``patch`` x ``patch`` pixels in two files of ``folder``."""

    folder: Path
    patch: int
    count: int

    @property
    def inputs_file(self) -> Path:
        return self.folder / "inputs.f16"

    @property
    def labels_file(self) -> Path:
        return self.folder / "labels.u8"

    def read(self, indices: Sequence[int] | NDArray) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Patches by index: inputs float32 [n, patch, patch, 9], labels uint8 [n, patch, patch]."""
        size = self.patch * self.patch
        inputs = np.empty((len(indices), size * CHANNELS), _STORED)
        labels = np.empty((len(indices), size), np.uint8)
        self._fill(self.inputs_file, inputs, indices)
        self._fill(self.labels_file, labels, indices)
        shape = (len(indices), self.patch, self.patch)
        return inputs.astype(np.float32).reshape(*shape, CHANNELS), labels.reshape(shape)

    def _fill(self, path: Path, records: NDArray, indices: Sequence[int] | NDArray) -> None:
        """Read the record of each index into a row of ``records``."""
        length = records[0].nbytes
        with path.open("rb", buffering=0) as file:
            for i, index in enumerate(indices):
                file.seek(int(index) * length)
                if file.readinto(records[i].data) != length:
                    raise RunError(
                        path,
                        found=f"the file ends before patch {index}",
                        expected=f"{self.count} patches",
                        remedy="run again; do not touch the staging folder of a run that goes on",
                    )


@dataclass
class StagingReport:
    """What staging met: for the log, and to see whether the label's polarity is right."""

    scenes: int = 0
    filled: int = 0
    #: Sum and count of normalised S8 over clear (0) and cloudy (1) pixels.
    s8: dict[int, list[float]] = field(default_factory=lambda: {0: [0.0, 0], 1: [0.0, 0]})

    def add(self, inputs: NDArray[np.float32], labels: NDArray[np.uint8], scene: Scene) -> None:
        self.scenes += 1
        self.filled += scene.filled
        s8 = inputs[..., S8]
        for cloud, sums in self.s8.items():
            chosen = s8[labels == cloud]
            sums[0] += float(chosen.sum(dtype=np.float64))
            sums[1] += chosen.size

    def cloud_is_colder(self) -> bool | None:
        """Whether S8 is colder on average where the label says cloud; None if not comparable."""
        (clear_sum, clear), (cloud_sum, cloud) = self.s8[0], self.s8[1]
        return cloud_sum / cloud < clear_sum / clear if clear and cloud else None


def record_bytes(patch: int) -> int:
    """Bytes of one staged patch."""
    return patch * patch * (CHANNELS * _STORED.itemsize + 1)


def stage(
    paths: Sequence[Path],
    read: Callable[[Path], Scene],
    folder: Path,
    shape: tuple[int, int],
    patch: int,
    report: StagingReport,
    failed: Callable[[Path, SceneError], None],
) -> Iterator[Path]:
    """Write the training patches of all scenes to ``folder``, in order; yields each path when done.

    A scene that cannot be used is given to ``failed``, which raises or leaves it out. Raises
    RunError when the disk has no room.
    """
    _require_room(folder, len(paths) * training_patch_count(shape, patch) * record_bytes(patch))
    folder.mkdir(parents=True)
    empty = PatchStore(folder, patch, 0)
    with empty.inputs_file.open("wb") as inputs_file, empty.labels_file.open("wb") as labels_file:
        for path in paths:
            try:
                scene = read(path)
            except SceneError as error:
                failed(path, error)
            else:
                inputs = training_patches(scene.inputs, patch)
                labels = training_patches(scene.label, patch)
                report.add(inputs, labels, scene)
                inputs_file.write(inputs.astype(_STORED).data)
                labels_file.write(np.ascontiguousarray(labels).data)
            yield path


def open_store(folder: Path, patch: int) -> PatchStore:
    """The store that was staged in ``folder``. Raises RunError when it holds no patch."""
    store = PatchStore(folder, patch, 0)
    count = store.labels_file.stat().st_size // (patch * patch)
    if not count:
        raise RunError(
            folder,
            found="no scene left to stage",
            expected="at least one readable scene",
            remedy="mend or replace the scenes that were skipped",
        )
    return PatchStore(folder, patch, count)


def _require_room(folder: Path, needed: int) -> None:
    existing = next(parent for parent in folder.parents if parent.exists())
    status = os.statvfs(existing)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise RunError(
            folder,
            found=f"{free / 1e6:.0f} MB free",
            expected=f"{needed / 1e6:.0f} MB for the staged patches",
            remedy="free some space, or choose another place with --output",
        )
