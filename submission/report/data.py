"""Data for the report's script: curves and scenes, every number with the text to display."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compliance.subjects.log import count_of, number_of
from submission.documents.tables import share
from submission.figures.catalogue import MAP
from submission.figures.palette import MARKED_EPOCHS, MEASURES, RUN_COLOURS, RUN_LINES, SPLITS, short_name
from submission.report.images import data_uri
from submission.runs.runs import CheckedRun, RunSet
from submission.runs.statistics import curve

#: matplotlib's name of a line style -> its dashes in SVG.
DASHES = {"-": "none", "--": "6 3", "-.": "7 2 1.5 2", ":": "1.5 2.5"}


def report_data(runs: RunSet, shown: Sequence[Mapping[str, Any]]) -> str:
    """Return JSON that is safe inside a script element (``<`` is escaped); ``shown`` are the scenes."""
    target = runs.first.result["quality_target"]
    data = {
        "target": {"value": target, "text": str(target)},
        "runs": [_curves(run, number) for number, run in enumerate(runs.runs)],
        "scenes": shown,
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _curves(run: CheckedRun, number: int) -> dict[str, Any]:
    """Return the curves of a run and how to draw them; ``number`` counts from 0."""
    many = run.summary.epochs > MARKED_EPOCHS
    dashes = DASHES["-" if many else RUN_LINES[number % len(RUN_LINES)]]
    series = {}
    for measure in MEASURES:
        for split in SPLITS:
            epochs, values = curve(run.log, f"{split}_{measure}")
            series[f"{split}_{measure}"] = {
                "epochs": epochs,
                "values": values,
                "texts": [share(value) for value in values],
            }
    return {
        "name": f"seed {run.seed}",
        "colour": number % len(RUN_COLOURS),
        "line": {"stroke-dasharray": dashes, "stroke-width": 1 if many else 2},
        "best": run.summary.best_epoch,
        "series": series,
    }


def scenes(runs: RunSet, figures: Path) -> list[dict[str, Any]]:
    """List all inference scenes with their accuracies, hardest first; errors are those of the best run.

    ``figures`` is the folder of the small images.
    """
    accuracies: dict[str, dict[int, float]] = {}
    for run in runs.runs:
        for event in run.log.sound("scene_accuracy"):
            accuracies.setdefault(str(event.metadata["scene"]), {})[run.seed] = number_of(event)
    found = []
    for event in runs.best.log.sound("scene_accuracy"):
        name = str(event.metadata["scene"])
        pixels = count_of(event, "pixels")
        found.append(
            {
                "name": name,
                "title": short_name(name),
                "period": str(event.metadata["period"]),
                "mean": share(statistics.fmean(accuracies[name].values())),
                "accuracies": [share(accuracies[name].get(seed)) for seed in runs.seeds],
                "errors": f"{pixels - count_of(event, 'correct'):,} of {pixels:,}",
                "image": data_uri(figures, f"{MAP}{name}"),
            }
        )
    return sorted(
        found, key=lambda scene: (statistics.fmean(accuracies[scene["name"]].values()), scene["name"])
    )
