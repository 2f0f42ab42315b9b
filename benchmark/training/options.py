"""Options of the command line for a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Choices that do not affect the results; the configuration determines those."""

    #: Folder of the patch stores, which outlive the run.
    stage_dir: Path
    #: Whether to leave out scenes that cannot be used.
    skip_bad: bool = False
    #: Whether to continue from the last checkpoint of an earlier process.
    resume: bool = False
    #: Whether to write scalars for TensorBoard.
    tensorboard: bool = False
