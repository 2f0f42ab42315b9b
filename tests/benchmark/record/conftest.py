"""Accelerators that no variable hides."""

from __future__ import annotations

import pytest


@pytest.fixture
def all_devices_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every accelerator may be used, whatever this machine's environment says."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
