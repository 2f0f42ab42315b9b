"""The inputs of a bundle's documents: the same for the packager and the verifier."""

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
