"""Checkpoints: all that training needs to continue with the same bits. Complete, or absent.

A checkpoint is one ``.npz`` file: the progress as JSON, weights and optimizer as arrays, each with the
format's own checksum. It is written aside, forced to disk and renamed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.core.files import write_aside

_SUFFIX = ".checkpoint.npz"


@dataclass
class Progress:
    """How far training has got: all of its state except weights and optimizer."""

    #: Complete epochs, each with its evaluation.
    epoch: int = 0
    #: Steps of the current epoch, their losses, and the pixels they classified.
    step: int = 0
    losses: list[float] = field(default_factory=list)
    correct: int = 0
    pixels: int = 0
    #: The measurements of each complete epoch.
    rows: list[dict[str, Any]] = field(default_factory=list)

    def end_epoch(self, row: dict[str, Any]) -> None:
        self.epoch, self.step, self.losses, self.correct, self.pixels = self.epoch + 1, 0, [], 0, 0
        self.rows.append(row)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read from a file."""

    progress: Progress
    tensors: list[NDArray]
    #: The log at the time of the checkpoint: size in bytes and sha256.
    log_size: int
    log_sha256: str
    #: Milliseconds since 1970, by that log's clock.
    time_ms: int


def save_checkpoint(
    folder: Path,
    progress: Progress,
    tensors: Sequence[NDArray],
    log: tuple[int, str],
    time_ms: int,
    keep: int,
) -> Path:
    """Write a checkpoint into ``folder``, made at ``time_ms`` of the log; keep only the last ``keep``."""
    path = folder / f"{progress.epoch:05}-{progress.step:06}{_SUFFIX}"
    state = {
        "progress": dataclasses.asdict(progress),
        "log_size": log[0],
        "log_sha256": log[1],
        "time_ms": time_ms,
        "tensors": len(tensors),
    }
    arrays: dict[str, Any] = {f"t{i}": values for i, values in enumerate(tensors)}
    with write_aside(path, durable=True) as part:
        np.savez(part, state=np.frombuffer(json.dumps(state).encode(), np.uint8), **arrays)
    for old in checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Return all checkpoints of a folder, the latest last."""
    return sorted(folder.glob(f"[0-9]*{_SUFFIX}"))


def latest_checkpoint(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """Return the latest readable checkpoint; call ``warn`` with a line for each unreadable one."""
    for path in reversed(checkpoints(folder)):
        try:
            return _read(path)
        except Exception as error:  # a damaged archive may raise almost anything
            warn(f"{path} cannot be read ({error}); going back to the checkpoint before it")
    return None


def remove_checkpoints(folder: Path) -> None:
    """Remove the files that only an unfinished run needs."""
    for path in [*checkpoints(folder), *folder.glob(f".part-*{_SUFFIX}")]:
        path.unlink()


def _read(path: Path) -> Checkpoint:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        state = json.loads(file["state"].tobytes())
        tensors = [file[f"t{i}"] for i in range(state["tensors"])]
    progress = Progress(**state["progress"])
    return Checkpoint(progress, tensors, state["log_size"], state["log_sha256"], state["time_ms"])
