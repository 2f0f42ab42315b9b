"""Bundles of two runs typed by hand, changes to their files, and the verifier's findings."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

from compliance.finding import Finding
from submission import package as packager
from submission.bundle.archive import manifest_text
from tests.support.runs.checkout import git, make_checkout
from tests.support.runs.hand_runs import CONFIG, write_run

BUNDLE = "demonstration-New-York-University-cloudmask-test-node-quick"
SCIENCE = "New-York-University/cloudmask/test-node/quick"
IMPLEMENTATIONS = "New-York-University/benchmarks/cloudmask/implementations"
SYSTEM = "New-York-University/systems/test-node.json"
DOCUMENT = f"{SCIENCE}/scientific_contribution.md"


def make_bundle(place: Path, *, config: str = CONFIG, lock: str = "") -> Path:
    """Make a bundle of two runs from a checkout with this lock."""
    make_checkout(place)
    (place / "requirements.lock").write_text(lock)
    git(place, "commit", "--quiet", "--allow-empty", "--all", "--message", "Lock")
    for seed in (1, 2):
        write_run(place / "logs", seed, git(place, "rev-parse", "HEAD"), config=config)
    options = packager.Options([place / "logs"], place / "dist", checkout=place)
    return packager.package(options)


def drawing_lock() -> str:
    """Return a lock with the installed drawing packages, so that figures are compared."""
    names = ("matplotlib", "typst", "numpy")
    return "".join(f"{name}=={importlib.metadata.version(name)} \\\n    --hash=sha256:0\n" for name in names)


def restamp(root: Path) -> None:
    """Write the manifest again, like someone who changes a bundle on purpose."""
    (root / "MANIFEST.sha256").write_text(manifest_text(root))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def errors(findings: tuple[Finding, ...], root: Path) -> list[tuple[str, str, int | None]]:
    """Return rule, file and line of each error."""
    return [
        (each.rule, each.path.removeprefix(f"{root}/"), each.line)
        for each in findings
        if each.severity == "error"
    ]


def files_of(root: Path, *patterns: str) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(path for path in root.glob(pattern) if path.is_file())
