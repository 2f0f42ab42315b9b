"""Train the epochs of a run: steps, evaluation, best weights, checkpoints, early stopping."""

from __future__ import annotations

import contextlib
import math
import signal
import time

from benchmark.compute.batches import evaluation_batches, training_batches
from benchmark.compute.engine import Engine
from benchmark.compute.scalars import open_scalars
from benchmark.config.schedule import learning_rate
from benchmark.core.errors import MethodError, RunError
from benchmark.core.interruption import Interrupted
from benchmark.record.energy import energy_between
from benchmark.stores.patchstore import PatchStore
from benchmark.training.context import RunContext
from benchmark.training.learning.checkpoint import Progress, save_checkpoint
from benchmark.training.learning.metrics import write_metrics
from benchmark.training.learning.stopping import EarlyStopping
from benchmark.training.stage import Staged

#: Lowest standard deviation of validation probabilities; below it the network predicts a constant.
DEAD = 1e-3


def train_epochs(
    run: RunContext, engine: Engine, staged: Staged, total_steps: int, progress: Progress
) -> EarlyStopping:
    """Train the remaining epochs; return the state of early stopping, with the best epoch."""
    training, log = run.config.training, run.log
    stopping = EarlyStopping(training.early_stopping_patience)
    for row in progress.rows:
        stopping.improved(row["epoch"], row["eval_loss"])
    writing = run.options.tensorboard and run.cluster.is_chief
    scalars = open_scalars(run.folder.tensorboard) if writing else contextlib.nullcontext()
    with run.interruption.deferred(), scalars as write_scalars:
        for epoch in range(progress.epoch + 1, training.epochs + 1):
            if stopping.exhausted(progress.epoch):
                log.event("early_stop", progress.epoch, best_epoch=stopping.best_epoch)
                run.display.say(
                    f"early stopping: validation loss has not improved since epoch {stopping.best_epoch}"
                )
                break
            before = _energy(run) if progress.step == 0 else None  # not for part of an epoch
            with log.interval("epoch", epoch_num=epoch) as trained:
                rate = _train_epoch(run, engine, staged.training.store, total_steps, progress)
                train_loss = math.fsum(progress.losses) / len(progress.losses)
                correct, pixels = progress.correct, progress.pixels
                train_accuracy = correct / pixels
                log.event("train_loss", train_loss, epoch_num=epoch)
                log.event("train_accuracy", train_accuracy, epoch_num=epoch, correct=correct, pixels=pixels)
            with log.interval("eval", epoch_num=epoch) as evaluated:
                eval_loss, correct, pixels, stop = _evaluate(run, engine, staged.validation.store, epoch)
                log.event("eval_loss", eval_loss, epoch_num=epoch)
                log.event("eval_accuracy", correct / pixels, epoch_num=epoch, correct=correct, pixels=pixels)
                if spent := energy_between(before, _energy(run)):
                    joules = round(sum(spent.values()), 3)
                    log.event("epoch_energy", joules, epoch_num=epoch, sources=", ".join(spent))
            if stopping.improved(epoch, eval_loss) and run.cluster.is_chief:
                engine.save(run.folder.best_weights)
            patches = progress.pixels // engine.trained_pixels
            progress.end_epoch(
                {
                    "epoch": epoch,
                    "train_loss": train_loss,
                    "train_accuracy": train_accuracy,
                    "eval_loss": eval_loss,
                    "eval_accuracy": correct / pixels,
                    "learning_rate": rate,
                    "training_seconds": trained.seconds,
                    "evaluation_seconds": evaluated.seconds,
                }
            )
            if write_scalars:
                write_scalars(progress.rows[-1], patches)
            _end_epoch(run, engine, progress)
            _end_here(run, stop)
    if run.cluster.is_chief:
        engine.save(run.folder.last_weights)
    return stopping


def _train_epoch(
    run: RunContext, engine: Engine, store: PatchStore, total_steps: int, progress: Progress
) -> float:
    """Take the remaining steps of an epoch, writing checkpoints; return the epoch's last learning rate."""
    training, epoch = run.config.training, progress.epoch + 1
    steps = store.count // engine.global_batch
    batches = training_batches(
        store,
        engine.global_batch,
        run.config.seed,
        epoch,
        augmentation=training.augmentation,
        start=progress.step,
        share=run.cluster.share,
        device=engine.device,
    )
    next_checkpoint = time.monotonic() + 60 * run.config.checkpoints.every_minutes
    with run.display.bar(f"epoch {epoch}/{training.epochs}", steps) as update:
        for inputs, labels in batches:
            rate = learning_rate(training, progress.epoch * steps + progress.step, total_steps)
            requested = run.interruption.requested is not None
            loss, hits, stop = engine.train_step(inputs, labels, rate, requested)
            progress.step += 1
            _require_finite(loss, f"training loss, epoch {epoch}, step {progress.step} of {steps}")
            progress.losses.append(loss)
            progress.correct += hits
            progress.pixels += engine.global_batch * engine.trained_pixels
            accuracy = progress.correct / progress.pixels
            update(progress.step, f"loss {loss:.4f} accuracy {accuracy:.4f}")
            if stop or time.monotonic() >= next_checkpoint:
                save_progress(run, engine, progress)
                next_checkpoint = time.monotonic() + 60 * run.config.checkpoints.every_minutes
            _end_here(run, stop)
    return learning_rate(training, epoch * steps - 1, total_steps)


def _evaluate(run: RunContext, engine: Engine, store: PatchStore, epoch: int) -> tuple[float, int, int, bool]:
    """Return mean loss, correct pixels and pixels over all of ``store``, and whether a signal came."""
    losses, correct, total, squares, stop = [], 0, 0.0, 0.0, False
    batches = evaluation_batches(store, engine.global_batch, share=run.cluster.share, device=engine.device)
    steps = -(-store.count // engine.global_batch)
    pixels = store.count * engine.pixels
    with run.display.bar("validation", steps) as update:
        for number, (inputs, labels) in enumerate(batches, start=1):
            requested = run.interruption.requested is not None
            batch = engine.evaluate_step(inputs, labels, requested)
            losses.append(batch.loss)
            correct += batch.correct
            total, squares, stop = total + batch.sum, squares + batch.squares, batch.stop
            update(number, "")
    mean = math.fsum(losses) / pixels
    _require_finite(mean, f"validation loss, epoch {epoch}")
    _require_alive(math.sqrt(max(squares / pixels - (total / pixels) ** 2, 0)), total / pixels, epoch)
    return mean, correct, pixels, stop


def _end_epoch(run: RunContext, engine: Engine, progress: Progress) -> None:
    """Save and report the results of an epoch."""
    row = progress.rows[-1]
    if run.cluster.is_chief:
        write_metrics(run, progress.rows)
    save_progress(run, engine, progress)
    run.display.say(
        f"epoch {progress.epoch}/{run.config.training.epochs}: "
        f"train loss {row['train_loss']:.4f} accuracy {row['train_accuracy']:.4f}, "
        f"validation loss {row['eval_loss']:.4f} accuracy {row['eval_accuracy']:.4f}, "
        f"{row['training_seconds'] + row['evaluation_seconds']:.1f} s"
    )


def _end_here(run: RunContext, stop: bool) -> None:
    """End the run just after a checkpoint, if a signal on any worker asked for it."""
    if stop:
        raise Interrupted(run.interruption.requested or signal.SIGTERM)


def save_progress(run: RunContext, engine: Engine, progress: Progress) -> None:
    """Write a checkpoint, if this is the chief."""
    if run.cluster.is_chief:
        folder, keep = run.folder.checkpoints, run.config.checkpoints.keep
        log = run.log
        save_checkpoint(folder, progress, engine.tensors(), log.position(), log.now_ms(), keep)


def _energy(run: RunContext) -> dict[str, float] | None:
    return run.telemetry.energy() if run.telemetry else None


def _require_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise RunError(
            where,
            found=str(loss),
            expected="a finite number",
            remedy="lower training.learning_rate, raise training.warmup_fraction, "
            "or set training.precision to float32",
        )


def _require_alive(deviation: float, mean: float, epoch: int) -> None:
    """Refuse to continue if every pixel of every validation scene gets the same probability."""
    if deviation < DEAD:
        raise MethodError(
            f"predictions after epoch {epoch}",
            found=f"{mean:.4f} for every pixel of the validation patches, +- {deviation:.1g}",
            expected=f"probabilities that differ (standard deviation of {DEAD} or more)",
            remedy="the network's output has died: lower training.learning_rate, raise "
            "training.warmup_fraction, or take another --seed",
        )
