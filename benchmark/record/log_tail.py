"""The last lines of a log, as far as they tell how its run ended: a log is never read in full for that."""

from __future__ import annotations

from pathlib import Path

from benchmark.core.files import open_regular

#: Enough for a result and some hundred events before it.
_TAIL_BYTES = 65536


def last_lines(path: Path) -> list[str]:
    """The lines in the last 64 KiB of a text file, of which the first may be a part. Raises OSError."""
    with open_regular(path) as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()
