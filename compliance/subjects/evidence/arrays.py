"""weights.npz and masks/*.h5: numbers only, identified by digests. Needs NumPy and h5py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from compliance.subjects.evidence.files import open_regular
from compliance.wording import count

#: HDF5 filters that a mask may use: deflate, shuffle, fletcher32, lzf. Others come from plug-ins.
_FILTERS = (1, 2, 3, 32000)
#: Maximum bytes of a mask's dataset, or of one of its chunks: a scene has 1.8 million pixels.
_MASK_BYTES = 256 * 1024 * 1024
#: The attributes of a mask that describe the run that made it.
ATTRIBUTES = ("scene", "seed", "commit", "synthetic")


@dataclass(frozen=True)
class Weights:
    """The content of weights.npz: its digest for the kind of method, and the number of its values."""

    sha256: str
    values: int
    bytes: int


@dataclass(frozen=True)
class Mask:
    """A mask: its digest, shape, cloudy pixels, and its attributes about the run that made it."""

    sha256: str
    shape: tuple[int, ...]
    cloudy: int
    attributes: dict[str, Any]


def read_weights(path: Path, kind: str, most: int | None) -> Weights | str:
    """Read at most ``most`` bytes of the weights of a kind of method, or say what is wrong with them.

    Raises Unread, and ImportError without NumPy.
    """
    from benchmark.record.weights import LARGEST, WeightsError, arrays_in, digest_of

    with open_regular(path) as stream:
        try:
            arrays = arrays_in(stream, path.name, LARGEST if most is None else min(most, LARGEST))
            digest = digest_of(arrays, kind)
        except WeightsError as error:
            return error.found
    sizes = [(values.size, values.nbytes) for values in arrays.values()]
    return Weights(digest, sum(size for size, _ in sizes), sum(size for _, size in sizes))


def read_scene_mask(path: Path) -> Mask | str:
    """Read a scene's mask, or say what is wrong with it. Raises Unread, and ImportError without h5py."""
    with open_regular(path) as stream:
        try:
            return _mask_in(stream)
        except ImportError:
            raise
        except Exception as error:  # a damaged file raises almost anything
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _mask_in(stream: BinaryIO) -> Mask | str:
    import h5py
    import numpy as np

    from benchmark.record.masks import mask_digest, mask_of

    with h5py.File(stream, "r") as file:
        mask = _dataset(h5py, file, "mask", "uint8")
        probability = _dataset(h5py, file, "probability", "float16")
        for found in (mask, probability):
            if isinstance(found, str):
                return found
        if mask.ndim != 2 or mask.shape != probability.shape:
            return f"a mask of {list(mask.shape)}, probabilities of {list(probability.shape)}"
        if (most := int(mask.max(initial=0))) > 1:
            return f"a mask with a value of {most}"
        if not np.array_equal(mask, mask_of(probability)):
            differ = int(np.count_nonzero(mask != mask_of(probability)))
            return f"a mask that differs from its probabilities in {count(differ, 'pixel')}"
        attributes = {name: _plain(file.attrs[name]) for name in ATTRIBUTES if name in file.attrs}
        return Mask(mask_digest(mask), mask.shape, int(np.count_nonzero(mask)), attributes)


def _dataset(h5py: Any, file: Any, name: str, kind: str) -> Any:
    """Return the values of a dataset stored entirely in this file, or what is wrong with it."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return f"no `{name}`"
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        return f"`{name}` that is not stored in this file"
    filters = dataset.id.get_create_plist()
    numbers = [filters.get_filter(place)[0] for place in range(filters.get_nfilters())]
    if any(number not in _FILTERS for number in numbers):
        return f"`{name}` behind filter {max(numbers)} of HDF5"
    if dataset.dtype != kind:
        return f"`{name}` of {dataset.dtype}"
    chunk = dataset.chunks or dataset.shape
    if max(_bytes(dataset.shape, dataset), _bytes(chunk, dataset)) > _MASK_BYTES:
        return f"`{name}` of more than {_MASK_BYTES} bytes"
    return dataset[...]


def _bytes(shape: tuple[int, ...], dataset: Any) -> int:
    size = int(dataset.dtype.itemsize)
    for length in shape:
        size *= int(length)
    return size


def _plain(value: Any) -> Any:
    """Convert an attribute to Python's types; one that is neither text nor number becomes text."""
    value = value.item() if hasattr(value, "item") and getattr(value, "size", 0) == 1 else value
    return value if isinstance(value, bool | int | float | str) else str(value)[:200]
