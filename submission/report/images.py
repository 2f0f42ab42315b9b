"""Small copies of the scene figures, for the report, which shows all of them in one file.

The packager puts them next to the figures, so that the verifier can write the report again
without the scenes.
"""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path

from PIL import Image

from benchmark.core.files import write_aside
from benchmark.core.processes import forked
from submission.figures.catalogue import drawn, needs_scenes

SUFFIX = ".webp"
#: Width of a small image in pixels, and quality of its compression (0 to 100).
WIDTH, QUALITY = 800, 80


def shrink_figures(folder: Path) -> None:
    """Write a small image next to every scene figure in a folder, each aside and then renamed."""
    names = [name for name in drawn(folder) if needs_scenes(name)]
    for _ in forked([partial(_shrink, folder / f"{name}.png", folder / f"{name}{SUFFIX}") for name in names]):
        pass


def data_uri(folder: Path, name: str) -> str:
    """Return a figure's small image as a data URI, or "" if there is none."""
    path = folder / f"{name}{SUFFIX}"
    if not path.is_file():
        return ""
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _shrink(source: Path, path: Path) -> None:
    with Image.open(source) as image:
        size = (WIDTH, round(image.height * WIDTH / image.width))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    with write_aside(path) as part:
        small.save(part, "WEBP", quality=QUALITY, method=6)
        part.chmod(0o644)
