"""Rules on a run's files as such: a file that cannot be read is no evidence."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.registry import Problem, folder_rule, problem
from compliance.subjects.evidence.evidence import Evidence

RECORDS = "the files of a run are records: restore them from where it was made, or make the run again"


@folder_rule(
    "folder-file",
    severity="warning",
    clause="house",
    expected="a regular file that can be read, of no more than some megabytes",
    remedy="put the file itself in its place, or remove the entry",
)
def folder_file(evidence: Evidence) -> Iterator[Problem]:
    """The files of a run should be files that can be read. The checker follows no links and opens no pipes or
    devices, so it compares nothing in their place with the log."""
    evidence.read_all()
    for name, found in sorted(evidence.unread.items()):
        yield problem(found, path=evidence.shown(name))


@folder_rule(
    "folder-unjudged",
    severity="note",
    clause="house",
    expected="every file compared with the log",
    remedy="check with the complete environment of the benchmark (docs/dependencies.md)",
)
def folder_unjudged(evidence: Evidence) -> Iterator[Problem]:
    """Weights and masks may be compared only where the packages that read them are installed."""
    evidence.read_all()
    packages = dict.fromkeys(evidence.unjudged.values())
    for package in packages:
        names = [name for name, needed in sorted(evidence.unjudged.items()) if needed == package]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield problem(f"{names[0]}{more} not read: {package} is not installed", path=evidence.path)
