"""The names of files below a folder; and the error for a path that cannot be checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmark.core.errors import CloudMaskError

#: Returns the name shown for a path: its own, or one in the archive that it was unpacked from.
Shown = Callable[[Path], str]


class CheckError(CloudMaskError):
    """A path that cannot be checked."""


def names_below(root: Path, shown: Shown = str) -> Iterator[str]:
    """Yield everything below a folder except folders, as names relative to it.

    Names symbolic links but never follows them. Raises CheckError if a folder cannot be read, as
    logs in it would be missed.
    """

    def refuse(error: OSError) -> None:
        raise CheckError(
            shown(Path(error.filename or root)),
            found=error.strerror or str(error),
            expected="a folder that can be read",
            remedy="look at the folder's permissions and at the disk",
        ) from error

    for folder, folders, files in os.walk(root, onerror=refuse):
        relative = Path(folder).relative_to(root)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in [*files, *links]:
            yield (relative / name).as_posix()
