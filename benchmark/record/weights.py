"""Store what a method has learned as arrays in a file: write it, read it within limits, compute its digest.

``weights.npz`` holds the weights of a network's best epoch in the order of its layers, or the tables of a
fitted method by name. Only numbers are read from it: nothing in it can be executed.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import CloudMaskError, os_failure
from benchmark.core.files import write_aside

#: The most bytes of arrays to read in total: far more than any network of the paper has.
LARGEST = 2 << 30
#: Names of a network's weights: their positions in layer order.
_PLACE = re.compile(r"\d{4}")

EXPECTED = "an .npz file of arrays of numbers, as a run writes it"
_AGAIN = "make the run again"


class WeightsError(CloudMaskError):
    """A file that contains no weights."""


def save_weights(path: Path, weights: Sequence[NDArray]) -> None:
    """Write a network's weights in layer order, aside and renamed."""
    save_tables(path, {f"{place:04}": values for place, values in enumerate(weights)})


def save_tables(path: Path, tables: Mapping[str, NDArray]) -> None:
    """Write arrays by name, aside and renamed."""
    with write_aside(path, durable=True) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **tables)


def read_arrays(path: Path, largest: int = LARGEST) -> dict[str, NDArray]:
    """Return the arrays of a weights file by name. Raises WeightsError, as ``arrays_in`` does."""
    try:
        with path.open("rb") as stream:
            return arrays_in(stream, path, largest)
    except OSError as error:
        raise os_failure(WeightsError, error, path, expected=EXPECTED, remedy=_AGAIN) from None


def arrays_in(stream: BinaryIO, where: object, largest: int = LARGEST) -> dict[str, NDArray]:
    """Return the arrays of an open weights file by name; errors refer to it as ``where``.

    Raises WeightsError for other files, or if the arrays are larger than ``largest`` bytes.
    """
    found = None
    try:
        with zipfile.ZipFile(stream) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > largest:
            found = f"{size} bytes of arrays"
        else:
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
    except Exception as error:  # a damaged archive may raise almost anything
        found = f"{type(error).__name__}: {error}"
    else:
        if found is None:
            odd = [
                name
                for name, values in arrays.items()
                if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf"
            ]
            if not odd:
                return arrays
            found = f"{odd[0]!r}, which is not of numbers"
    raise WeightsError(where, found=found[:200], expected=EXPECTED, remedy=_AGAIN)


def in_layer_order(arrays: Mapping[str, NDArray], where: object = "weights") -> list[NDArray]:
    """Return a network's weights in layer order. Raises WeightsError for other arrays."""
    if sorted(arrays) != [f"{place:04}" for place in range(len(arrays))]:
        odd = next((name for name in sorted(arrays) if not _PLACE.fullmatch(name)), "places that leave gaps")
        raise WeightsError(where, found=odd[:200], expected="arrays named 0000, 0001, ...", remedy=_AGAIN)
    return [arrays[name] for name in sorted(arrays)]


def weights_digest(weights: Iterable[NDArray]) -> str:
    """Return the sha256 of all weights in layer order: equal if and only if the bits are."""
    digest = hashlib.sha256()
    for values in weights:
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def tables_digest(tables: Mapping[str, NDArray]) -> str:
    """Return the sha256 of all tables, sorted by name: equal if and only if names, shapes and bits are."""
    digest = hashlib.sha256()
    for name, values in sorted(tables.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def digest_of(arrays: Mapping[str, NDArray], kind: str) -> str:
    """Return the digest that a log states as ``weights_sha256`` for a kind of method. Raises WeightsError."""
    return weights_digest(in_layer_order(arrays)) if kind == "network" else tables_digest(arrays)
