"""Draw the comparison as a figure: accuracy and skill of every run, by method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure

from benchmark.comparison.runs import Row
from benchmark.comparison.table import title
from benchmark.core.files import write_aside

#: Panel -> reference mask, part of the pixels, score.
PANELS = {
    "accuracy against the label": ("bayes", "all", "accuracy"),
    "Kuiper skill": ("bayes", "all", "kuiper_skill"),
    "accuracy against the true mask": ("truth", "all", "accuracy"),
}


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG with a dot for every run and a bar at the mean, aside and renamed."""
    panels = {
        name: place
        for name, place in PANELS.items()
        if all(r.score(*place) is not None for r in rows[0].runs)
    }
    figure = Figure(figsize=(3.2 * len(panels) + 2.2, 0.42 * len(rows) + 1.6), layout="constrained")
    figure.suptitle(title(rows), fontsize=11)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (name, place) in zip(axes, panels.items(), strict=True):
        for height, row in enumerate(reversed(rows)):
            values = [value for run in row.runs if (value := run.score(*place)) is not None]
            if not values:
                continue
            mean = sum(values) / len(values)
            axis.plot([mean, mean], [height - 0.32, height + 0.32], color="black", linewidth=1.5)
            axis.plot(values, [height] * len(values), "o", color="#0072b2", markersize=4.5, alpha=0.75)
        axis.set_xlabel(name, fontsize=9)
        axis.grid(axis="x", color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.tick_params(labelsize=8)
    axes[0].set_yticks(range(len(rows)), [row.name for row in reversed(rows)], fontsize=8)
    with write_aside(path) as part:
        figure.savefig(part, format="png", dpi=160, metadata={"Software": None})
