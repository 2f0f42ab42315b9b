"""Small synthetic datasets, and the contents of their folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from benchmark.core.errors import SceneError
from benchmark.synthesis.dataset import ensure_dataset
from tests.support.project import SHAPE

SEED = 101


def make(root: Path, training: int = 3, inference: int = 2, **more) -> list[str]:
    """Make or find a small dataset; return the notices."""
    notices: list[str] = []
    options = {"seed": SEED, "shape": SHAPE, "on_notice": notices.append, **more}
    ensure_dataset(root, training_scenes=training, inference_scenes=inference, **options)
    return notices


def contents(root: Path) -> dict[str, str]:
    """Return the digest of every file below a folder, except the lock."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Return inode and modification time of every scene: they reveal a file that was written again."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in root.rglob("*.hdf")}


def refusal(*arguments, **more) -> SceneError:
    with pytest.raises(SceneError) as caught:
        make(*arguments, **more)
    return caught.value
