"""Draw a run's results on its inference scenes: a map of each, and the reliability of probabilities.

Both need the scene files and the run's masks. A mask is accepted only if it has as many right pixels
as the log states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from benchmark.core.errors import SubmissionError
from benchmark.core.hdf5 import open_hdf5
from benchmark.scenes.render import false_colour, outcome
from benchmark.scenes.scene import Scene, read_scene
from compliance.subjects.log import count_of
from submission.figures.palette import (
    BLACK,
    GREY,
    PERIOD_MARKS,
    PERIODS,
    SKY,
    VERMILLION,
    short_name,
)
from submission.figures.style import new_figure, panel_title, without_ticks
from submission.runs.runs import CheckedRun

#: Right pixels in grey, wrong pixels in colour, in the order of benchmark.scenes.render.outcome.
OUTCOMES = {"clear": "#3C3C3C", "cloud": "#FFFFFF", "missed cloud": VERMILLION, "false cloud": SKY}
#: Every fourth pixel is about the resolution of a printed panel.
THINNING = 4
BINS = 20


@dataclass(frozen=True)
class SceneMap:
    """One inference scene with a run's prediction for it.

    probability: float16 [R, C], of cloud; mask: uint8 [R, C], 1 where cloud is predicted.
    """

    scene: Scene
    probability: NDArray[np.float16]
    mask: NDArray[np.uint8]

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.mask == self.scene.label))


def scene_map(run: CheckedRun, path: Path) -> SceneMap:
    """Read a scene and its mask. Raises SceneError, and SubmissionError if they are not the run's."""
    geometry = run.config.geometry
    scene = read_scene(path, (geometry.rows, geometry.columns))
    mask_path = run.folder.mask(scene.name)
    try:
        with open_hdf5(mask_path) as file:
            probability, mask = (_pixels(file, name, scene) for name in ("probability", "mask"))
    except (OSError, KeyError, ValueError) as error:
        raise _not_the_runs(mask_path, str(error), "the mask that the run wrote") from None
    right = int(np.count_nonzero(mask == scene.label))
    logged = next(
        (
            count_of(e, "correct")
            for e in run.log.sound("scene_accuracy")
            if e.metadata["scene"] == scene.name
        ),
        None,
    )
    if right != logged:
        raise _not_the_runs(mask_path, f"{right} right pixels", f"{logged} right pixels, as the log counts")
    return SceneMap(scene, probability.astype(np.float16), mask.astype(np.uint8))


def _pixels(file: h5py.File, name: str, scene: Scene) -> NDArray:
    values = file[name][...]
    if values.shape != scene.label.shape:
        raise ValueError(f"{name} of shape {list(values.shape)}, not {list(scene.label.shape)}")
    return values


def _not_the_runs(path: Path, found: str, expected: str) -> SubmissionError:
    remedy = "give the scenes and masks of the run, or move its masks away to package without maps"
    return SubmissionError(path, found=found, expected=expected, remedy=remedy)


def draw_map(made: SceneMap) -> Figure:
    """Draw the scene, its label, the probability of cloud, and the errors."""
    figure = new_figure(4.35, width=4.9)
    axes = figure.subplots(2, 2)
    thin = (slice(None, None, THINNING),) * 2
    label, mask = made.scene.label[thin], made.mask[thin]
    picture = "false colour: S5, S3, S2" if made.scene.period == "day" else "10.85 µm, cold is white"
    (scene_axes, label_axes), (probability_axes, error_axes) = axes
    scene_axes.imshow(false_colour(made.scene)[thin])
    label_axes.imshow(label, cmap="gray", vmin=0, vmax=1)
    shades = probability_axes.imshow(
        made.probability[thin].astype(np.float32), cmap="cividis", vmin=0, vmax=1
    )
    error_axes.imshow(outcome(mask, label), cmap=ListedColormap(list(OUTCOMES.values())), vmin=-0.5, vmax=3.5)
    titles = (picture, "label, cloud is white", "probability of cloud", "errors")
    for letter, axis, title in zip("abcd", axes.flat, titles, strict=True):
        panel_title(axis, letter, title)
        without_ticks(axis)
    bar = probability_axes.inset_axes((0.02, -0.09, 0.96, 0.05))
    figure.colorbar(shades, cax=bar, orientation="horizontal")
    _outcome_legend(error_axes)
    title = f"{short_name(made.scene.name)}, {made.scene.period}, accuracy {made.accuracy:.4f}"
    figure.suptitle(title, fontsize=9.5)
    return figure


def _outcome_legend(axes: Axes) -> None:
    handles = [Patch(facecolor=colour, edgecolor="black", label=name) for name, colour in OUTCOMES.items()]
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        ncols=2,
        columnspacing=1,
        handlelength=1.2,
    )


@dataclass
class Reliability:
    """Sums by period and bin of predicted probability, each [BINS].

    pixels: number of pixels; cloudy: number of these that the label calls cloud; predicted:
    sum of their probabilities.
    """

    pixels: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    cloudy: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    predicted: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, made: SceneMap) -> Reliability:
        """Count all pixels of a scene."""
        probability = made.probability.astype(np.float64).ravel()
        bins = np.minimum((probability * BINS).astype(int), BINS - 1)
        weights = (np.ones(bins.shape), made.scene.label.ravel(), probability)
        sums = (np.bincount(bins, each, BINS).astype(np.float64) for each in weights)
        return cls(*({made.scene.period: each} for each in sums))

    def add(self, other: Reliability) -> None:
        """Add the counts of other scenes."""
        for sums, parts in zip(vars(self).values(), vars(other).values(), strict=True):
            for period, part in parts.items():
                sums[period] = sums.get(period, np.zeros(BINS)) + part


def calibration_error(counts: Reliability, period: str) -> float:
    """Return the mean distance of predicted probability and share of cloudy pixels, over all pixels (ECE)."""
    distance = np.abs(counts.predicted[period] - counts.cloudy[period]).sum()
    return float(distance / counts.pixels[period].sum())


def reliability(counts: Reliability) -> Figure:
    """Plot the share of cloudy pixels, and the number of pixels, by predicted probability of cloud."""
    figure = new_figure(3.4)
    curves, shares = figure.subplots(1, 2)
    curves.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":", label="perfect")
    edges = np.linspace(0, 1, BINS + 1)
    for period, colour in PERIODS.items():
        if period not in counts.pixels:
            continue
        pixels, cloudy, predicted = (
            part[period] for part in (counts.pixels, counts.cloudy, counts.predicted)
        )
        error = calibration_error(counts, period)
        used = pixels > 0
        line = "-" if period == "day" else "--"
        curves.plot(
            predicted[used] / pixels[used],
            cloudy[used] / pixels[used],
            color=colour,
            linestyle=line,
            marker=PERIOD_MARKS[period],
            markersize=3.5,
            label=f"{period}: calibration error {error:.4f}",
        )
        shares.stairs(pixels / pixels.sum(), edges, color=colour, linestyle=line, linewidth=1.3, label=period)
    panel_title(curves, "a", "Reliability")
    curves.set(xlabel="predicted probability of cloud", ylabel="share of cloudy pixels", box_aspect=1)
    curves.legend(loc="lower right")
    panel_title(shares, "b", "Sharpness")
    shares.set(xlabel="predicted probability of cloud", ylabel="share of pixels", yscale="log", box_aspect=1)
    shares.legend(loc="upper center", labelcolor=BLACK)
    return figure
