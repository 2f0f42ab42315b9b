"""Read HDF5 files, even on a file system without locks."""

from __future__ import annotations

from pathlib import Path

import h5py

from benchmark.core.files import open_regular
from benchmark.core.locks import NO_LOCKS


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading. Raises OSError, also if its writer holds a lock on it."""
    open_regular(path).close()  # HDF5 would wait for a pipe's writer
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return h5py.File(path, "r", locking=False)
