"""The first timed part of a run: check the scenes, and cut those to learn from into patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark.core.errors import RunError, SceneError
from benchmark.scenes.scene import check_scene, drop_from_page_cache
from benchmark.stores.journal import SceneRecord
from benchmark.stores.opening import StagedPart, open_or_stage
from benchmark.stores.patchstore import PatchLayout, cloud_is_colder
from benchmark.training.context import RunContext


class Staged(NamedTuple):
    """The stores of the scenes to train on and to validate on, and what happened during staging."""

    training: StagedPart
    validation: StagedPart

    @property
    def records(self) -> list[SceneRecord]:
        """Return the records of the scenes in both stores."""
        return [*self.training.records, *self.validation.records]

    @property
    def skipped(self) -> list[str]:
        """Return the names of the scenes that were left out."""
        return [path.name for part in self for path, _ in part.skipped]


def counts_of(staged: Staged | None, layout: PatchLayout) -> dict[str, int]:
    """Count scenes and patches in the stores, filled values, and scenes that an earlier run staged."""
    records = staged.records if staged else []
    return {
        "scenes": len(records),
        "patches": len(records) * layout.patches,
        "filled": sum(record.filled for record in records),
        "reused": sum(part.reused for part in staged or ()),
    }


def check_inference_scenes(run: RunContext, paths: Sequence[Path]) -> list[Path]:
    """Return the scenes that can be read completely; better to find out now than after hours of training.

    Keeps nothing of them, not even in the page cache. Raises SceneError at an unreadable scene, unless the
    run skips those.
    """
    usable = []
    with run.display.bar("inference scenes", len(paths)) as update:
        for done, path in enumerate(paths, start=1):
            try:
                check_scene(path, run.layout.shape, run.config.data.kind)
                usable.append(path)
            except SceneError as error:
                if not run.options.skip_bad:
                    raise
                _log_skipped(run, "inference", path, error.found)
            update(done, "")
    drop_from_page_cache(usable)
    return usable


def stage_scenes(run: RunContext, training: Sequence[Path], validation: Sequence[Path]) -> Staged:
    """Return the complete stores of the scenes to train on and to validate on.

    Raises SceneError at a scene that cannot be used, unless the run skips those; RunError if no scene is
    left, or the stores cannot be written.
    """
    return Staged(_stage(run, "training", training), _stage(run, "validation", validation))


def _stage(run: RunContext, part: str, paths: Sequence[Path]) -> StagedPart:
    options = run.options
    staged = open_or_stage(options.stage_dir, part, paths, run.layout, run.display, skip_bad=options.skip_bad)
    for path, reason in staged.skipped:
        _log_skipped(run, part, path, reason)
    return staged


def _log_skipped(run: RunContext, part: str, path: Path, reason: str) -> None:
    run.log.event("skipped_scene", path.name, split=part, reason=reason)
    run.display.warn(f"skipped {path}: {reason}")


def report_samples(run: RunContext, staged: Staged | None, inference: Sequence[Path]) -> None:
    """Log and print what there is to learn from and to score. Raises RunError if nothing can be scored."""
    if staged is not None:
        run.log.event("train_samples", staged.training.store.count)
        run.log.event("eval_samples", staged.validation.store.count)
    run.log.event("test_samples", len(inference))
    if not inference:
        raise RunError(
            run.config.data.inference,
            found="no inference scene that can be read",
            expected="at least one",
            remedy="repair or replace the skipped scenes",
        )
    if staged is None:
        return
    if cloud_is_colder(staged.records) is False:
        run.display.warn(
            "the 10.85 um temperature is not colder where the label is 1: check that label 1 means cloud"
        )
    counts = counts_of(staged, run.layout)
    run.display.say(
        f"staged {counts['scenes']} scenes, {counts['reused']} of them by an earlier run: "
        f"{counts['patches']} patches; {counts['filled']} values filled"
    )
    run.display.say(
        f"patches are in {staged.training.store.folder} and {staged.validation.store.folder.name}: "
        f"{counts['scenes'] * run.layout.scene_bytes / 1e6:.0f} MB, kept for later runs; they may be deleted"
    )
