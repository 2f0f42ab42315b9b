"""The pictures of scenes once more, small, for the report that shows all of them in one file.

They are made when the runs are packaged and lie next to the figures, so that whoever verifies
the bundle needs no scenes to make the report again.
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
#: Pixels of a small picture's width, and what its compression keeps (0 to 100).
WIDTH, QUALITY = 800, 80


def shrink_figures(folder: Path) -> None:
    """Write a small picture next to every figure of scenes in a folder, aside and renamed."""
    names = [name for name in drawn(folder) if needs_scenes(name)]
    for _ in forked([partial(_shrink, folder / f"{name}.png", folder / f"{name}{SUFFIX}") for name in names]):
        pass


def data_uri(folder: Path, name: str) -> str:
    """The small picture of a figure as an address that holds it, or nothing where there is none."""
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
