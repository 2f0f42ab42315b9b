"""cloudmask COMMAND ..., or python -m benchmark COMMAND ...: every command of the package under one name.

Commands are named, not imported, so that each starts as fast as its own module and this room depends on
no other.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import sys
from typing import NamedTuple


class Command(NamedTuple):
    """A command: the module whose ``main`` it is, and what it does."""

    module: str
    does: str


COMMANDS = {
    "run": Command("benchmark.run", "train, score and log one run"),
    "sweep": Command("benchmark.sweep.__main__", "plan, submit, watch, stop, resume and collect many runs"),
    "check": Command("compliance.check", "judge logs, system descriptions and submission trees by the rules"),
    "package": Command("submission.package", "bundle runs into a submission"),
    "verify": Command("submission.verify.__main__", "verify a bundle, score it again, repeat a run"),
    "system": Command("submission.system.__main__", "detect, check and show system descriptions"),
    "leaderboard": Command("submission.leaderboard", "tables over several bundles"),
    "predict": Command("benchmark.predict.__main__", "cloud masks of products and scenes, by a finished run"),
    "products": Command("benchmark.products.__main__", "turn satellite products into scenes to train on"),
    "sst": Command("benchmark.sst", "score masks by sea surface temperatures of buoys"),
    "methods": Command("benchmark.methods.__main__", "list and show methods, begin one of your own"),
    "compare": Command("benchmark.comparison.__main__", "compare the runs of several methods"),
    "download": Command("benchmark.download.__main__", "fetch the observed scenes"),
    "synthesis": Command("benchmark.synthesis.__main__", "make synthetic scenes"),
    "croissant": Command("benchmark.croissant", "write the Croissant description of a data set"),
    "bench": Command("benchmark.bench.__main__", "measure speed and memory of training and inference"),
    "bench-check": Command("compliance.bench", "measure the checker against the upstream one"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the first word names. Returns its exit status; 2 for an unknown one."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"cloudmask {importlib.metadata.version('cloudmask-benchmark')}")
        return 0
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        print(
            f"error: COMMAND\n  found:    {name!r}\n  expected: one of {', '.join(COMMANDS)}\n"
            f"  remedy:   {f'did you mean {near[0]}?' if near else 'see cloudmask --help'}",
            file=sys.stderr,
        )
        return 2
    status: int = importlib.import_module(COMMANDS[name].module).main(rest)
    return status


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.does}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: cloudmask COMMAND ...    (cloudmask COMMAND --help tells more)",
            "",
            "The MLCommons Science CloudMask benchmark: from scenes to a verified submission.",
            "",
            *lines,
            "",
            "  --version    the version of the package",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
