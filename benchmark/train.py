"""The story of a run, from the first event of its log to the last.

Read from top to bottom: identity, init, the clock starts, staging, epochs with their
evaluations, inference with the best weights, baselines, result, the clock stops.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark import baselines, engine, evaluate, schedule, system_info, timers
from benchmark.checkpoint import (
    Checkpoint,
    Progress,
    latest_checkpoint,
    remove_checkpoints,
    save_checkpoint,
)
from benchmark.cluster import Cluster
from benchmark.config import Config
from benchmark.config_file import save_config
from benchmark.context import Run
from benchmark.display import Display
from benchmark.energy import energy_between
from benchmark.engine import ALONE
from benchmark.errors import RunError
from benchmark.eventlog import EventLog, keep_beginning, keep_log
from benchmark.geometry import training_patch_count
from benchmark.identity import log_identity, log_parameters
from benchmark.interruption import Interrupted, Interruption
from benchmark.patchstore import PatchStore
from benchmark.pipeline import evaluation_batches, training_batches
from benchmark.result import compose_result
from benchmark.run_folder import RunFolder, write_text
from benchmark.scalars import open_scalars
from benchmark.scenes import drop_from_page_cache
from benchmark.scores import Confusion, confusion
from benchmark.staging import Staged, stage_scenes
from benchmark.telemetry import sample_telemetry


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
    if checkpoint is not None:
        progress = checkpoint.progress
        log = checkpoint.log_size, checkpoint.log_sha256
        kept = keep_log(folder.log, *log, progress.epoch, progress.step, checkpoint.time_ms)
        return EventLog(folder.log, kept)
    if resume and (kept_or_none := keep_beginning(folder.log)) is not None:
        return EventLog(folder.log, kept_or_none)
    if resume:
        folder.log.unlink(missing_ok=True)  # of a run that was killed before its clock started
    return EventLog(folder.log)


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
    stopping = _train(run, machine, staged, total_steps, progress)
    machine.agree(progress.epoch)  # the chief has written the best weights
    machine.load(run.folder.best_weights)
    scores = _infer(run, machine, staged, facts["git"]["commit"])
    if not run.cluster.is_chief:
        return None
    if config.inference.whole_scenes:
        _infer_whole(run, machine, staged)
    compared = _compare(run, staged)
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
        _save(run, machine, progress)
    else:
        machine.restore(checkpoint.tensors)
        run.log.skip(but=1 if progress.step else 0)  # the start of an epoch under way is told again
        run.display.say(f"resumed after epoch {progress.epoch}, step {progress.step} of the next")
    return progress


def _save(run: Run, machine: engine.Engine, progress: Progress) -> None:
    if run.cluster.is_chief:
        folder, keep = run.folder.checkpoints, run.config.checkpoints.keep
        save_checkpoint(folder, progress, machine.tensors(), run.log.position(), keep)


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


def _train(
    run: Run, machine: engine.Engine, staged: Staged, total_steps: int, progress: Progress
) -> schedule.EarlyStopping:
    """All epochs that are left; returns which was best."""
    training, log = run.config.training, run.log
    stopping = schedule.EarlyStopping(training.early_stopping_patience)
    for row in progress.rows:
        stopping.improved(row["epoch"], row["eval_loss"])
    writing = run.tensorboard and run.cluster.is_chief
    scalars = open_scalars(run.folder.tensorboard) if writing else contextlib.nullcontext()
    with run.interruption.deferred(), scalars as write_scalars:
        for epoch in range(progress.epoch + 1, training.epochs + 1):
            if stopping.exhausted(progress.epoch):
                log.event("early_stop", progress.epoch, best_epoch=stopping.best_epoch)
                run.display.say(f"stopped early: no better validation loss since epoch {stopping.best_epoch}")
                break
            before = _energy(run) if progress.step == 0 else None  # not of a part of an epoch
            with log.interval("epoch", epoch_num=epoch):
                rate = _train_epoch(run, machine, staged.training, total_steps, progress)
                train_loss = math.fsum(progress.losses) / len(progress.losses)
                correct, pixels = progress.correct, progress.pixels
                train_accuracy = correct / pixels
                log.event("train_loss", train_loss, epoch_num=epoch)
                log.event("train_accuracy", train_accuracy, epoch_num=epoch, correct=correct, pixels=pixels)
            with log.interval("eval", epoch_num=epoch):
                eval_loss, correct, pixels, stop = _evaluate(run, machine, staged.validation, epoch)
                log.event("eval_loss", eval_loss, epoch_num=epoch)
                log.event("eval_accuracy", correct / pixels, epoch_num=epoch, correct=correct, pixels=pixels)
                if spent := energy_between(before, _energy(run)):
                    joules = round(sum(spent.values()), 3)
                    log.event("epoch_energy", joules, epoch_num=epoch, sources=", ".join(spent))
            if stopping.improved(epoch, eval_loss) and run.cluster.is_chief:
                machine.save(run.folder.best_weights)
            patches = progress.pixels // machine.pixels
            progress.end_epoch(
                {
                    "epoch": epoch,
                    "train_loss": train_loss,
                    "train_accuracy": train_accuracy,
                    "eval_loss": eval_loss,
                    "eval_accuracy": correct / pixels,
                    "learning_rate": rate,
                    "training_seconds": timers.latest("training"),
                    "evaluation_seconds": timers.latest("evaluation"),
                }
            )
            if write_scalars:
                write_scalars(progress.rows[-1], patches)
            _end_epoch(run, machine, progress)
            _end_here(run, stop)
    if run.cluster.is_chief:
        machine.save(run.folder.last_weights)
    return stopping


def _train_epoch(
    run: Run, machine: engine.Engine, store: PatchStore, total_steps: int, progress: Progress
) -> float:
    """The steps of an epoch that are left, with a checkpoint now and then; the last learning rate of all."""
    training, epoch = run.config.training, progress.epoch + 1
    steps = store.count // machine.global_batch
    batches = training_batches(
        store,
        machine.global_batch,
        run.config.seed,
        epoch,
        augmentation=training.augmentation,
        start=progress.step,
        share=run.cluster.share,
        device=machine.device,
    )
    next_checkpoint = time.monotonic() + 60 * run.config.checkpoints.every_minutes
    with run.display.bar(f"epoch {epoch}/{training.epochs}", steps) as update:
        for inputs, labels in batches:
            rate = schedule.learning_rate(training, progress.epoch * steps + progress.step, total_steps)
            requested = run.interruption.requested is not None
            loss, hits, stop = machine.train_step(inputs, labels, rate, requested)
            progress.step += 1
            _require_finite(loss, f"training loss, epoch {epoch}, step {progress.step} of {steps}")
            progress.losses.append(loss)
            progress.correct += hits
            progress.pixels += machine.global_batch * machine.pixels
            accuracy = progress.correct / progress.pixels
            update(progress.step, f"loss {loss:.4f} accuracy {accuracy:.4f}")
            if stop or time.monotonic() >= next_checkpoint:
                _save(run, machine, progress)
                next_checkpoint = time.monotonic() + 60 * run.config.checkpoints.every_minutes
            _end_here(run, stop)
    return schedule.learning_rate(training, epoch * steps - 1, total_steps)


def _energy(run: Run) -> dict[str, float] | None:
    return run.telemetry.energy() if run.telemetry else None


def _end_epoch(run: Run, machine: engine.Engine, progress: Progress) -> None:
    """Tell and keep what an epoch brought."""
    row = progress.rows[-1]
    if run.cluster.is_chief:
        _write_metrics(run.folder, progress.rows)
    _save(run, machine, progress)
    run.display.say(
        f"epoch {progress.epoch}/{run.config.training.epochs}: "
        f"train loss {row['train_loss']:.4f} accuracy {row['train_accuracy']:.4f}, "
        f"validation loss {row['eval_loss']:.4f} accuracy {row['eval_accuracy']:.4f}, "
        f"{row['training_seconds'] + row['evaluation_seconds']:.1f} s"
    )


def _end_here(run: Run, stop: bool) -> None:
    """End the run where a checkpoint has just been made, if a signal asked for it on any worker."""
    if stop:
        raise Interrupted(run.interruption.requested or signal.SIGTERM)


def _evaluate(
    run: Run, machine: engine.Engine, store: PatchStore, epoch: int
) -> tuple[float, int, int, bool]:
    """Mean loss, correct pixels and pixels of all patches of ``store``; whether a signal came."""
    losses, correct, stop = [], 0, False
    batches = evaluation_batches(store, machine.global_batch, share=run.cluster.share, device=machine.device)
    steps = -(-store.count // machine.global_batch)
    pixels = store.count * machine.pixels
    with run.display.bar("validation", steps) as update:
        for number, (inputs, labels) in enumerate(batches, start=1):
            requested = run.interruption.requested is not None
            loss, hits, stop = machine.evaluate_step(inputs, labels, requested)
            losses.append(loss)
            correct += hits
            update(number, "")
    mean = math.fsum(losses) / pixels
    _require_finite(mean, f"validation loss, epoch {epoch}")
    return mean, correct, pixels, stop


def _infer(run: Run, machine: engine.Engine, staged: Staged, commit: str | None) -> list[evaluate.SceneScore]:
    """Predict, write and score every inference scene."""
    attributes = {
        "model": "U-Net of the CloudMask reference, weights of the best epoch",
        "seed": run.config.seed,
        "commit": commit or "unknown",
        "synthetic": run.config.data.kind == "synthetic",
    }
    scores: list[evaluate.SceneScore] = []
    with run.log.interval("inference"):
        with run.display.bar("inference", len(staged.inference)) as update:
            for score in evaluate.score_scenes(
                staged.inference,
                run.read,
                machine.predict,
                run.config.geometry,
                machine.global_batch,
                run.folder.mask if run.cluster.is_chief else None,
                attributes,
            ):
                scores.append(score)
                counts = score.bayes
                run.log.event(
                    "scene_accuracy",
                    counts.accuracy,
                    scene=score.scene,
                    period=score.period,
                    correct=counts.correct,
                    pixels=counts.pixels,
                )
                update(len(scores), f"accuracy {counts.accuracy:.4f}")
        whole = evaluate.total(score.bayes for score in scores)
        run.log.event(
            "test_accuracy", whole.accuracy, scenes=len(scores), correct=whole.correct, pixels=whole.pixels
        )
    return scores


def _infer_whole(run: Run, machine: engine.Engine, staged: Staged) -> None:
    """How far scenes in one piece agree with the scored tiling, which alone counts."""
    compared = []
    with run.display.bar("whole scenes", len(staged.inference)) as update:
        for scene in evaluate.compare_whole_scenes(
            staged.inference, run.read, machine.predict_whole, run.folder.mask
        ):
            compared.append(scene)
            update(len(compared), f"agreement {scene.agreement.accuracy:.4f}")
    agreement = evaluate.total(scene.agreement for scene in compared)
    accuracy = evaluate.total(scene.accuracy for scene in compared)
    run.log.event(
        "whole_scene_agreement",
        agreement.accuracy,
        correct=agreement.correct,
        pixels=agreement.pixels,
        accuracy=accuracy.accuracy,
        seconds=round(sum(scene.seconds for scene in compared), 3),
    )
    run.display.say(
        f"whole scenes: {agreement.accuracy:.4f} of the pixels as in the scored masks, "
        f"accuracy {accuracy.accuracy:.4f}"
    )


def _compare(run: Run, staged: Staged) -> dict[str, float]:
    """Accuracy of each baseline on the inference scenes."""
    with run.log.interval("baselines"):
        classifiers = baselines.fit_baselines(staged.training)
        counts = dict.fromkeys(classifiers, Confusion())
        with run.display.bar("baselines", len(staged.inference)) as update:
            for done, path in enumerate(staged.inference, start=1):
                scene = run.read(path)
                for name, classify in classifiers.items():
                    counts[name] += confusion(classify(scene.inputs), scene.label)
                update(done, "")
        for name, total in counts.items():
            run.log.event(
                "baseline_accuracy", total.accuracy, baseline=name, correct=total.correct, pixels=total.pixels
            )
    return {name: total.correct / total.pixels for name, total in counts.items()}


def _require_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise RunError(
            where,
            found=str(loss),
            expected="a finite number",
            remedy="lower training.learning_rate, raise training.warmup_fraction, "
            "or set training.precision to float32",
        )


def _write_metrics(folder: RunFolder, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder.metrics, text.getvalue())
