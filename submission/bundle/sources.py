"""What the documents of a bundle are made of: the same when it is packaged and when it is verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from submission.bundle.provenance import Provenance
from submission.bundle.repository import Commit
from submission.runs.runs import RunSet


@dataclass(frozen=True)
class Sources:
    """The runs, the commit of their code, the description of their system, and how they were packaged."""

    runs: RunSet
    commit: Commit
    system: Mapping[str, str]
    provenance: Provenance
