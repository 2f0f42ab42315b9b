"""Open a Sentinel-3 SLSTR level-1 product as it is distributed: a .SEN3 folder, or its zip.

A zip is not unpacked: one file at a time is read into memory. Names and sizes are checked before anything is
opened, and only numbers are read from a file. Format: docs/products.md.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import h5py

from benchmark.core.errors import CloudMaskError
from benchmark.core.files import open_regular, reason_of
from benchmark.core.hdf5 import open_hdf5

SUFFIX = ".SEN3"
MANIFEST = "xfdumanifest.xml"
#: Most bytes to read from a file: a product's largest has about 30 million.
LARGEST_FILE = 512 << 20
LARGEST_MANIFEST = 4 << 20
#: Most files of a product: it has 111.
MOST_FILES = 1000
AGAIN = "download the product again"

#: Exceptions raised when a damaged file is opened or decompressed.
UNREADABLE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)

#: The name of a level-1 product without its suffix; everything made from the product is named after it.
NAME = re.compile(r"S3[A-D]_SL_1_RBT_\w{20,100}", re.ASCII)
#: A manifest's entry for a file: its size in bytes, and its path.
_STATED = re.compile(
    r'<byteStream[^>]*\bsize="(\d{1,12})"[^>]*>\s*<fileLocation[^>]*\bhref="(?:\./)?([^"/]+)"'
)


class ProductError(CloudMaskError):
    """A product that cannot be used."""


@dataclass(frozen=True)
class Product:
    """An open product.

    path: the path as given. name: without .SEN3. sizes: bytes of each file by name, only for files directly
    in the product.
    """

    path: Path
    name: str
    sizes: Mapping[str, int]
    #: Bytes of the files according to the manifest; empty without a manifest.
    stated: Mapping[str, int]
    _load: Callable[[str], Path | BinaryIO]

    def __contains__(self, file: str) -> bool:
        return file in self.sizes

    def where(self, file: str) -> str:
        """Return the name of a file of the product for messages."""
        return f"{self.path}: {file}"

    @contextlib.contextmanager
    def open(self, file: str) -> Iterator[h5py.File]:
        """Open a NetCDF-4 file of the product for reading. Raises ProductError."""
        self._check(file)
        expected = "a complete NetCDF-4 file"
        try:
            source = self._load(file)
            opened = open_hdf5(source) if isinstance(source, Path) else h5py.File(source, "r")
        except UNREADABLE as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            found = f"{self.sizes[file]} bytes that cannot be read ({reason})"
            raise ProductError(self.where(file), found=found, expected=expected, remedy=AGAIN) from None
        with opened:
            yield opened

    def _check(self, file: str) -> None:
        if file not in self.sizes:
            listed = ", ".join(sorted(self.sizes)[:8]) or "nothing"
            more = f" and {len(self.sizes) - 8} more" if len(self.sizes) > 8 else ""
            raise ProductError(
                self.where(file),
                found=f"missing; the product holds {listed}{more}",
                expected=file,
                remedy=AGAIN,
            )
        size, stated = self.sizes[file], self.stated.get(file)
        if stated not in (None, size):
            expected = f"{stated} bytes, as {MANIFEST} states"
            raise ProductError(self.where(file), found=f"{size} bytes", expected=expected, remedy=AGAIN)
        if size > LARGEST_FILE:
            expected = f"at most {LARGEST_FILE} bytes"
            raise ProductError(self.where(file), found=f"{size} bytes", expected=expected, remedy=AGAIN)


@contextlib.contextmanager
def open_product(path: Path) -> Iterator[Product]:
    """Open the product in a .SEN3 folder or in a zip. Raises ProductError."""
    with contextlib.ExitStack() as stack:
        if path.is_dir():
            folder = Path(str(path).rstrip("/"))
            name, sizes = _name(path, folder.resolve().name), _sizes_in(folder)

            def load(file: str) -> Path | BinaryIO:
                return folder / file

        else:
            archive = stack.enter_context(_open_zip(path))
            top, members = _members(path, archive)
            name, sizes = _name(path, top), {file: member.file_size for file, member in members.items()}

            def load(file: str) -> Path | BinaryIO:
                # decompresses no more than the archive states, and compares the checksum
                return io.BytesIO(archive.read(members[file]))

        yield Product(path, name, sizes, _stated(path, sizes, load), load)


def _name(path: Path, found: str) -> str:
    name = found.removesuffix(SUFFIX)
    if not found.endswith(SUFFIX) or not NAME.fullmatch(name):
        raise ProductError(
            path,
            found=f"a product called {found!r}",
            expected=f"an SLSTR level-1 product: S3A_SL_1_RBT____…{SUFFIX}, a folder or a zip of one",
            remedy="pass the folder or the zip itself, under its original name",
        )
    return name


def _sizes_in(folder: Path) -> dict[str, int]:
    try:
        return {entry.name: entry.stat().st_size for entry in folder.iterdir() if entry.is_file()}
    except OSError as error:
        expected = "a folder that can be read"
        raise ProductError(
            folder, found=reason_of(error), expected=expected, remedy="look at its permissions"
        ) from None


@contextlib.contextmanager
def _open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    expected = f"a {SUFFIX} folder, or the zip of one"
    try:
        stream = open_regular(path)
    except OSError as error:
        remedy = "correct the path, or look at its permissions"
        raise ProductError(path, found=reason_of(error), expected=expected, remedy=remedy) from None
    with stream:
        try:
            archive = zipfile.ZipFile(stream)
        except Exception as error:  # a damaged archive may raise almost anything
            found = f"a file that is not a complete zip ({error})"
            raise ProductError(path, found=found, expected=expected, remedy=AGAIN) from None
        with archive:
            yield archive


def _members(path: Path, archive: zipfile.ZipFile) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """Return the one folder of a zip, and the files directly in it by name."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    names = [member.filename for member in members]
    parts = {name: PurePosixPath(name).parts for name in names}
    unsafe = [name for name in names if name.startswith("/") or ".." in parts[name] or not parts[name]]
    tops = sorted({part[0] for part in parts.values() if part})
    if unsafe:
        found = f"a file called {unsafe[0]!r}"
    elif len(members) > MOST_FILES:
        found = f"{len(members)} files"
    elif len(tops) != 1:
        found = f"{len(tops)} entries at the top" + (f", such as {tops[0]!r}" if tops else "")
    else:
        return tops[0], {parts[m.filename][1]: m for m in members if len(parts[m.filename]) == 2}
    expected = f"one folder S3A_SL_1_RBT____…{SUFFIX} with up to {MOST_FILES} files in it"
    raise ProductError(path, found=found, expected=expected, remedy=f"{AGAIN}, or pass an unpacked folder")


def _stated(path: Path, sizes: Mapping[str, int], load: Callable[[str], Path | BinaryIO]) -> dict[str, int]:
    """Return the sizes that the manifest states. Its text is searched, not interpreted as XML."""
    if MANIFEST not in sizes:
        return {}
    try:
        if sizes[MANIFEST] > LARGEST_MANIFEST:
            raise OSError(f"{sizes[MANIFEST]} bytes")
        source = load(MANIFEST)
        with open_regular(source) if isinstance(source, Path) else source as stream:
            text = stream.read(LARGEST_MANIFEST).decode("utf-8", "replace")
    except UNREADABLE as error:
        raise ProductError(
            f"{path}: {MANIFEST}",
            found=f"a file that cannot be read ({error})",
            expected="text",
            remedy=AGAIN,
        ) from None
    return {href: int(size) for size, href in _STATED.findall(text)}
