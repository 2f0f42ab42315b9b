"""Draw how scenes become patches, and patches a mask (the paper's figure 1), from scene files."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from numpy.typing import NDArray

from benchmark.config.schema import Config
from benchmark.scenes.geometry import inference_patches, training_patches
from benchmark.scenes.render import false_colour
from benchmark.scenes.scene import read_scene
from submission.figures.palette import BLACK, SKY, VERMILLION
from submission.figures.scenes import THINNING, SceneMap
from submission.figures.style import new_figure, panel_title, without_ticks

#: Gap between patches that are drawn apart, as a fraction of their side.
GAP = 0.12


def preprocessing(config: Config, training: Path, inference: SceneMap) -> Figure:
    """Draw a training scene above (crop, patches, labels) and an inference scene below (tiles, mask).

    Raises SceneError.
    """
    geometry = config.geometry
    shape, patch = (geometry.rows, geometry.columns), geometry.patch
    scene = read_scene(training, shape)
    picture = false_colour(scene)
    figure = new_figure(4.6)
    axes = figure.subplots(2, 3, gridspec_kw={"wspace": 0.1})
    for axis in axes.flat:
        without_ticks(axis)
        axis.spines[:].set_visible(False)

    rows, columns = geometry.rows // patch, geometry.columns // patch
    _show(axes[0, 0], picture)
    top, left = (geometry.rows % patch) // 2, (geometry.columns % patch) // 2
    _frame(axes[0, 0], left, top, columns * patch, rows * patch, VERMILLION)
    panel_title(axes[0, 0], "a", f"Training scene, {shape[0]} × {shape[1]}")
    _below(axes[0, 0], f"centre of {rows * patch} × {columns * patch}, framed")
    _show(axes[0, 1], _apart(training_patches(picture, patch), columns))
    panel_title(axes[0, 1], "b", f"{rows} × {columns} patches")
    _below(axes[0, 1], f"{patch} × {patch} pixels, nine channels")
    _show(axes[0, 2], _apart(training_patches(scene.label.astype(np.float32), patch), columns))
    panel_title(axes[0, 2], "c", "Label of each patch")
    _below(axes[0, 2], "cloud is white")

    stride, edge = patch - geometry.crop, geometry.crop // 2
    down, across = (-(-size // stride) for size in shape)
    _show(axes[1, 0], _padded(false_colour(inference.scene), geometry.patch, geometry.crop))
    place = (down // 2 * stride, across // 2 * stride)
    _frame(axes[1, 0], place[1], place[0], patch, patch, VERMILLION)
    _frame(axes[1, 0], place[1] + stride, place[0], patch, patch, SKY)
    _frame(axes[1, 0], place[1] + edge, place[0] + edge, stride, stride, VERMILLION, "--")
    panel_title(axes[1, 0], "d", "Inference scene in zeros")
    _below(axes[1, 0], f"patches overlap by {geometry.crop} pixels\n(two are framed)")
    tiles = inference_patches(inference.probability.astype(np.float32) + 1, patch, geometry.crop) - 1
    tiles[tiles < 0] = np.nan  # outside the scene, not part of the mask
    _show(axes[1, 1], _apart(tiles[:, edge : edge + stride, edge : edge + stride], across), "cividis")
    panel_title(axes[1, 1], "e", f"{down} × {across} predictions")
    _below(axes[1, 1], f"the inner {stride} × {stride} of each is kept\n(dashed in d)")
    _show(axes[1, 2], inference.mask.astype(np.float32))
    axes[1, 2].spines[:].set_visible(True)
    panel_title(axes[1, 2], "f", "The mask put together")
    _below(axes[1, 2], f"probability above 0.5, {shape[0]} × {shape[1]},\nscored whole against the label")
    for row in axes:
        for before, after in itertools.pairwise(row):
            _arrow(figure, before, after)
    return figure


def _show(axes: Axes, image: NDArray, colours: str = "gray") -> None:
    """Show an image at reduced resolution with pixel numbers as coordinates; NaN shows the paper."""
    thin = image[::THINNING, ::THINNING]
    extent = (0, image.shape[1], image.shape[0], 0)
    axes.imshow(thin, cmap=colours, vmin=0, vmax=1, extent=extent)


def _frame(axes: Axes, left: int, top: int, width: int, height: int, colour: str, line: str = "-") -> None:
    axes.add_patch(
        Rectangle((left, top), width, height, fill=False, edgecolor=colour, linestyle=line, linewidth=1.4)
    )


def _below(axes: Axes, text: str) -> None:
    axes.set_xlabel(text, fontsize=8.5, labelpad=3)


def _apart(patches: NDArray, columns: int) -> NDArray:
    """Lay out patches [n, side, side(, 3)] with gaps in one image [R, C] or [R, C, 3]."""
    side = patches.shape[1]
    step = side + max(1, round(GAP * side))
    rows = len(patches) // columns
    paper = np.ones((rows * step, columns * step, *patches.shape[3:]), np.float32)
    if patches.ndim == 3:
        paper[...] = np.nan
    for number, patch in enumerate(patches):
        row, column = divmod(number, columns)
        paper[row * step : row * step + side, column * step : column * step + side] = patch
    return paper


def _padded(picture: NDArray, patch: int, crop: int) -> NDArray:
    """Return the picture with the zeros that inference adds around it, assembled from its patches."""
    stride = patch - crop
    down, across = (-(-size // stride) for size in picture.shape[:2])
    patches = inference_patches(picture, patch, crop)
    padded = np.zeros(((down - 1) * stride + patch, (across - 1) * stride + patch, 3), np.float32)
    for number, each in enumerate(patches):
        row, column = divmod(number, across)
        padded[row * stride : row * stride + patch, column * stride : column * stride + patch] = each
    return padded


def _arrow(figure: Figure, before: Axes, after: Axes) -> None:
    figure.add_artist(
        ConnectionPatch(
            (1.01, 0.5),
            (-0.01, 0.5),
            "axes fraction",
            "axes fraction",
            axesA=before,
            axesB=after,
            arrowstyle="-|>",
            color=BLACK,
            linewidth=0.9,
        )
    )
