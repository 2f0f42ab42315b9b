"""An experiment of three runs, and stand-ins for Slurm's programs."""

from __future__ import annotations

from pathlib import Path

import yaml

from benchmark.sweep import __main__ as sweep
from tests.support.project import ROOT, TINY

LOGS = ROOT / "tests" / "data" / "logs"


def write(place: Path, **fields: object) -> None:
    tree = {"name": "three", "config": str(TINY), "repeats": 3, "resources": {"hours": 1}, **fields}
    (place / "three.yaml").write_text(yaml.safe_dump(tree))


def slurm_command(place: Path, name: str, text: str) -> None:
    """Write a stand-in for a Slurm command that records its calls."""
    path = place / "bin" / name
    path.write_text(f"#!/bin/sh\necho \"{name} $*\" >>'{place.parent}/calls'\n{text}\n")
    path.chmod(0o755)


def calls(place: Path) -> list[str]:
    return (place.parent / "calls").read_text().splitlines()


def call(verb: str, *arguments: str, site: str = "site.yaml") -> int:
    return sweep.main([verb, "three.yaml", *arguments, "--site", site])


def folder(place: Path) -> Path:
    return place / "logs" / "three"


def left_in(path: Path) -> set[str]:
    return {found.relative_to(path).as_posix() for found in path.rglob("*")}
