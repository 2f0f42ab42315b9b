"""python -m tests.support.documents.tutorial: run the tutorial's commands and write what they say into it.

Works in a clone of the last commit in a temporary folder, which ``--keep DIR`` keeps. Takes ten minutes on
two cores.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmark import ROOT
from tests.support.documents.pages import Block, blocks

PAGE = ROOT / "docs" / "tutorial.md"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def steps() -> list[tuple[Block, Block]]:
    """Return each block of commands with the block of its output."""
    found = list(blocks(PAGE))
    return [(found[i - 1], block) for i, block in enumerate(found) if block.is_output]


def run_steps(place: Path) -> list[str]:
    """Run every step in a clone of this repository; return the output of each."""
    if not (place / ".git").exists():
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(place)], check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(place), "COLUMNS": "110"}
    said = []
    for commands, _ in steps():
        print(commands.text, end="", flush=True)
        done = subprocess.run(
            ["bash", "-c", commands.text],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said.append(_COLOUR.sub("", done.stdout).replace(str(place), "."))
        print(said[-1], flush=True)
    return said


def with_outputs(text: str, outputs: list[str]) -> str:
    """Replace the outputs in the page by these."""
    rest = iter(outputs)
    return re.sub(
        r"(<!-- output -->\n```text\n).*?(```)",
        lambda m: f"{m[1]}{next(rest).rstrip()}\n{m[2]}",
        text,
        flags=re.S,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the clone with runs and bundle there")
    kept = parser.parse_args(arguments).keep
    with tempfile.TemporaryDirectory() as temporary:
        outputs = run_steps(kept or Path(temporary) / "cloudmask")
    PAGE.write_text(with_outputs(PAGE.read_text(encoding="utf-8"), outputs), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
