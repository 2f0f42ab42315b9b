"""Draw two pictures of a run: the curves of its epochs, and its scenes with mask and errors."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from benchmark.config.schema import Config
from benchmark.core.files import write_aside
from benchmark.core.hdf5 import open_hdf5
from benchmark.record.run_folder import RunFolder
from benchmark.scenes.render import false_colour, outcome
from benchmark.scenes.scene import read_scene, short_name

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

#: Blue and orange of Okabe and Ito, distinguishable for colour-blind readers.
TRAINING, VALIDATION, TARGET = "#0072B2", "#E69F00", "#666666"
#: Colours of an error map, in the order of ``outcome``: correct clear and cloud, missed and false cloud.
OUTCOMES = {"clear": "#1B3B5A", "cloud": "#FFFFFF", "missed cloud": "#D55E00", "false cloud": "#F0E442"}
SCENES_SHOWN = 8
#: Every fourth pixel is enough for a contact sheet.
THINNING = 4
RESOLUTION = 120


def plot_run(folder: RunFolder, config: Config, result: dict[str, Any], inference: Sequence[Path]) -> None:
    """Draw the pictures of a complete run from its own files; without epochs, no curves."""
    kind = "" if config.data.kind == "slstr" else " (synthetic scenes)"
    title = f"{config.run_name}{kind}: {result['metric'].replace('_', ' ')} {result['value']:.4f}"
    if folder.metrics.exists():
        with folder.metrics.open(encoding="utf-8", newline="") as file:
            epochs = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        plot_curves(folder.curves_plot, epochs, result["best_epoch"], config.quality_target, title)
    scored = [path for path in inference if folder.mask(path.stem).exists()]
    shown = np.unique(np.linspace(0, len(scored) - 1, min(SCENES_SHOWN, len(scored))).astype(int))
    shape = (config.geometry.rows, config.geometry.columns)
    plot_scenes(folder.scenes_plot, [(scored[i], folder.mask(scored[i].stem)) for i in shown], shape, title)


def plot_curves(path: Path, epochs: Sequence[dict], best_epoch: int, target: float, title: str) -> None:
    """Plot loss and accuracy of training and validation over epochs (like the paper's figures 2 to 4).

    epochs: one mapping per epoch with epoch, train_loss, eval_loss, train_accuracy, eval_accuracy.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    numbers = [row["epoch"] for row in epochs]
    for axis, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for split, label, colour, marker in (
            ("train", "training", TRAINING, "o"),
            ("eval", "validation", VALIDATION, "s"),
        ):
            values = [row[f"{split}_{measure}"] for row in epochs]
            axis.plot(
                numbers, values, color=colour, marker=marker if len(epochs) <= 20 else None, label=label
            )
        axis.axvline(
            best_epoch, color=TARGET, linewidth=0.8, linestyle=":", label=f"best epoch ({best_epoch})"
        )
        axis.set(xlabel="epoch", ylabel="loss" if measure == "loss" else "pixel accuracy")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
    axes[1].axhline(target, color=TARGET, linewidth=0.8, linestyle="--", label=f"quality target ({target})")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title)
    _save(figure, path)


def plot_scenes(path: Path, scenes: Sequence[tuple[Path, Path]], shape: tuple[int, int], title: str) -> None:
    """Plot one row per scene: false colour, label, predicted probability, error map.

    scenes: each scene's file and the mask file that the run wrote for it. Only one scene is in memory.
    """
    count = len(scenes)
    figure, axes = plt.subplots(
        count, 4, figsize=(10.5, 2.15 * count + 1), layout="constrained", squeeze=False
    )
    errors = ListedColormap(list(OUTCOMES.values()))
    for row, (scene_path, mask_path) in zip(axes, scenes, strict=True):
        scene = read_scene(scene_path, shape)
        with open_hdf5(mask_path) as file:
            probability = file["probability"][::THINNING, ::THINNING]
            mask = file["mask"][...]
        label = scene.label[::THINNING, ::THINNING]
        row[0].imshow(false_colour(scene)[::THINNING, ::THINNING].copy())
        row[1].imshow(label.copy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        shades = row[2].imshow(probability.astype(np.float32), cmap="cividis", vmin=0, vmax=1)
        thinned = outcome(mask[::THINNING, ::THINNING], label)
        row[3].imshow(thinned, cmap=errors, vmin=-0.5, vmax=3.5, interpolation="nearest")
        accuracy = np.mean(mask == scene.label)
        row[0].set_ylabel(f"{short_name(scene.name)}\n{scene.period}, {accuracy:.3f}", fontsize=8)
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
    headings = (
        "false colour (day), 10.85 µm (night)",
        "label (white: cloud)",
        "probability of cloud",
        "errors",
    )
    for axis, heading in zip(axes[0], headings, strict=True):
        axis.set_title(heading, fontsize=9)
    figure.colorbar(shades, cax=axes[-1, 2].inset_axes((0.1, -0.2, 0.8, 0.08)), orientation="horizontal")
    handles = [Patch(facecolor=colour, edgecolor="black", label=name) for name, colour in OUTCOMES.items()]
    axes[-1, 3].legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.03), ncols=2, fontsize=8)
    figure.suptitle(title)
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    with write_aside(path) as part:
        figure.savefig(part, dpi=RESOLUTION, format="png")
    plt.close(figure)
