"""The story of a run, from the first event of its log to the last.

Read from top to bottom: identity, init, the clock starts, staging, epochs with their
evaluations, inference with the best weights, baselines, result, the clock stops.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.compute import engine
from benchmark.compute.cluster import Cluster
from benchmark.compute.engine import ALONE
from benchmark.config.files import save_config
from benchmark.config.schema import Config
from benchmark.core.display import Display
from benchmark.core.errors import RunError
from benchmark.core.files import write_text
from benchmark.core.interruption import Interruption
from benchmark.record import stopwatch as timers
from benchmark.record import system_info
from benchmark.record.eventlog import EventLog, keep_beginning, keep_log
from benchmark.record.run_folder import RunFolder
from benchmark.record.telemetry import sample_telemetry
from benchmark.scenes.geometry import training_patch_count
from benchmark.scenes.scene import drop_from_page_cache
from benchmark.stores.opening import stage_scenes
from benchmark.training.checkpoint import Checkpoint, Progress, latest_checkpoint, remove_checkpoints
from benchmark.training.context import Run
from benchmark.training.epochs import save_progress, train_epochs
from benchmark.training.identity import log_identity, log_parameters
from benchmark.training.inference import infer, infer_whole, score_baselines
from benchmark.training.result import compose_result


def train_and_score(
    config: Config,
    folder: RunFolder,
    training_scenes: Sequence[Path],
    inference_scenes: Sequence[Path],
    display: Display,
    *,
    stage_dir: Path,
    skip_bad: bool = False,
    resume: bool = False,
    tensorboard: bool = False,
    cluster: Cluster = ALONE,
    interruption: Interruption | None = None,
) -> dict[str, Any] | None:
    """Run the benchmark into ``folder``; returns the result as it is logged, None if not the chief.

    However it ends, the log ends with run_stop, its status success or aborted. With ``resume``
    it goes on from the last checkpoint of an earlier process, if there is one.
    """
    for path in (folder.checkpoints, folder.masks, folder.plots):
        path.mkdir(exist_ok=True, parents=True)
    checkpoint = latest_checkpoint(folder.checkpoints, display.warn) if resume else None
    log = _open_log(folder, checkpoint, resume) if cluster.is_chief else EventLog(None)
    interruption = interruption or Interruption()
    sampling = sample_telemetry(folder.telemetry) if cluster.is_chief else contextlib.nullcontext()
    try:
        with sampling as telemetry:
            run = Run(
                config,
                folder,
                log,
                display,
                stage_dir,
                skip_bad,
                cluster,
                interruption,
                telemetry,
                tensorboard,
            )
            if telemetry and telemetry.unavailable:
                display.say(f"not in {folder.telemetry.name}: {'; '.join(telemetry.unavailable)}")
            result = _tell(run, list(training_scenes), list(inference_scenes), checkpoint)
        if telemetry and telemetry.problem:
            display.warn(telemetry.problem)
    except BaseException as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        with contextlib.suppress(OSError):  # the error that is raised matters more
            log.abort(reason)
            if cluster.is_chief:
                timers.write_timers(folder)
        raise
    finally:
        log.close()
    return result


def _open_log(folder: RunFolder, checkpoint: Checkpoint | None, resume: bool) -> EventLog:
    """The log of the chief: a new one, or the one that goes on."""
    kept = None
    if checkpoint is not None:
        progress = checkpoint.progress
        log = checkpoint.log_size, checkpoint.log_sha256
        kept = keep_log(folder.log, *log, progress.epoch, progress.step, checkpoint.time_ms)
    elif resume and (kept := keep_beginning(folder.log)) is None:
        folder.log.unlink(missing_ok=True)  # of a run that was killed before its clock started
    return EventLog(folder.log, kept)


def _tell(
    run: Run, training_scenes: list[Path], inference_scenes: list[Path], checkpoint: Checkpoint | None
) -> dict[str, Any] | None:
    config, log = run.config, run.log
    facts = system_info.system_facts() | {"number_of_nodes": run.cluster.nodes}
    if run.cluster.is_chief:
        write_text(run.folder.system, json.dumps(facts, indent=2) + "\n")
        save_config(config, run.folder.config)

    # ---- who, and on what
    log_identity(run, facts)
    cleared = drop_from_page_cache([*training_scenes, *inference_scenes])
    log.event("cache_clear", cleared, method="fsync and posix_fadvise(DONTNEED) on every scene file")

    # ---- init: what needs no data
    with log.interval("init"):
        training = config.training
        engine.make_deterministic(config.seed)
        precision = engine.resolve_precision(training.precision)
        strategy = engine.choose_strategy(run.cluster)
        machine = engine.Engine(
            config.geometry.patch, training.batch_size, precision, strategy, run.cluster, xla=training.xla
        )
        run.interruption.reinstall()  # TensorFlow takes SIGTERM where several workers train
        machine.trace()
        total_steps = _plan_steps(config, len(training_scenes), machine.global_batch)
        log_parameters(run, facts, machine, total_steps)

    # ---- the clock starts
    log.start("run")
    staged = stage_scenes(run, training_scenes, inference_scenes)
    progress = _go_on(run, machine, checkpoint)
    stopping = train_epochs(run, machine, staged, total_steps, progress)
    machine.agree(progress.epoch)  # the chief has written the best weights
    machine.load(run.folder.best_weights)
    scores = infer(run, machine, staged, facts["git"]["commit"])
    if not run.cluster.is_chief:
        return None
    if config.inference.whole_scenes:
        infer_whole(run, machine, staged)
    compared = score_baselines(run, staged)
    result = compose_result(config, machine, staged, progress.rows, stopping, scores, compared)
    log.event("result", result)
    log.stop("run", status="success")
    # ---- the clock has stopped

    remove_checkpoints(run.folder.checkpoints)
    timers.write_timers(run.folder)
    return result


def _go_on(run: Run, machine: engine.Engine, checkpoint: Checkpoint | None) -> Progress:
    """Bring a checkpoint's state back, or make the first one. All workers must have the same."""
    progress = checkpoint.progress if checkpoint else Progress()
    if not machine.agree(progress.epoch * 10**7 + progress.step):
        raise RunError(
            run.folder.checkpoints,
            found=f"epoch {progress.epoch}, step {progress.step} on this worker, another one elsewhere",
            expected="the same checkpoint on all workers",
            remedy="give all workers the same --output on a file system that they share",
        )
    if checkpoint is None:
        save_progress(run, machine, progress)
    else:
        machine.restore(checkpoint.tensors)
        run.log.skip(but=1 if progress.step else 0)  # the start of an epoch under way is told again
        run.display.say(f"resumed after epoch {progress.epoch}, step {progress.step} of the next")
    return progress


def _plan_steps(config: Config, scenes: int, global_batch: int) -> int:
    """Steps of all epochs, as the learning rate plans them: scenes skipped later do not count."""
    geometry = config.geometry
    trained = math.floor(config.split.train_fraction * scenes)
    patches = trained * training_patch_count((geometry.rows, geometry.columns), geometry.patch)
    if patches < global_batch:
        raise RunError(
            "training.batch_size",
            found=f"{patches} training patches for a global batch of {global_batch}",
            expected="at least one full batch in an epoch",
            remedy="use a smaller training.batch_size, or more scenes",
        )
    return patches // global_batch * config.training.epochs
