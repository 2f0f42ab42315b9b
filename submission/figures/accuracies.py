"""Plot the accuracy of each scene in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from compliance.subjects.log import LogEvent, number_of
from submission.figures.palette import GREY, PERIOD_MARKS, PERIODS, short_name
from submission.figures.style import new_figure, panel_title
from submission.runs.runs import CheckedRun


def accuracy_by_scene(runs: Sequence[CheckedRun]) -> Figure:
    """Plot the accuracy of each scene in every run, and the mean; day next to night, hardest scenes below."""
    scenes = _accuracies(runs)
    parts = {period: [s for s in scenes if s.period == period] for period in PERIODS}
    parts = {period: part for period, part in parts.items() if part}
    longest = max(map(len, parts.values()))
    figure = new_figure(min(1.3 + 0.2 * longest, 8.5))
    axes = figure.subplots(1, len(parts), squeeze=False, sharex=True)[0]
    for letter, axis, (period, part) in zip("abcd", axes, parts.items(), strict=False):
        part.sort(key=lambda scene: scene.mean)
        for row, scene in enumerate(part):
            axis.plot(
                scene.values, [row] * len(scene.values), linestyle="", marker="|", color=GREY, markersize=8
            )
            axis.plot(scene.mean, row, marker=PERIOD_MARKS[period], color=PERIODS[period], markersize=5)
        mean = float(np.mean([scene.mean for scene in part]))
        axis.axvline(mean, color=PERIODS[period], linestyle="--", linewidth=1)
        panel_title(axis, letter, f"{period}, mean {mean:.4f}")
        small = 8 if longest <= 40 else 7
        axis.set_yticks(range(len(part)), [scene.label for scene in part], fontsize=small)
        axis.set(xlabel="accuracy", ylim=(-0.7, longest - 0.3))
    handles = [
        axes[0].plot([], [], linestyle="", marker="|", color=GREY, markersize=8, label="one run")[0],
        axes[0].plot([], [], linestyle="", marker="o", color=GREY, markersize=5, label="mean of the runs")[0],
        axes[0].plot([], [], linestyle="--", color=GREY, linewidth=1, label="mean of the scenes")[0],
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


@dataclass(frozen=True)
class _SceneAccuracy:
    label: str
    period: str
    values: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))


def _accuracies(runs: Sequence[CheckedRun]) -> list[_SceneAccuracy]:
    by_scene: dict[str, list[LogEvent]] = {}
    for run in runs:
        for event in run.log.sound("scene_accuracy"):
            by_scene.setdefault(str(event.metadata["scene"]), []).append(event)
    return [
        _SceneAccuracy(short_name(name), str(events[0].metadata["period"]), [number_of(e) for e in events])
        for name, events in by_scene.items()
    ]
