"""HDF5 files, read also where the file system has no locks."""

from __future__ import annotations

from pathlib import Path

import h5py

from benchmark.core.files import open_regular
from benchmark.core.locks import NO_LOCKS


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file to read. Raises OSError, also where its writer holds it locked."""
    open_regular(path).close()  # HDF5 waits for the writer of a pipe
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return h5py.File(path, "r", locking=False)
