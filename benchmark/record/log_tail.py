"""Read the last lines of a log, which say how its run ended, without reading all of it."""

from __future__ import annotations

from pathlib import Path

from benchmark.core.files import open_regular

#: Enough for a result and about a hundred events before it.
_TAIL_BYTES = 65536


def last_lines(path: Path) -> list[str]:
    """Return the lines in the last 64 KiB of a text file; the first may be incomplete. Raises OSError."""
    with open_regular(path) as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()
