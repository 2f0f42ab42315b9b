"""What the command line chooses for a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Choices that leave the results as they are; the configuration determines those."""

    #: Folder of the patch stores, which outlive the run.
    stage_dir: Path
    #: Whether scenes that cannot be used are left out.
    skip_bad: bool = False
    #: Whether the last checkpoint of an earlier process is continued.
    resume: bool = False
    #: Whether scalars for TensorBoard are written.
    tensorboard: bool = False
