"""The story of a run, from the first event of its log to the last.

Read from top to bottom: identity, init, the clock starts, staging, epochs with their
evaluations, inference with the best weights, baselines, result, the clock stops.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

from benchmark.compute.cluster import SINGLE_WORKER, Cluster
from benchmark.compute.engine import Engine, choose_strategy, make_deterministic, resolve_precision
from benchmark.config.schema import Config
from benchmark.core.display import Display
from benchmark.core.errors import RunError
from benchmark.core.interruption import Interruption
from benchmark.record import system_info
from benchmark.record.eventlog import EventLog, keep_beginning, keep_log
from benchmark.record.run_folder import RunFolder
from benchmark.record.stopwatch import write_timers
from benchmark.record.telemetry import sample_telemetry
from benchmark.scenes.geometry import training_patch_count
from benchmark.scenes.scene import drop_from_page_cache, split
from benchmark.training.checkpoint import Checkpoint, Progress, latest_checkpoint, remove_checkpoints
from benchmark.training.context import RunContext
from benchmark.training.epochs import save_progress, train_epochs
from benchmark.training.identity import keep_facts, log_identity, log_parameters
from benchmark.training.inference import infer, infer_whole, score_baselines
from benchmark.training.options import RunOptions
from benchmark.training.prepare import SceneFiles
from benchmark.training.result import compose_result
from benchmark.training.stage import check_inference_scenes, report_samples, stage_scenes


def train_and_score(
    config: Config,
    folder: RunFolder,
    scenes: SceneFiles,
    options: RunOptions,
    display: Display,
    cluster: Cluster = SINGLE_WORKER,
    interruption: Interruption | None = None,
) -> dict[str, Any] | None:
    """Run the benchmark into ``folder``; returns the result as it is logged, None if not the chief.

    However it ends, the log ends with run_stop, its status success or aborted. To resume is to
    continue from the last checkpoint of an earlier process, if there is one.
    """
    for path in (folder.checkpoints, folder.masks, folder.plots):
        path.mkdir(exist_ok=True, parents=True)
    checkpoint = latest_checkpoint(folder.checkpoints, display.warn) if options.resume else None
    log = _open_log(folder, checkpoint, options.resume) if cluster.is_chief else EventLog(None)
    sampling = sample_telemetry(folder.telemetry) if cluster.is_chief else contextlib.nullcontext()
    try:
        with sampling as telemetry:
            run = RunContext(
                config=config,
                options=options,
                folder=folder,
                log=log,
                display=display,
                cluster=cluster,
                interruption=interruption or Interruption(),
                telemetry=telemetry,
            )
            if telemetry and telemetry.unavailable:
                display.say(f"not in {folder.telemetry.name}: {'; '.join(telemetry.unavailable)}")
            result = _run_benchmark(run, scenes, checkpoint)
        if telemetry and telemetry.problem:
            display.warn(telemetry.problem)
    except BaseException as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        with contextlib.suppress(OSError):  # the error that is raised matters more
            log.abort(reason)
            if cluster.is_chief:
                write_timers(folder.timers, log.intervals)
        raise
    finally:
        log.close()
    return result


def _open_log(folder: RunFolder, checkpoint: Checkpoint | None, resume: bool) -> EventLog:
    """The log of the chief: a new one, or the one that is continued."""
    kept = None
    if checkpoint is not None:
        progress = checkpoint.progress
        log = checkpoint.log_size, checkpoint.log_sha256
        kept = keep_log(folder.log, *log, progress.epoch, progress.step, checkpoint.time_ms)
    elif resume and (kept := keep_beginning(folder.log)) is None:
        for path in (folder.log, *folder.systems):  # of a run that was killed before its clock started
            path.unlink(missing_ok=True)
    return EventLog(folder.log, kept)


def _run_benchmark(
    run: RunContext, scenes: SceneFiles, checkpoint: Checkpoint | None
) -> dict[str, Any] | None:
    config, log = run.config, run.log
    facts = system_info.system_facts() | {"number_of_nodes": run.cluster.nodes}
    if run.cluster.is_chief:
        keep_facts(run, facts)

    # ---- who, and on what
    log_identity(run, facts)
    cleared = drop_from_page_cache([*scenes.training, *scenes.inference])
    log.event("cache_clear", cleared, method="fsync and posix_fadvise(DONTNEED) on every scene file")

    # ---- init: what needs no data
    with log.interval("init"):
        training = config.training
        make_deterministic(config.seed)
        precision = resolve_precision(training.precision)
        strategy = choose_strategy(run.cluster)
        engine = Engine(
            config.geometry.patch, training.batch_size, precision, strategy, run.cluster, xla=training.xla
        )
        run.interruption.reinstall()  # TensorFlow takes SIGTERM where several workers train
        engine.trace()
        total_steps = _plan_steps(config, len(scenes.training), engine.global_batch)
        log_parameters(run, facts, engine, total_steps)

    # ---- the clock starts
    log.start("run")
    parts = split(scenes.training, config.split.train_fraction, config.split.seed)
    with log.interval("staging") as staging:
        inference = check_inference_scenes(run, scenes.inference)
        staged = stage_scenes(run, *parts)
        staging.at_stop |= staged.counts(run.layout)
    report_samples(run, staged, inference)
    progress = _restore(run, engine, checkpoint)
    stopping = train_epochs(run, engine, staged, total_steps, progress)
    engine.workers.barrier()  # the chief has written the best weights
    engine.load(run.folder.best_weights)
    scores = infer(run, engine, inference, facts["git"]["commit"])
    if not run.cluster.is_chief:
        return None
    if config.inference.whole_scenes:
        infer_whole(run, engine, inference)
    compared = score_baselines(run, staged.training.store, inference)
    skipped = [path.name for path in scenes.inference if path not in inference] + staged.skipped
    result = compose_result(run, engine, staged, skipped, progress.rows, stopping, scores, compared)
    log.event("result", result)
    log.stop("run", status="success")
    # ---- the clock has stopped

    remove_checkpoints(run.folder.checkpoints)
    write_timers(run.folder.timers, log.intervals)
    return result


def _restore(run: RunContext, engine: Engine, checkpoint: Checkpoint | None) -> Progress:
    """Bring a checkpoint's state back, or make the first one. All workers must have the same."""
    progress = checkpoint.progress if checkpoint else Progress()
    if not engine.workers.agree(progress.epoch, progress.step):
        raise RunError(
            run.folder.checkpoints,
            found=f"epoch {progress.epoch}, step {progress.step} on this worker, "
            "a different one on another worker",
            expected="the same checkpoint on all workers",
            remedy="give all workers the same --output on a file system that they share",
        )
    if checkpoint is None:
        save_progress(run, engine, progress)
    else:
        engine.restore(checkpoint.tensors)
        run.log.skip(but=1 if progress.step else 0)  # the start of an epoch under way is logged again
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
