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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cloudmesh.common.StopWatch import StopWatch

from benchmark import baselines, engine, evaluate, schedule, system_info
from benchmark.config import Config, save_config
from benchmark.display import Display
from benchmark.errors import RunError, SceneError
from benchmark.eventlog import EventLog
from benchmark.geometry import training_patch_count
from benchmark.patchstore import PatchStore, StagingReport, open_store, stage
from benchmark.pipeline import evaluation_batches, training_batches
from benchmark.run_folder import RunFolder, write_text
from benchmark.scenes import Scene, check_scene, drop_from_page_cache, read_scene, split
from benchmark.scores import Confusion, confusion

MEANING = (
    "Share of all pixels of all inference scenes whose predicted class (probability of cloud > 0.5) "
    "equals the Bayesian mask's, whole scenes, weights of the epoch with the lowest validation loss."
)


@dataclass(frozen=True)
class Run:
    """What a run works with."""

    config: Config
    folder: RunFolder
    log: EventLog
    display: Display
    skip_bad: bool

    def read(self, path: Path) -> Scene:
        """A scene of the configured size and kind. Raises SceneError."""
        geometry = self.config.geometry
        scene = read_scene(path, (geometry.rows, geometry.columns))
        kind = "synthetic" if scene.synthetic else "slstr"
        if kind != self.config.data.kind:
            raise SceneError(
                path,
                found=f"a scene of kind {kind}",
                expected=f"data.kind {self.config.data.kind}, as configured",
                remedy="correct data.kind, or use another folder",
            )
        return scene


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
            _write_timers(folder)
        raise
    finally:
        log.close()
    return result


def _tell(run: Run, training_scenes: list[Path], inference_scenes: list[Path]) -> dict[str, Any]:
    config, log = run.config, run.log
    StopWatch.clear()
    facts = system_info.system_facts()
    write_text(run.folder.system, json.dumps(facts, indent=2) + "\n")
    save_config(config, run.folder.config)

    # ---- who, and on what
    _log_identity(run, facts)
    cleared = drop_from_page_cache([*training_scenes, *inference_scenes])
    log.event("cache_clear", cleared, method="fsync and posix_fadvise(DONTNEED) on every scene file")

    # ---- init: what needs no data
    with log.interval("init"), _timer("load"):
        engine.make_deterministic(config.seed)
        precision = engine.resolve_precision(config.training.precision)
        strategy = engine.choose_strategy()
        machine = engine.Engine(config.geometry.patch, config.training.batch_size, precision, strategy)
        machine.trace()
        total_steps = _plan_steps(config, len(training_scenes), machine.global_batch)
        _log_parameters(run, facts, machine, total_steps)

    # ---- the clock starts
    log.start("run")
    with _timer("total"):
        staged = _stage(run, training_scenes, inference_scenes)
        epochs, stopping = _train(run, machine, staged, total_steps)
        machine.load(run.folder.best_weights)
        scores = _infer(run, machine, staged, facts["git"]["commit"])
        compared = _compare(run, staged)
    result = _result(run, machine, staged, epochs, stopping, scores, compared)
    log.event("result", result)
    log.stop("run", status="success")
    # ---- the clock has stopped

    shutil.rmtree(run.folder.staging)
    _write_timers(run.folder)
    return result


def _log_identity(run: Run, facts: dict[str, Any]) -> None:
    submission, log = run.config.submission, run.log
    version = system_info.benchmark_version()
    log.event("submission_benchmark", "cloudmask")
    log.event("submission_org", submission.org)
    log.event("submission_division", submission.division)
    log.event("submissiom_version", version)
    log.event("submission_version", version)
    git = facts["git"]
    log.event("submission_github_commit_version", git["commit"] or "unknown", dirty=git["dirty"])
    log.event("submission_status", submission.status)
    log.event("submission_platform", submission.platform or system_info.platform_name(facts))
    if submission.poc_name is not None:
        log.event("submission_poc_name", submission.poc_name)
    if submission.poc_email is not None:
        log.event("submission_poc_email", submission.poc_email)


def _log_parameters(run: Run, facts: dict[str, Any], machine: engine.Engine, total_steps: int) -> None:
    config, training = run.config, run.config.training
    values = {
        "seed": config.seed,
        "data_kind": config.data.kind,
        "config_digest": config.digest(),
        "number_of_nodes": facts["number_of_nodes"],
        "accelerators_per_node": machine.accelerators,
        "number_of_ranks": machine.replicas,
        "global_batch_size": machine.global_batch,
        "local_batch_size": training.batch_size,
        "gradient_accumulation_steps": 1,
        "epochs": training.epochs,
        "early_stopping_patience": training.early_stopping_patience,
        "opt_name": "adam",
        "opt_base_learning_rate": training.learning_rate,
        "opt_adam_beta_1": engine.ADAM["beta_1"],
        "opt_adam_beta_2": engine.ADAM["beta_2"],
        "opt_adam_epsilon": engine.ADAM["epsilon"],
        "opt_learning_rate_warmup_steps": schedule.warmup_steps(training, total_steps),
        "opt_learning_rate_decay_schedule": training.schedule,
        "precision": machine.precision,
        "patch_size": config.geometry.patch,
        "crop_size": config.geometry.crop,
        "min_sst": config.min_sst,
        "train_split": config.split.train_fraction,
        "split_seed": config.split.seed,
        "quality_target": config.quality_target,
    }
    for key, value in values.items():
        run.log.event(key, value)


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


@dataclass(frozen=True)
class Staged:
    """What staging leaves to the rest of the run."""

    training: PatchStore
    validation: PatchStore
    training_scenes: int
    validation_scenes: int
    inference: list[Path]
    skipped: list[str]


def _stage(run: Run, training_scenes: list[Path], inference_scenes: list[Path]) -> Staged:
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

    with run.log.interval("staging") as at_stop, _timer("staging"):
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


def _train(
    run: Run, machine: engine.Engine, staged: Staged, total_steps: int
) -> tuple[list[dict[str, Any]], schedule.EarlyStopping]:
    """All epochs: one row of measurements per epoch, and which was best."""
    training, log = run.config.training, run.log
    stopping = schedule.EarlyStopping(training.early_stopping_patience)
    rows: list[dict[str, Any]] = []
    step = 0
    for epoch in range(1, training.epochs + 1):
        with log.interval("epoch", epoch_num=epoch), _timer("training") as trained:
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
        with log.interval("eval", epoch_num=epoch), _timer("evaluation") as evaluated:
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
    with run.log.interval("inference"), _timer("inference"):
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
    with run.log.interval("baselines"), _timer("baselines"):
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


def _result(
    run: Run,
    machine: engine.Engine,
    staged: Staged,
    epochs: list[dict[str, Any]],
    stopping: schedule.EarlyStopping,
    scores: list[evaluate.SceneScore],
    compared: dict[str, float],
) -> dict[str, Any]:
    """The value of the event ``result`` (S6.3); docs/events.md describes its fields."""
    config = run.config
    whole = evaluate.total(score.bayes for score in scores)
    value = whole.correct / whole.pixels
    best = epochs[stopping.best_epoch - 1]
    names = ("staging", "training", "evaluation", "inference", "total")
    return {
        "format": "cloudmask-result-1",
        "metric": "test_accuracy",
        "meaning": MEANING,
        "value": value,
        "quality_target": config.quality_target,
        "target_reached": value >= config.quality_target,
        "epochs_run": len(epochs),
        "best_epoch": stopping.best_epoch,
        "stopped_by": "early_stop" if len(epochs) < config.training.epochs else "epochs",
        **{name: best[name] for name in ("train_loss", "train_accuracy", "eval_loss", "eval_accuracy")},
        "scores": evaluate.summarise(scores),
        "baselines": compared,
        "beats_baselines": all(value > other for other in compared.values()),
        "data": {
            "kind": config.data.kind,
            "training_scenes": staged.training_scenes,
            "validation_scenes": staged.validation_scenes,
            "inference_scenes": len(scores),
            "skipped_scenes": staged.skipped,
        },
        "weights_sha256": machine.weights_digest(),
        "precision": machine.precision,
        "timing": {f"{name}_seconds": StopWatch.sum(name, digits=3) for name in names}
        | {"seconds_per_scene": round(sum(score.seconds for score in scores) / len(scores), 3)},
    }


def _require_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise RunError(
            where,
            found=str(loss),
            expected="a finite number",
            remedy="lower training.learning_rate, raise training.warmup_fraction, "
            "or set training.precision to float32",
        )


class _Timer:
    """Seconds of one use of a timer, known when its block has ended."""

    seconds = math.nan


@contextlib.contextmanager
def _timer(name: str) -> Iterator[_Timer]:
    """Run the cloudmesh StopWatch ``name`` during a block; it sums over all its uses."""
    timer = _Timer()
    StopWatch.start(name)
    try:
        yield timer
    finally:
        StopWatch.stop(name)
        timer.seconds = StopWatch.get(name, digits=3)


def _write_metrics(folder: RunFolder, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder.metrics, text.getvalue())


def _write_timers(folder: RunFolder) -> None:
    """The StopWatch's table and its CSV lines, without user and host."""
    table = io.StringIO()
    with contextlib.redirect_stdout(table):
        StopWatch.benchmark(
            sysinfo=False, user="", node="", attributes=["timer", "status", "time", "sum", "start"]
        )
    write_text(folder.timers, table.getvalue().strip() + "\n")
