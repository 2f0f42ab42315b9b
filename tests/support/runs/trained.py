"""A checkout of this program with real runs of two methods on the tiny scenes, made as in the tutorial."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from benchmark import ROOT
from tests.support.documents.pages import command_lines
from tests.support.documents.tutorial import steps
from tests.support.project import TINY, make_tiny_scenes, program
from tests.support.runs.checkout import git

METHODS = ("unet", "bayes")
_CODE = ("benchmark", "requirements.lock", "LICENSE", ".gitignore")


def run_words() -> list[str]:
    """Return the arguments that the tutorial passes to ``cloudmask run``."""
    (line,) = command_lines(steps()[0][0])
    command, name, *words = shlex.split(line)
    assert (command, name) == ("cloudmask", "run")
    return words


def make_trained_place(place: Path) -> None:
    """Fill a folder with an unchanged checkout, and logs/METHOD with a run and its output.

    The configuration is the tiny one, under the quickstart's name.
    """
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", *_CODE], check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place / name)
    git(place, "init", "--quiet", "--initial-branch=main")
    git(place, "add", "--all")
    git(place, "-c", "user.name=Ada", "-c", "user.email=a@b.org", "commit", "--quiet", "--message", "Code")
    make_tiny_scenes(place)
    config = place / "quickstart.yaml"
    config.write_text(TINY.read_text().replace("name: tiny", "name: quickstart"))
    for method in METHODS:
        done = program(
            *("benchmark.run", "--config", config, "--method", method, *run_words()),
            *("--output", f"logs/{method}"),
            cwd=place,
            env={"PYTHONPATH": str(place)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (place / f"logs/{method}.said").write_text(done.stdout)
