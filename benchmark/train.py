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
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark import baselines, engine, evaluate, schedule, system_info, timers
from benchmark.config import Config
from benchmark.config_file import save_config
from benchmark.context import Run
from benchmark.display import Display
from benchmark.errors import RunError
from benchmark.eventlog import EventLog
from benchmark.geometry import training_patch_count
from benchmark.identity import log_identity, log_parameters
from benchmark.patchstore import PatchStore
from benchmark.pipeline import evaluation_batches, training_batches
from benchmark.result import compose_result
from benchmark.run_folder import RunFolder, write_text
from benchmark.scenes import drop_from_page_cache
from benchmark.scores import Confusion, confusion
from benchmark.staging import Staged, stage_scenes
from benchmark.timers import timer


def train_and_score(
    config: Config,
    folder: RunFolder,
    training_scenes: Sequence[Path],
    inference_scenes: Sequence[Path],
    display: Display,
    *,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Run the benchmark into ``folder``; returns the result as it is logged.

    However it ends, the log ends with run_stop, its status success or aborted.
    """
    for path in (folder.checkpoints, folder.masks, folder.plots):
        path.mkdir(exist_ok=True)
    log = EventLog(folder.log)
    run = Run(config, folder, log, display, skip_bad)
    try:
        result = _tell(run, list(training_scenes), list(inference_scenes))
    except BaseException as error:
        shutil.rmtree(folder.staging, ignore_errors=True)  # first: a full disk has room again
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        with contextlib.suppress(OSError):  # the error that is raised matters more
            log.stop("run", status="aborted", reason=reason)
            timers.write_timers(folder)
        raise
    finally:
        log.close()
    return result


def _tell(run: Run, training_scenes: list[Path], inference_scenes: list[Path]) -> dict[str, Any]:
    config, log = run.config, run.log
    timers.reset()
    facts = system_info.system_facts()
    write_text(run.folder.system, json.dumps(facts, indent=2) + "\n")
    save_config(config, run.folder.config)

    # ---- who, and on what
    log_identity(run, facts)
    cleared = drop_from_page_cache([*training_scenes, *inference_scenes])
    log.event("cache_clear", cleared, method="fsync and posix_fadvise(DONTNEED) on every scene file")

    # ---- init: what needs no data
    with log.interval("init"), timer("load"):
        engine.make_deterministic(config.seed)
        precision = engine.resolve_precision(config.training.precision)
        strategy = engine.choose_strategy()
        machine = engine.Engine(config.geometry.patch, config.training.batch_size, precision, strategy)
        machine.trace()
        total_steps = _plan_steps(config, len(training_scenes), machine.global_batch)
        log_parameters(run, facts, machine, total_steps)

    # ---- the clock starts
    log.start("run")
    with timer("total"):
        staged = stage_scenes(run, training_scenes, inference_scenes)
        epochs, stopping = _train(run, machine, staged, total_steps)
        machine.load(run.folder.best_weights)
        scores = _infer(run, machine, staged, facts["git"]["commit"])
        compared = _compare(run, staged)
    result = compose_result(config, machine, staged, epochs, stopping, scores, compared)
    log.event("result", result)
    log.stop("run", status="success")
    # ---- the clock has stopped

    shutil.rmtree(run.folder.staging)
    timers.write_timers(run.folder)
    return result


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
    run: Run, machine: engine.Engine, staged: Staged, total_steps: int
) -> tuple[list[dict[str, Any]], schedule.EarlyStopping]:
    """All epochs: one row of measurements per epoch, and which was best."""
    training, log = run.config.training, run.log
    stopping = schedule.EarlyStopping(training.early_stopping_patience)
    rows: list[dict[str, Any]] = []
    step = 0
    for epoch in range(1, training.epochs + 1):
        with log.interval("epoch", epoch_num=epoch), timer("training") as trained:
            losses, correct, pixels = [], 0, 0
            batches = training_batches(staged.training, machine.global_batch, run.config.seed, epoch)
            with run.display.bar(f"epoch {epoch}/{training.epochs}", len(batches)) as update:
                for number, (inputs, labels) in enumerate(batches, start=1):
                    rate = schedule.learning_rate(training, step, total_steps)
                    loss, hits = machine.train_step(inputs, labels, rate)
                    _require_finite(loss, f"training loss, epoch {epoch}, step {number} of {len(batches)}")
                    step += 1
                    losses.append(loss)
                    correct, pixels = correct + hits, pixels + len(inputs) * machine.pixels
                    update(number, f"loss {loss:.4f} accuracy {correct / pixels:.4f}")
            train_loss, train_accuracy = math.fsum(losses) / len(losses), correct / pixels
            log.event("train_loss", train_loss, epoch_num=epoch)
            log.event("train_accuracy", train_accuracy, epoch_num=epoch, correct=correct, pixels=pixels)
        with log.interval("eval", epoch_num=epoch), timer("evaluation") as evaluated:
            eval_loss, correct, pixels = _evaluate(run, machine, staged.validation, epoch)
            log.event("eval_loss", eval_loss, epoch_num=epoch)
            log.event("eval_accuracy", correct / pixels, epoch_num=epoch, correct=correct, pixels=pixels)
        if stopping.improved(epoch, eval_loss):
            machine.save(run.folder.best_weights)
        row = {
            "epoch": epoch,
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "eval_loss": eval_loss,
            "eval_accuracy": correct / pixels,
            "learning_rate": rate,
            "training_seconds": trained.seconds,
            "evaluation_seconds": evaluated.seconds,
        }
        rows.append(row)
        _write_metrics(run.folder, rows)
        run.display.say(
            f"epoch {epoch}/{training.epochs}: train loss {train_loss:.4f} accuracy {train_accuracy:.4f}, "
            f"validation loss {eval_loss:.4f} accuracy {correct / pixels:.4f}, "
            f"{trained.seconds + evaluated.seconds:.1f} s"
        )
        if stopping.exhausted(epoch) and epoch < training.epochs:
            log.event("early_stop", epoch, best_epoch=stopping.best_epoch)
            run.display.say(f"stopped early: no better validation loss since epoch {stopping.best_epoch}")
            break
    machine.save(run.folder.last_weights)
    return rows, stopping


def _evaluate(run: Run, machine: engine.Engine, store: PatchStore, epoch: int) -> tuple[float, int, int]:
    """Mean loss, correct pixels and pixels of all patches of ``store``."""
    losses, correct, pixels = [], 0, 0
    batches = evaluation_batches(store, machine.global_batch)
    with run.display.bar("validation", len(batches)) as update:
        for number, (inputs, labels) in enumerate(batches, start=1):
            loss, hits = machine.evaluate_step(inputs, labels)
            losses.append(loss)
            correct, pixels = correct + hits, pixels + len(inputs) * machine.pixels
            update(number, f"accuracy {correct / pixels:.4f}")
    mean = math.fsum(losses) / pixels
    _require_finite(mean, f"validation loss, epoch {epoch}")
    return mean, correct, pixels


def _infer(run: Run, machine: engine.Engine, staged: Staged, commit: str | None) -> list[evaluate.SceneScore]:
    """Predict, write and score every inference scene."""
    attributes = {
        "model": "U-Net of the CloudMask reference, weights of the best epoch",
        "seed": run.config.seed,
        "commit": commit or "unknown",
        "synthetic": run.config.data.kind == "synthetic",
    }
    scores: list[evaluate.SceneScore] = []
    with run.log.interval("inference"), timer("inference"):
        with run.display.bar("inference", len(staged.inference)) as update:
            for score in evaluate.score_scenes(
                staged.inference,
                run.read,
                machine.predict,
                run.config.geometry,
                machine.global_batch,
                run.folder.mask,
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


def _compare(run: Run, staged: Staged) -> dict[str, float]:
    """Accuracy of each baseline on the inference scenes."""
    with run.log.interval("baselines"), timer("baselines"):
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
