"""A store of patches on disk: fixed-size records in two files, which a journal describes.

Every scene owns an extent of each file: its slot is its place in the list of scenes, so that extents can be
written in any order and give the same bytes. Inputs are float16 (0.02 K of brightness temperature). Labels
are bytes: bits would save 5 % of the store, but unpacking them is no faster than reading bytes. Records are
read by position, never mapped, so that memory use does not grow with the dataset.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import RunError, SceneError
from benchmark.scenes.geometry import training_patch_count, training_patches
from benchmark.scenes.scene import CHANNELS, S8, read_scene
from benchmark.stores.journal import SceneRecord

#: Increased whenever the same scenes and layout would give other bytes.
FORMAT = 1

INPUTS, LABELS = "inputs.f16", "labels.u8"
_STORED = np.dtype("<f2")
#: Ways to map a patch onto itself: four rotations, each plain or mirrored; 0 leaves it unchanged.
SYMMETRIES = 8
_CHUNK = 1 << 20


@dataclass(frozen=True)
class PatchLayout:
    """The settings that, besides the scenes themselves, determine the records of a store."""

    #: Rows and columns of a scene.
    shape: tuple[int, int]
    #: Rows and columns of a patch.
    patch: int
    #: slstr or synthetic, as required of every scene.
    kind: str

    @property
    def patches(self) -> int:
        """Return the number of patches per scene."""
        return training_patch_count(self.shape, self.patch)

    @property
    def extents(self) -> dict[str, int]:
        """Return the bytes of one scene in each file."""
        pixels = self.patches * self.patch**2
        return {INPUTS: pixels * CHANNELS * _STORED.itemsize, LABELS: pixels}

    @property
    def scene_bytes(self) -> int:
        """Return the bytes of one staged scene."""
        return sum(self.extents.values())


@dataclass(frozen=True)
class PatchStore:
    """The patches of ``slots`` in slot order, ``scene_patches`` of each."""

    folder: Path
    patch: int
    scene_patches: int
    slots: tuple[int, ...]

    @property
    def count(self) -> int:
        """Return the total number of patches."""
        return len(self.slots) * self.scene_patches

    def read(
        self, indices: Sequence[int] | NDArray, symmetries: Sequence[int] | NDArray | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Read patches by index: inputs float32 [n, patch, patch, 9], labels uint8 [n, patch, patch].

        symmetries: for each patch, which of its SYMMETRIES to return; None leaves all unchanged. Raises
        RunError if the files no longer hold them.
        """
        scene, patch = np.divmod(np.asarray(indices, np.int64), self.scene_patches)
        records = np.array(self.slots)[scene] * self.scene_patches + patch
        shape = (len(records), self.patch, self.patch)
        inputs = np.empty((*shape, CHANNELS), np.float32)
        labels = np.empty(shape, np.uint8)
        symmetries = np.zeros_like(records) if symmetries is None else symmetries
        self._fill(INPUTS, records, symmetries, inputs, _STORED)
        self._fill(LABELS, records, symmetries, labels, labels.dtype)
        return inputs, labels

    def _fill(
        self,
        name: str,
        records: NDArray[np.int64],
        symmetries: Sequence[int] | NDArray,
        rows: NDArray,
        stored: np.dtype,
    ) -> None:
        """Read a record into each row; rotate and convert it while it is in the processor's cache."""
        record = np.empty(rows.shape[1:], stored)
        path = self.folder / name
        try:
            with path.open("rb", buffering=0) as file:
                for row, number, symmetry in zip(rows, records.tolist(), symmetries, strict=True):
                    file.seek(number * record.nbytes)
                    if file.readinto(record.data) != record.nbytes:
                        raise _damaged_store(path, f"the file ends before record {number}")
                    row[...] = turned(record, symmetry)
        except FileNotFoundError:
            raise _damaged_store(path, "no such file") from None


def turned(image: NDArray, symmetry: int) -> NDArray:
    """Return a view of a square image [n, n, ...] in one of its symmetries."""
    image = np.rot90(image, symmetry % 4)
    return image[:, ::-1] if symmetry >= 4 else image


def _damaged_store(path: Path, found: str) -> RunError:
    return RunError(
        path,
        found=found,
        expected="the patches that were staged",
        remedy="run again: what is missing is staged again; leave a store alone while a run reads it",
    )


# ---- which store


@dataclass(frozen=True)
class Source:
    """A scene file as it was when the run began; size and time are None if the file was not accessible."""

    path: Path
    size: int | None
    mtime_ns: int | None


def source_of(path: Path) -> Source:
    try:
        status = path.stat()
    except OSError:
        return Source(path, None, None)  # reading the file will report the error
    return Source(path, status.st_size, status.st_mtime_ns)


def store_key(layout: PatchLayout, sources: Iterable[Source]) -> str:
    """Return the sha256 of everything that determines a store's bytes; the scenes' folders do not matter."""
    scenes = [[source.path.name, source.size, source.mtime_ns] for source in sources]
    settings = {"format": FORMAT, "inputs": _STORED.str, "channels": CHANNELS, **asdict(layout)}
    return hashlib.sha256(json.dumps([settings, scenes], sort_keys=True).encode()).hexdigest()


# ---- one scene of a store


def write_scene(folder: Path, layout: PatchLayout, slot: int, source: Source) -> SceneRecord:
    """Stage a scene into its extents; they are on disk when the call returns.

    Raises SceneError if it cannot be used or differs from the file of ``source``; OSError if the files cannot
    be written.
    """
    _require_unchanged(source)
    try:
        scene = read_scene(source.path, layout.shape, layout.kind)
    finally:
        _require_unchanged(source)  # explains errors from a half-written file
    labels = np.ascontiguousarray(training_patches(scene.label, layout.patch))
    inputs = training_patches(scene.inputs, layout.patch)
    s8 = inputs[..., S8]
    clear, cloudy = (
        (float(s8[chosen].sum(dtype=np.float64)), int(chosen.sum())) for chosen in (labels == 0, labels > 0)
    )
    digest = hashlib.sha256()
    for name, records in ((INPUTS, inputs.astype(_STORED)), (LABELS, labels)):
        digest.update(records.data)
        with (folder / name).open("r+b") as file:
            file.seek(slot * records.nbytes)
            file.write(records.data)
            file.flush()
            os.fsync(file.fileno())
    return SceneRecord(slot, source.path.name, digest.hexdigest(), scene.filled, clear, cloudy)


def stored_digest(folder: Path, layout: PatchLayout, slot: int) -> str:
    """Return the sha256 of the current content of a slot's extents."""
    digest = hashlib.sha256()
    for name, length in layout.extents.items():
        with (folder / name).open("rb", buffering=0) as file:
            file.seek(slot * length)
            while length and (chunk := file.read(min(length, _CHUNK))):
                digest.update(chunk)
                length -= len(chunk)
    return digest.hexdigest()


def _require_unchanged(source: Source) -> None:
    now = source_of(source.path)
    if now != source:
        raise SceneError(
            source.path,
            found="the file is no longer there"
            if now.size is None
            else "a file that changes while it is read",
            expected="the file as it was when the run began",
            remedy="run again when nothing writes to the dataset any more",
        )


def cloud_is_colder(records: Iterable[SceneRecord]) -> bool | None:
    """Whether S8 is colder on average where the label says cloud; None if not comparable."""
    sums = [(*record.clear, *record.cloudy) for record in records]
    clear_sum, clear, cloud_sum, cloud = (math.fsum(column) for column in zip(*sums, strict=True))
    return cloud_sum / cloud < clear_sum / clear if clear and cloud else None
