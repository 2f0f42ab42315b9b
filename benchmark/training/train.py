"""The course of a run, from the first event of its log to the last.

Read from top to bottom: identity, init, the clock starts, staging, epochs with their evaluations, inference
with what was learned, baselines, result, the clock stops.
"""

from __future__ import annotations

import contextlib
from typing import Any

from benchmark.compute.cluster import SINGLE_WORKER, Cluster
from benchmark.config.schema import Config
from benchmark.core.collector import lasting_imports
from benchmark.core.display import Display
from benchmark.core.errors import RunError
from benchmark.core.interruption import Interruption
from benchmark.methods.loading import LoadedMethod
from benchmark.record import system_info
from benchmark.record.eventlog import EventLog, keep_beginning, keep_log
from benchmark.record.run_folder import RunFolder
from benchmark.record.stopwatch import write_timers
from benchmark.record.system_info import file_system_of
from benchmark.record.telemetry import sample_telemetry
from benchmark.scenes.scene import drop_from_page_cache, split
from benchmark.stores.opening import staged_files
from benchmark.training.context import RunContext
from benchmark.training.identity import keep_facts, log_identity, log_parameters
from benchmark.training.inference import infer, infer_whole, score_baselines
from benchmark.training.learning.checkpoint import Checkpoint, latest_checkpoint, remove_checkpoints
from benchmark.training.learning.fitted import FittedLearner
from benchmark.training.learning.learned import Learner
from benchmark.training.learning.masks import MasksLearner
from benchmark.training.options import RunOptions
from benchmark.training.prepare import SceneFiles
from benchmark.training.result import compose_result
from benchmark.training.stage import check_inference_scenes, counts_of, report_samples, stage_scenes

#: Most characters of a reason in the log: TensorFlow describes some failures in a thousand lines.
REASON = 2000


def train_and_score(
    config: Config,
    method: LoadedMethod,
    folder: RunFolder,
    scenes: SceneFiles,
    options: RunOptions,
    display: Display,
    cluster: Cluster = SINGLE_WORKER,
    interruption: Interruption | None = None,
) -> dict[str, Any] | None:
    """Run the benchmark into ``folder``; return the result as it is logged, or None if not the chief.

    However the run ends, the log ends with run_stop and status success or aborted. Resuming continues from
    the last checkpoint of an earlier process, if there is one.
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
                method=method,
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
        if telemetry:
            _warn_of_time(display, telemetry.paused_seconds, log.clock_set_ms() / 1000)
            if telemetry.problem:
                display.warn(telemetry.problem)
    except BaseException as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:REASON]
        with contextlib.suppress(OSError):  # the error that is raised matters more
            log.abort(reason)
            if cluster.is_chief:
                write_timers(folder.timers, log.intervals, log.now_ms())
        raise
    finally:
        log.close()
    return result


def _warn_of_time(display: Display, paused: float, clock_set: float) -> None:
    """Warn of pauses and of a changed clock, which may have gone unnoticed."""
    if paused:
        display.warn(f"the run was stopped for {paused:.0f} s, which count in its times as any others")
    if clock_set:
        display.warn(
            f"the node's clock was set by {clock_set:+.0f} s, or the node slept: the log's times do not "
            "follow it, and run_stop states the difference (clock_set_ms)"
        )


def _open_log(folder: RunFolder, checkpoint: Checkpoint | None, resume: bool) -> EventLog:
    """Open the chief's log: a new one, or the one to continue."""
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
    stores = staged_files(run.options.stage_dir)
    cleared = drop_from_page_cache([*scenes.training, *scenes.inference, *stores])
    log.event("cache_clear", cleared, method="fsync and posix_fadvise(DONTNEED) on every scene and store")
    log.event(
        "data_location",
        file_system_of(config.data.training),
        inference=file_system_of(config.data.inference),
        staging=file_system_of(run.options.stage_dir),
    )

    # ---- init: what needs no data
    with log.interval("init"):
        learner = _learner(run, len(scenes.training))
        log_parameters(run, facts, learner.computing)

    # ---- the clock starts
    log.start("run")
    with log.interval("staging") as staging:
        inference = check_inference_scenes(run, scenes.inference)
        staged = None
        if run.method.kind != "masks":
            staged = stage_scenes(
                run, *split(scenes.training, config.split.train_fraction, config.split.seed)
            )
        staging.at_stop |= counts_of(staged, run.layout)
    report_samples(run, staged, inference)
    learned = learner.learn(staged, checkpoint)
    scores = infer(run, learned.predict, inference, facts["git"]["commit"], learned.weights)
    if not run.cluster.is_chief:
        return None
    if config.inference.whole_scenes:
        infer_whole(run, learned.predict_whole, inference)
    compared = score_baselines(run, staged.training.store, inference) if staged else {}
    skipped = [path.name for path in scenes.inference if path not in inference]
    result = compose_result(run, learned, staged, skipped, scores, compared)
    log.event("result", result)
    log.stop("run", status="success")
    # ---- the clock has stopped

    with run.display.spared():
        write_timers(run.folder.timers, log.intervals, log.now_ms())
        remove_checkpoints(run.folder.checkpoints)
    return result


def _learner(run: RunContext, training_scenes: int) -> Learner:
    """Return the learner: a network that trains in steps, a method that is fitted once, or given masks."""
    if run.method.kind == "network":
        with lasting_imports():  # import TensorFlow only where tensors are computed
            from benchmark.training.learning.network import NetworkLearner

        return NetworkLearner(run, training_scenes)
    if run.cluster.size > 1:
        raise RunError(
            "method.name",
            found=f"{run.method.name}, a method of kind {run.method.kind}, on {run.cluster.size} workers",
            expected="one worker: there are no steps to share",
            remedy="start one process",
        )
    return FittedLearner(run) if run.method.kind == "fitted" else MasksLearner(run)
