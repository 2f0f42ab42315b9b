"""The paths in a test bundle, and the findings of one rule in a tree."""

from __future__ import annotations

from pathlib import Path

from compliance import registry
from compliance.rules import RULE_BY_ID
from compliance.subjects.discover import discover

ORG = "New-York-University"
SCIENCE = f"{ORG}/cloudmask/test-node/quick"
GENERAL = f"{ORG}/benchmarks/cloudmask/implementations/test-node"
CODE = f"{ORG}/benchmarks/cloudmask/implementations/tensorflow"
RESULTS = f"{ORG}/results/test-node/cloudmask"
SYSTEM = f"{ORG}/systems/test-node.json"
MANIFEST = "MANIFEST.sha256"


def findings(rule: str, root: Path) -> list[tuple[str, int | None, str, str]]:
    """Return (path from the root, line, found, expected) of one rule's findings in a tree."""
    (subject,) = discover(root).trees
    found = registry.judge(RULE_BY_ID[rule], subject)
    assert {each.rule for each in found} <= {rule}, found
    return [(named(Path(each.path), root), each.line, each.found, each.expected) for each in found]


def named(path: Path, root: Path) -> str:
    """Return the path relative to the root; "" for the root itself."""
    return path.relative_to(root).as_posix() if path != root else ""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def expected_by(rule: str) -> str:
    return RULE_BY_ID[rule].expected
