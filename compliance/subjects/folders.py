"""What lies below a folder, by names; and the error of a path that cannot be checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmark.core.errors import CloudMaskError

#: Gives the name by which a path is shown: its own, or that of the archive that it was unpacked from.
Shown = Callable[[Path], str]


class CheckError(CloudMaskError):
    """A path that cannot be checked."""


def names_below(root: Path, shown: Shown = str) -> Iterator[str]:
    """Everything below a folder that is not itself a folder, as names relative to it.

    Symbolic links are named, never followed. Raises CheckError where a folder cannot be read: a
    log in it would be missed.
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
