"""python -m tests.support.documents.pictures RUN: the pictures of the documentation, from a real run.

Makes docs/pictures/{scenes,geometry,curves}.webp, and with ``--bundle`` report.webp. The notebook's come from
``python -m tests.support.documents.notebook FIRST SECOND --pictures``.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark import ROOT
from benchmark.config.files import load_config
from benchmark.config.schema import Config
from benchmark.record.run_folder import RunFolder
from benchmark.scenes.geometry import _centre
from benchmark.scenes.render import false_colour
from benchmark.scenes.scene import discover, read_scene
from benchmark.training.plots import plot_scenes, plt

PICTURES = ROOT / "docs" / "pictures"
#: Positions of the scenes in the first picture: a coast by day, stratus by night.
SHOWN = (2, 7)
#: Colours of the borders of an inference tile and of a training patch.
TILE, PATCH = "#E69F00", "#56B4E9"
QUALITY = 60


def save(picture: Image.Image, name: str, width: int) -> None:
    """Write a small WebP of this width."""
    PICTURES.mkdir(exist_ok=True)
    height = round(picture.height * width / picture.width)
    small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    path = PICTURES / f"{name}.webp"
    small.save(path, quality=QUALITY, method=6)
    print(f"wrote {path.relative_to(ROOT)}: {width} x {height}, {path.stat().st_size / 1000:.0f} kB")


def scenes(folder: RunFolder, config: Config, paths: list[Path]) -> Image.Image:
    """Draw two scenes with label, probability and errors, like the run's own picture of all scenes."""
    with tempfile.TemporaryDirectory() as place:
        drawn = Path(place) / "scenes.png"
        chosen = [(paths[i], folder.mask(paths[i].stem)) for i in SHOWN]
        plot_scenes(drawn, chosen, (config.geometry.rows, config.geometry.columns), "")
        with Image.open(drawn) as picture:
            return picture.copy()


def geometry(config: Config, path: Path) -> Image.Image:
    """Draw a scene with its training patches, and with the tiles that inference keeps."""
    sizes = config.geometry
    shape = (sizes.rows, sizes.columns)
    picture = false_colour(read_scene(path, shape))
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    (top, rows), (left, columns) = (_centre(size, sizes.patch) for size in shape)
    kept = sizes.patch - sizes.crop
    # the tiles extend beyond the scene, by the same amount on each side
    across, along = (range(-((-size % kept) // 2), size, kept) for size in reversed(shape))
    places = {
        "training: 20 patches of 256 x 256": (
            [(left + sizes.patch * j, top + sizes.patch * i) for i in range(rows) for j in range(columns)],
            (sizes.patch, PATCH),
        ),
        "inference: 63 tiles of 176 x 176, each the middle of a patch": (
            [(x, y) for y in along for x in across],
            (kept, TILE),
        ),
    }
    for axis, (title, (corners, (size, colour))) in zip(axes, places.items(), strict=True):
        axis.imshow(np.clip(picture, 0, 1))
        for x, y in corners:
            axis.add_patch(plt.Rectangle((x, y), size, size, fill=False, edgecolor=colour, linewidth=1.2))
        axis.set(title=title, xticks=[], yticks=[], xlim=(0, shape[1]), ylim=(shape[0], 0))
    encoded = io.BytesIO()
    figure.savefig(encoded, dpi=120, format="png")
    plt.close(figure)
    return Image.open(encoded)


def report(bundle: Path) -> Image.Image:
    """Show the top of a bundle's report, as in a browser."""
    from playwright.sync_api import sync_playwright

    from tests.support.surroundings.browser import OPTIONS, PROGRAM, Tab

    (path,) = bundle.glob("*/cloudmask/*/*/report.html")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        tab = Tab(chromium)
        tab.open(path, 1000)
        shown = tab.screenshot().crop((0, 0, 1000, 1150))
        chromium.close()
    return shown


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path, help="folder of a quickstart run, such as logs/quickstart-seed-1")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="folder of a bundle, for its report")
    options = parser.parse_args(arguments)
    folder = RunFolder(options.run)
    config = load_config(folder.config)
    paths = discover(Path(config.data.inference))
    save(scenes(folder, config, paths), "scenes", 1000)
    save(geometry(config, paths[SHOWN[0]]), "geometry", 1000)
    with Image.open(folder.curves_plot) as curves:
        save(curves, "curves", 800)
    if options.bundle:
        save(report(options.bundle), "report", 800)
    return 0


if __name__ == "__main__":
    sys.exit(main())
