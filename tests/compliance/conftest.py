"""Logs of two runs to check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.logs.hand_logs import COMPLETED, second_run
from tests.support.written import write


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder logs/ of two runs, below the working folder."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "logs/quickstart-seed-1/result.txt", COMPLETED)
    write(tmp_path / "logs/quickstart-seed-2/result.txt", second_run())
    return Path("logs")
