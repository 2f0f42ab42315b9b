"""The packager's files, and its messages when it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.core.files import sha256_of
from submission.package import main

BUNDLE = "demonstration-New-York-University-cloudmask-test-node-quick"


def contents(folder: Path) -> dict[str, str]:
    """Return name -> sha256 ("" for a folder) of everything below a folder."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path) if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    """Return the packager's message when it refuses; check that it left nothing in dist/."""
    assert main(list(arguments)) == status
    assert not Path("dist").is_dir() or list(Path("dist").iterdir()) == []
    return capsys.readouterr().err
