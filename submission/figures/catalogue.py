"""The figures of a contribution: which there are, what each shows, and how all are drawn.

Curves, accuracies by scene and the timeline need nothing but the logs. Maps, reliability and
the preprocessing need the scene files and the masks of the best run; where these are not at
hand, those figures are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.core.display import Display
from benchmark.scenes.scene import discover
from submission.figures.curves import all_runs, best_run
from submission.figures.preprocessing import preprocessing
from submission.figures.scenes import Reliability, accuracy_by_scene, draw_map, reliability, scene_map
from submission.figures.style import style, write
from submission.figures.timeline import timeline
from submission.runs.runs import RunSet

#: Name of a figure's files -> what it shows; the first four are the paper's, in its order.
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
MAP = "map-"
#: Maps that the document shows; all of them are in the bundle.
MAPS_SHOWN = 8


def captions(names: Sequence[str], runs: RunSet) -> dict[str, str]:
    """Name -> caption of the figures that the document shows, in its order.

    Of many maps those are shown that are evenly spread from the lowest accuracy to the highest.
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
    """Names of the figures that are in a folder."""
    return sorted(path.stem for path in folder.glob("*.png"))


def needs_scenes(name: str) -> bool:
    """Whether a figure is made of scenes and masks, so that the logs alone do not give it."""
    return name in (PREPROCESSING, RELIABILITY) or name.startswith(MAP)


def draw_from_logs(runs: RunSet, folder: Path) -> None:
    """Draw into ``folder`` what needs nothing but the logs."""
    with style():
        write(all_runs(runs.runs, "train"), folder, TRAINING)
        write(all_runs(runs.runs, "eval"), folder, VALIDATION)
        write(best_run(runs.best), folder, BEST_RUN)
        write(accuracy_by_scene(runs.runs), folder, SCENES)
        write(timeline(runs.best), folder, TIMELINE)


def draw_from_scenes(runs: RunSet, data: Path, folder: Path) -> None:
    """Draw into ``folder`` what needs the scenes and the best run's masks, if they are at hand.

    ``data`` is the folder that the configuration's data folders start from. One scene at a
    time is in memory. Raises SceneError, and SubmissionError where a mask is not that of the run.
    """
    inference = _inference_scenes(runs, data)
    if not inference:
        return
    counts, training = Reliability(), _scene_files(data / runs.config.data.training)
    with style(), Display().bar("maps of scenes", len(inference)) as move:
        for number, path in enumerate(inference, start=1):
            made = scene_map(runs.best, path)
            write(draw_map(made), folder, f"{MAP}{path.stem}")
            counts.add(made)
            if number == 1 and training:
                write(preprocessing(runs.config, training[0], made), folder, PREPROCESSING)
            move(number, path.stem)
        write(reliability(counts), folder, RELIABILITY)


def _inference_scenes(runs: RunSet, data: Path) -> list[Path]:
    """The scene files that the best run has scored and left a mask of."""
    scored = {str(event.metadata["scene"]) for event in runs.best.log.sound("scene_accuracy")}
    files = _scene_files(data / runs.config.data.inference)
    return [path for path in files if path.stem in scored and runs.best.folder.mask(path.stem).is_file()]


def _scene_files(folder: Path) -> list[Path]:
    return discover(folder) if folder.is_dir() else []


def _spread_out(values: Sequence[str], most: int) -> list[str]:
    """At most so many of the values, first and last among them, at even distances."""
    if len(values) <= most:
        return list(values)
    return [values[index * (len(values) - 1) // (most - 1)] for index in range(most)]
