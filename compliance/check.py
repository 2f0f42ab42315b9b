"""Check logs, system descriptions and submission trees against the rules.

    python -m compliance.check logs/

Exit status: 0 no errors (there may be warnings), 1 errors found, 2 the check could not
do its work.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import CloudMaskError
from compliance import registry, rules  # noqa: F401 (rules: importing it registers them)
from compliance.discover import discover
from compliance.finding import Finding


@dataclass(frozen=True)
class Report:
    """What a check saw and found. ``failures`` are the paths that could not be checked."""

    findings: tuple[Finding, ...] = ()
    failures: tuple[CloudMaskError, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings of each severity."""
        seen = Counter(finding.severity for finding in self.findings)
        return {"error": seen["error"], "warning": seen["warning"], "note": seen["note"]}

    @property
    def exit_code(self) -> int:
        """0 no errors, 1 errors found, 2 something could not be checked."""
        return 2 if self.failures else min(1, self.counts["error"])


def check_paths(paths: Iterable[str | os.PathLike[str]]) -> Report:
    """Check every path; what cannot be checked is a failure of the report, not an exception."""
    findings: list[Finding] = []
    failures: list[CloudMaskError] = []
    for path in paths:
        try:
            found = discover(Path(path))
        except CloudMaskError as error:
            failures.append(error)
            continue
        for tree in found.trees:
            findings.extend(registry.run("tree", tree))
    return Report(tuple(findings), tuple(failures))
