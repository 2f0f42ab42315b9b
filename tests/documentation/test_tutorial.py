"""The tutorial's commands, run on small scenes, say what the page shows; the numbers differ."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import ROOT
from tests.support.documents.pages import Block
from tests.support.documents.tutorial import steps

pytestmark = pytest.mark.slow

STEPS = steps()
#: What differs between two machines, or between these scenes and the reader's, and what stands for it.
DIFFERENT = (
    (r"(It takes|The progress bar will show) .*\. Ctrl-C", "It takes so long. Ctrl-C"),
    (r"\d-node-[a-z0-9-]+", "SYSTEM"),
    (r"\b[0-9a-f]{12,64}\b|\d[\d.,:]*", "N"),
    (r"NOT reached", "reached"),
    (r"DOES NOT BEAT", "beats"),
    (r"\b(error|warning|note)s\b", r"\1"),
    (r"logs/unet/", "logs/"),
    (r"[─━═ \t]+", " "),
)


@pytest.fixture(scope="module")
def checkout(trained_place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's checkout after the first command, which the runs of ``trained_place`` were made with."""
    place = tmp_path_factory.mktemp("tutorial") / "cloudmask"
    shutil.copytree(trained_place, place, ignore=shutil.ignore_patterns("logs", "data"))
    shutil.copytree(trained_place / "logs" / "unet", place / "logs")
    (place / "data").symlink_to(trained_place / "data")
    command = place.parent / "cloudmask.sh" / "cloudmask"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m benchmark "$@"\n')
    command.chmod(0o755)
    return place


def shape(said: str) -> list[str]:
    """The lines of an output without what may differ."""
    for pattern, common in DIFFERENT:
        said = re.sub(pattern, common, said)
    return [line.strip() for line in said.splitlines()]


def unsaid(shown: Block, said: str) -> list[str]:
    """The lines of the page that the commands did not say. On small scenes they may say more."""
    found = shape(said)
    return [line for line in shape(shown.text) if line not in found]


def said_by(block: Block, place: Path) -> str:
    path = f"{place.parent / 'cloudmask.sh'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", block.text],
        cwd=place,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "110"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout.replace(str(place), ".")


def test_the_first_step_is_the_run(trained_place: Path) -> None:
    """Whose command the fixture has taken from the page."""
    commands, shown = STEPS[0]
    assert commands.text.startswith("cloudmask run ")
    assert unsaid(shown, (trained_place / "logs" / "unet.said").read_text()) == []


def test_every_other_step_says_what_the_page_shows(checkout: Path) -> None:
    for commands, shown in STEPS[1:]:
        if not commands.not_run:
            assert unsaid(shown, said_by(commands, checkout)) == [], commands.place
