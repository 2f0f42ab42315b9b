"""The first part of a run on the clock: scenes become patches on the node's disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmark.context import Run
from benchmark.errors import RunError, SceneError
from benchmark.geometry import training_patch_count
from benchmark.patchstore import PatchStore, StagingReport, open_store, stage
from benchmark.scenes import check_scene, split
from benchmark.timers import timer


@dataclass(frozen=True)
class Staged:
    """What staging leaves to the rest of the run."""

    training: PatchStore
    validation: PatchStore
    training_scenes: int
    validation_scenes: int
    inference: list[Path]
    skipped: list[str]


def stage_scenes(run: Run, training_scenes: list[Path], inference_scenes: list[Path]) -> Staged:
    """Split and stage the training scenes, and look at the inference scenes' structure.

    Raises SceneError at a scene that cannot be used, unless the run leaves those out;
    RunError when too little is left.
    """
    config, geometry = run.config, run.config.geometry
    shape = (geometry.rows, geometry.columns)
    fraction, seed = config.split.train_fraction, config.split.seed
    parts = dict(zip(("training", "validation"), split(training_scenes, fraction, seed), strict=True))
    report = StagingReport()
    skipped: list[str] = []

    def skip(part: str, path: Path, error: SceneError) -> None:
        if not run.skip_bad:
            raise error
        skipped.append(path.name)
        run.log.event("skipped_scene", path.name, split=part, reason=error.found)
        run.display.warn(f"skipped {path}: {error.found}")

    with run.log.interval("staging") as at_stop, timer("staging"):
        # their structure is looked at now, not after hours of training
        inference = []
        for path in inference_scenes:
            try:
                check_scene(path, shape)
                inference.append(path)
            except SceneError as error:
                skip("inference", path, error)
        stores = {}
        with run.display.bar("staging", len(training_scenes)) as update:
            done = 0
            for part, paths in parts.items():
                folder = run.folder.staging / part
                failed = partial(skip, part)
                for path in stage(paths, run.read, folder, shape, geometry.patch, report, failed):
                    done += 1
                    update(done, path.name[16:31])
                stores[part] = open_store(folder, geometry.patch)
        patches = sum(store.count for store in stores.values())
        at_stop |= {"scenes": report.scenes, "patches": patches, "filled": report.filled}
    run.log.event("train_samples", stores["training"].count)
    run.log.event("eval_samples", stores["validation"].count)
    run.log.event("test_samples", len(inference))
    if not inference:
        raise RunError(
            config.data.inference,
            found="no inference scene that can be read",
            expected="at least one",
            remedy="mend or replace the scenes that were skipped",
        )
    if report.cloud_is_colder() is False:
        run.display.warn(
            "the 10.85 um temperature is not colder where the label is 1: is 1 cloud in these scenes?"
        )
    run.display.say(f"staged {report.scenes} scenes, {patches} patches; {report.filled} values filled")
    counts = {
        part: store.count // training_patch_count(shape, geometry.patch) for part, store in stores.items()
    }
    return Staged(
        stores["training"], stores["validation"], counts["training"], counts["validation"], inference, skipped
    )
