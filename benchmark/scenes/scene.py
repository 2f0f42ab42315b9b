"""Find, read and normalise Sentinel-3 SLSTR scenes in the dataset's HDF5 format. NumPy only.

Format and normalisation: docs/dataset.md. In the label, 1 is **cloud**: the dataset's ``bayes`` holds the
Bayesian cloud flags of the SLSTR level-1 product, non-zero where cloud was detected.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import SceneError
from benchmark.core.files import open_regular, reason_of
from benchmark.core.hdf5 import open_hdf5

PATTERN = "S3A*.hdf"
#: A user's own scenes may come from either satellite; those of the dataset are from the first.
OWN_PATTERNS = (PATTERN, "S3B*.hdf")
REFLECTANCES, TEMPERATURES = 6, 3
CHANNELS = REFLECTANCES + TEMPERATURES
#: Index of S8 (10.85 um) among the nine channels: cloud is colder than what it hides.
S8 = 7
S2 = 1

#: Patches are staged in half precision; larger values are not measurements.
LARGEST = float(np.finfo(np.float16).max)

REMEDY = "fetch or make the file again, or leave it out with --on-bad-scene=skip"

#: The reference's normalisation: refs - 0.5, (bts - 270 K) / 22 K.
REFLECTANCE_OFFSET = 0.5
TEMPERATURE_OFFSET, TEMPERATURE_SCALE = 270.0, 22.0


@dataclass(frozen=True)
class SceneInputs:
    """The part of a scene that a method may see.

    name: the file's stem.
    inputs: float32 [R, C, 9], normalised S1..S6 then S7..S9; no NaN or infinity anywhere.
    inside: bool [R, C], false on the fill borders, where no temperature was measured.
    period: "day", or "night" if no reflectance was measured.
    synthetic: whether the file says that it was simulated, not observed.
    filled: number of input values that were not finite or absurd (beyond LARGEST), replaced by 0.
    """

    name: str
    inputs: NDArray[np.float32]
    inside: NDArray[np.bool_]
    period: str
    synthetic: bool
    filled: int


@dataclass(frozen=True)
class SceneLabels:
    """The masks that a scene is scored against.

    label: uint8 [R, C], 1 where ``bayes`` flags cloud.
    truth: uint8 [R, C] or None, the true cloud of a synthetic scene, from its generator.
    """

    label: NDArray[np.uint8]
    truth: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Scene(SceneInputs, SceneLabels):
    """One scene with its labels."""


def discover(folder: Path) -> list[Path]:
    """Return all scene files below ``folder``, at any depth, sorted by path.

    Raises SceneError if there are none, two have the same name, or a log cannot state a name.
    """
    expected = f"files named {' or '.join(OWN_PATTERNS)}, at any depth (for example in day/ and night/)"
    if not folder.is_dir():
        raise SceneError(
            folder,
            found="no such folder",
            expected=f"a folder with {expected}",
            remedy="correct data.training and data.inference, pass --data DIR, fetch the real scenes "
            "(python -m benchmark.download), or make synthetic ones: "
            "python -m benchmark.synthesis --output DIR",
        )
    found = (path for pattern in OWN_PATTERNS for path in folder.rglob(pattern))
    paths = sorted(found, key=lambda path: path.relative_to(folder).as_posix())
    if not paths:
        raise SceneError(
            folder,
            found="no scene below this folder",
            expected=expected,
            remedy="point --data at the dataset, fetch the real scenes (python -m benchmark.download), "
            "or make synthetic ones (python -m benchmark.synthesis --output DIR)",
        )
    first: dict[str, Path] = {}
    for path in paths:
        if not path.name.isprintable():
            expected = "a name of printable characters in UTF-8, which the log can state"
            raise SceneError(path, found=repr(path.name), expected=expected, remedy="rename the file")
        other = first.setdefault(path.stem, path)
        if other is not path:
            raise SceneError(
                path,
                found=f"the same name as {other}",
                expected="every scene once",
                remedy="remove one of the two",
            )
    return paths


def split(paths: Sequence[Path], train_fraction: float, seed: int) -> tuple[list[Path], list[Path]]:
    """Split scenes into those to train on and those to validate on, each in the given order.

    Uses the permutation of scikit-learn's train_test_split(train_size=..., random_state=seed), like the
    reference; over scenes, never over patches.
    """
    training = int(np.floor(train_fraction * len(paths)))
    if not 0 < training < len(paths):
        raise SceneError(
            "split.train_fraction",
            found=f"{len(paths)} training scenes, of which {train_fraction} would train",
            expected="at least one scene to train on and one to validate on",
            remedy="provide more scenes or change split.train_fraction",
        )
    order = np.random.RandomState(seed).permutation(len(paths))
    validation = len(paths) - training
    return [paths[i] for i in sorted(order[validation:])], [paths[i] for i in sorted(order[:validation])]


def is_synthetic(path: Path) -> bool:
    """Whether the file says that it was simulated, not observed."""
    with _open(path) as file:
        return bool(file.attrs.get("synthetic", False))


def check_scene(path: Path, shape: tuple[int, int], kind: str | None = None) -> None:
    """Raise the SceneError that ``read_scene`` would raise; keep nothing of what is read, not even labels."""
    read_scene(path, shape, kind)


def read_scene(path: Path, shape: tuple[int, int], kind: str | None = None) -> Scene:
    """Read the scene in ``path``, whose images must have ``shape`` = (rows, columns).

    ``kind``: slstr, synthetic, or None for any. Accepts integers and floats of any width, contiguous, chunked
    or compressed; ignores datasets other than refs, bts, bayes and truth. Raises SceneError.
    """
    with _open(path) as file:
        return Scene(**vars(_labels(file, path, shape)), **vars(_inputs(file, path, shape, kind)))


def read_labels(path: Path, shape: tuple[int, int]) -> SceneLabels:
    """Read the labels of the scene in ``path``, as ``read_scene`` does. Raises SceneError."""
    with _open(path) as file:
        return _labels(file, path, shape)


def _labels(file: h5py.File, path: Path, shape: tuple[int, int]) -> SceneLabels:
    bayes = _read(file, path, "bayes", _datasets(shape)["bayes"])
    truth = _read(file, path, "truth", shape) if "truth" in file else None
    return SceneLabels(
        label=(bayes[..., 0] > 0).astype(np.uint8),
        truth=None if truth is None else (truth > 0).astype(np.uint8),
    )


def scene_shape(path: Path) -> tuple[int, int] | None:
    """Return rows and columns of the temperatures in ``path``; None if not images. Raises SceneError."""
    with _open(path) as file:
        bts = file["bts"] if isinstance(file.get("bts", getlink=True), h5py.HardLink) else None
        shape = bts.shape if isinstance(bts, h5py.Dataset) else None
    return (shape[0], shape[1]) if shape is not None and len(shape) == 3 else None


def read_inputs(path: Path, shape: tuple[int, int], kind: str | None = None) -> SceneInputs:
    """Read the scene in ``path`` without its labels, as ``read_scene`` does. Raises SceneError."""
    with _open(path) as file:
        return _inputs(file, path, shape, kind)


def _inputs(file: h5py.File, path: Path, shape: tuple[int, int], kind: str | None) -> SceneInputs:
    refs, bts = (_read(file, path, name, _datasets(shape)[name]) for name in ("refs", "bts"))
    synthetic = bool(file.attrs.get("synthetic", False))
    found = "synthetic" if synthetic else "slstr"
    if kind not in (None, found):
        raise SceneError(
            path,
            found=f"a scene of kind {found}",
            expected=f"data.kind {kind}, as configured",
            remedy="correct data.kind, or use another folder",
        )
    return normalise(path.stem, refs, bts, f"{path}: dataset bts", synthetic=synthetic)


def normalise(name: str, refs: NDArray, bts: NDArray, where: str, *, synthetic: bool = False) -> SceneInputs:
    """Normalise reflectances [R, C, 6] and temperatures [R, C, 3] from a scene file to a method's inputs.

    Errors refer to the temperatures as ``where``. Raises SceneError if nothing was measured.
    """
    finite = np.isfinite(bts)
    inside = (finite & (bts != 0)).any(axis=-1)
    if not inside.any():
        raise SceneError(where, found="no temperature in any pixel", expected="measurements", remedy=REMEDY)
    with np.errstate(invalid="ignore"):
        period = "day" if ((refs > 0) & np.isfinite(refs)).any() else "night"
    inputs = np.empty((*bts.shape[:2], CHANNELS), np.float32)
    np.subtract(refs, REFLECTANCE_OFFSET, out=inputs[..., :REFLECTANCES], casting="same_kind")
    np.subtract(bts, TEMPERATURE_OFFSET, out=inputs[..., REFLECTANCES:], casting="same_kind")
    inputs[..., REFLECTANCES:] /= TEMPERATURE_SCALE
    bad = ~((inputs >= -LARGEST) & (inputs <= LARGEST))  # NaN too; np.abs would copy the scene
    filled = int(np.count_nonzero(bad))
    if filled:
        inputs[bad] = 0
    return SceneInputs(name, inputs, inside, period, synthetic, filled)


def drop_from_page_cache(paths: Sequence[Path]) -> bool:
    """Advise the kernel to drop the files from its page cache (P: caches are flushed before each run)."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in paths:
        # another process may have removed the store since, or the scene will be refused
        with contextlib.suppress(OSError), open_regular(path) as file:
            os.fsync(file.fileno())  # the kernel would keep dirty pages, for example of scenes just made
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def short_name(name: str) -> str:
    """Return the start of sensing from a scene's name, such as ``20191001T113221``."""
    return name[16:31]


@contextlib.contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    try:
        file = open_hdf5(path)
    except OSError as error:
        reason = reason_of(error)
        found = f"{path.stat().st_size} bytes that HDF5 cannot open ({reason})" if path.is_file() else reason
        raise SceneError(path, found=found, expected="a complete HDF5 file", remedy=REMEDY) from None
    with file:
        yield file


def _datasets(shape: tuple[int, int]) -> dict[str, tuple[int, int, int]]:
    return {"refs": (*shape, REFLECTANCES), "bts": (*shape, TEMPERATURES), "bayes": (*shape, 1)}


def _dataset(file: h5py.File, path: Path, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """Return the dataset ``name`` of ``file``, after checking that the file itself holds it and it fits."""
    where = f"{path}: dataset {name}"
    expected = f"numbers of shape {list(shape)}"
    if name not in file:
        listed = ", ".join(sorted(file)) or "nothing"
        raise SceneError(where, found=f"missing; the file holds {listed}", expected=expected, remedy=REMEDY)
    dataset = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise SceneError(where, found="no dataset stored in this file", expected=expected, remedy=REMEDY)
    if dataset.shape != shape or dataset.dtype.kind not in "iuf":
        found = f"{dataset.dtype} of shape {list(dataset.shape or ())}"
        remedy = f"check geometry.rows and geometry.columns; or {REMEDY}"
        raise SceneError(where, found=found, expected=expected, remedy=remedy)
    return dataset


def _read(file: h5py.File, path: Path, name: str, shape: tuple[int, ...]) -> NDArray:
    dataset = _dataset(file, path, name, shape)
    try:
        return dataset[...]
    except OSError as error:
        raise SceneError(
            f"{path}: dataset {name}",
            found=f"unreadable data ({error})",
            expected=f"numbers of shape {list(shape)}",
            remedy=REMEDY,
        ) from None
