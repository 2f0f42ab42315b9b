"""Plot loss and accuracy over epochs: all runs (the paper's figures 2 and 3), the best in detail (4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from submission.figures.palette import BLUE, GREEN, GREY, MARKED_EPOCHS, MEASURES, ORANGE, SPLITS
from submission.figures.style import new_figure, panel_title, run_line
from submission.runs.runs import CheckedRun
from submission.runs.statistics import curve

#: Markers of the best and the last epoch; if they coincide, the square surrounds the dot.
BEST: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 5, "zorder": 5}
LAST: dict[str, Any] = {"linestyle": "", "marker": "s", "markersize": 7.5, "markerfacecolor": "none"}


def all_runs(runs: Sequence[CheckedRun], split: str) -> Figure:
    """Plot loss and accuracy of every run; ``split`` is train or eval.

    A dot marks the epoch whose weights are scored, a square the last epoch of the run.
    """
    figure = new_figure(3.1 + 0.16 * ((len(runs) + 1) // 3))
    axes = figure.subplots(1, 2)
    for letter, axis, (measure, unit) in zip("ab", axes, MEASURES.items(), strict=True):
        for number, run in enumerate(runs):
            _draw_run(axis, run, f"{split}_{measure}", number)
        _label(axis, letter, f"{SPLITS[split].capitalize()} {measure}", unit)
    target = float(runs[0].result["quality_target"])
    axes[1].axhline(target, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    handles = [
        Line2D([], [], **_look(run, number), label=f"seed {run.seed}: best epoch {best} of {epochs}")
        for number, run in enumerate(runs)
        for best, epochs in [(run.summary.best_epoch, run.summary.epochs)]
    ]
    handles += [
        Line2D([], [], color=GREY, **BEST, label="best epoch"),
        Line2D([], [], color=GREY, **LAST, label="last epoch"),
        Line2D([], [], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), label=f"quality target {target}"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def best_run(run: CheckedRun) -> Figure:
    """Plot loss and accuracy of one run, training next to validation."""
    figure = new_figure(3.1)
    axes = figure.subplots(1, 2)
    best, target = run.summary.best_epoch, float(run.result["quality_target"])
    for letter, axis, (measure, unit) in zip("ab", axes, MEASURES.items(), strict=True):
        for (split, name), colour, line in zip(SPLITS.items(), (BLUE, ORANGE), ("-", "--"), strict=True):
            epochs, values = curve(run.log, f"{split}_{measure}")
            marker = "o" if len(epochs) <= MARKED_EPOCHS else None
            axis.plot(epochs, values, color=colour, linestyle=line, marker=marker, markersize=3, label=name)
        if best is not None:
            axis.axvline(best, color=GREY, linewidth=0.8, label=f"best epoch ({best})")
        _label(axis, letter, f"Training and validation {measure}", unit)
    score = f"test accuracy ({run.test_accuracy:.4f})"
    axes[1].axhline(run.test_accuracy, color=GREEN, linewidth=1, linestyle="-.", label=score)
    axes[1].axhline(target, color=GREY, linestyle=(0, (1, 2)), label=f"quality target ({target})")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _look(run: CheckedRun, number: int) -> dict[str, Any]:
    """Return the line style of a run: thin and solid if there are many epochs."""
    many = run.summary.epochs > MARKED_EPOCHS
    return run_line(number) | ({"linestyle": "-", "linewidth": 0.7} if many else {})


def _draw_run(axis: Axes, run: CheckedRun, key: str, number: int) -> None:
    line = _look(run, number)
    epochs, values = curve(run.log, key)
    axis.plot(epochs, values, **line)
    best = run.summary.best_epoch
    for epoch, value in zip(epochs, values, strict=True):
        if epoch == best:
            axis.plot(epoch, value, **BEST, color=line["color"])
        if epoch == epochs[-1]:
            axis.plot(epoch, value, **LAST, color=line["color"])


def _label(axis: Axes, letter: str, title: str, unit: str) -> None:
    panel_title(axis, letter, title)
    axis.set(xlabel="epoch", ylabel=unit)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
