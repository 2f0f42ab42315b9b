"""List a contribution's figures and what each shows. Imports no drawing package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from submission.runs.runs import RunSet

#: Name of a figure's files -> what it shows; the first four are the paper's, in the same order.
FIGURES = {
    "figure-1-preprocessing": "Preprocessing. Above, what becomes of a training scene: its centre is cut "
    "into patches, each with its label. Below, what becomes of an inference scene: overlapping patches with "
    "zeros around the scene, the inner part of each prediction, and the mask that is put together from them "
    "(run with seed {best}).",
    "figure-2-training": "Loss and accuracy in training, all runs. A dot is the epoch whose weights are "
    "scored, a square the last epoch of the run.",
    "figure-3-validation": "Loss and accuracy on the validation scenes, all runs. A dot is the epoch whose "
    "weights are scored, a square the last epoch of the run.",
    "figure-4-best-run": "The best run (seed {best}) in detail.",
    "figure-5-scenes": "Accuracy by scene, day and night, the hardest scenes below. Scenes are named by the "
    "start of sensing.",
    "figure-6-reliability": "Reliability of the probabilities of the best run (seed {best}) over all pixels "
    "of the inference scenes: how often pixels are cloudy that were given a probability of cloud, and how "
    "many were given it.",
    "figure-7-timeline": "Timeline of the best run (seed {best}), from the events of its log.",
}
PREPROCESSING, TRAINING, VALIDATION, BEST_RUN, SCENES, RELIABILITY, TIMELINE = FIGURES
#: Figures that need only the logs.
FROM_LOGS = (TRAINING, VALIDATION, BEST_RUN, SCENES, TIMELINE)
MAP = "map-"
#: Maximum number of maps in the document; all maps are in the bundle.
MAPS_SHOWN = 8


def captions(names: Sequence[str], runs: RunSet) -> dict[str, str]:
    """Return name -> caption of the figures in the document, in its order.

    If there are many maps, show a selection evenly spread from the lowest accuracy to the highest.
    """
    best = runs.best.seed
    shown = {
        name: f"Figure {number}. {text.format(best=best)}"
        for number, (name, text) in enumerate(FIGURES.items(), start=1)
        if name in names
    }
    accuracy = {str(e.metadata["scene"]): e.value for e in runs.best.log.sound("scene_accuracy")}
    scenes = [scene for scene in accuracy if f"{MAP}{scene}" in names]
    for scene in _spread_out(sorted(scenes, key=lambda scene: (accuracy[scene], scene)), MAPS_SHOWN):
        number = len(FIGURES) + 1 + sum(name.startswith(MAP) for name in shown)
        shown[f"{MAP}{scene}"] = (
            f"Figure {number}. Accuracy {accuracy[scene]:.4f} in the best run (seed {best}): scene {scene}."
        )
    return shown


def drawn(folder: Path) -> list[str]:
    """Return the names of the figures in a folder."""
    return sorted(path.stem for path in folder.glob("*.png"))


def needs_scenes(name: str) -> bool:
    """Whether a figure needs scenes and masks, not only the logs."""
    return name in (PREPROCESSING, RELIABILITY) or name.startswith(MAP)


def _spread_out(values: Sequence[str], most: int) -> list[str]:
    """Select at most ``most`` values, evenly spaced, including the first and the last."""
    if len(values) <= most:
        return list(values)
    return [values[index * (len(values) - 1) // (most - 1)] for index in range(most)]
