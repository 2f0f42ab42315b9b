"""Draw maps, reliability and preprocessing from the scene files and the masks of the best run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmark.core.display import Display
from benchmark.core.processes import forked
from benchmark.scenes.scene import discover
from submission.figures.catalogue import MAP, PREPROCESSING, RELIABILITY
from submission.figures.preprocessing import preprocessing
from submission.figures.scenes import Reliability, draw_map, reliability, scene_map
from submission.figures.style import style, write
from submission.runs.runs import RunSet


def draw_from_scenes(runs: RunSet, data: Path, folder: Path) -> None:
    """Draw the figures that need scenes and the best run's masks into ``folder``, if these are available.

    The configuration's data folders are relative to ``data``. Each process has one scene at a time in
    memory. Raises SceneError, and SubmissionError if a mask does not belong to the run.
    """
    inference = _inference_scenes(runs, data)
    if not inference:
        return
    training = _scene_files(data / runs.config.data.training)
    # The preprocessing figure shows the first training scene and the first inference scene.
    shown = [training[0] if training else None, *[None] * (len(inference) - 1)]
    works = [partial(_draw_scene, runs, *each, folder) for each in zip(inference, shown, strict=True)]
    counts = Reliability()
    with style(), Display().bar("maps of scenes", len(inference)) as move:
        for number, part in enumerate(forked(works), start=1):
            counts.add(part)
            move(number, inference[number - 1].stem)
        write(reliability(counts), folder, RELIABILITY)


def _draw_scene(runs: RunSet, path: Path, training: Path | None, folder: Path) -> Reliability:
    """Draw a scene's map, and the preprocessing if a training scene is given; return the scene's counts."""
    made = scene_map(runs.best, path)
    write(draw_map(made), folder, f"{MAP}{path.stem}")
    if training is not None:
        write(preprocessing(runs.config, training, made), folder, PREPROCESSING)
    return Reliability.of(made)


def _inference_scenes(runs: RunSet, data: Path) -> list[Path]:
    """Return the scene files that the best run scored and has masks for."""
    scored = {str(event.metadata["scene"]) for event in runs.best.log.sound("scene_accuracy")}
    files = _scene_files(data / runs.config.data.inference)
    return [path for path in files if path.stem in scored and runs.best.folder.mask(path.stem).is_file()]


def _scene_files(folder: Path) -> list[Path]:
    return discover(folder) if folder.is_dir() else []
