"""Train a network: the engine, the epochs, and the weights of the best epoch."""

from __future__ import annotations

import math
import os

from benchmark.compute.devices import BY_DRIVER, ORDER, VISIBLE, promised
from benchmark.compute.engine import (
    Engine,
    accelerator_names,
    choose_strategy,
    make_deterministic,
    require_promised,
    resolve_precision,
)
from benchmark.compute.operations import forward_operations
from benchmark.core.errors import RunError
from benchmark.record.system_info import gpus
from benchmark.record.weights import save_weights, weights_digest
from benchmark.scenes.geometry import training_patch_count
from benchmark.training.context import RunContext
from benchmark.training.evaluate import by_patches
from benchmark.training.identity import Computing, optimization_facts
from benchmark.training.learning.checkpoint import Checkpoint, Progress
from benchmark.training.learning.epochs import save_progress, train_epochs
from benchmark.training.learning.learned import Learned
from benchmark.training.stage import Staged


class NetworkLearner:
    """The engine of a run, prepared within init."""

    def __init__(self, run: RunContext, training_scenes: int) -> None:
        config, training = run.config, run.config.training
        self._run = run
        os.environ.setdefault(ORDER, BY_DRIVER)  # before CUDA reads it: telemetry samples by these numbers
        require_promised(promised(os.environ))
        make_deterministic(config.seed)
        precision = resolve_precision(training.precision)
        self._engine = Engine(
            run.method.network,
            config.geometry.patch,
            training.batch_size,
            precision,
            choose_strategy(run.cluster),
            run.cluster,
            crop=config.geometry.crop,
            xla=training.xla,
        )
        if not self._engine.accelerators and VISIBLE not in os.environ and (cards := gpus()):
            models = ", ".join(card["model"] for card in cards)
            run.display.warn(f"computing on the CPU, but the driver has {models} (docs/training.md, GPU)")
        run.display.say(f"computing on {accelerator_names() or 'the CPU'}")
        run.interruption.reinstall()  # TensorFlow takes SIGTERM if several workers train
        self._engine.trace()
        self._total_steps = _plan_steps(run, training_scenes, self._engine.global_batch)

    @property
    def computing(self) -> Computing:
        engine, config = self._engine, self._run.config
        optimization = optimization_facts(config, self._total_steps, engine.optimizer_facts)
        return Computing(
            engine.accelerators,
            engine.replicas,
            engine.precision,
            optimization,
            self._run.method.network.margin,
            accelerator_names(),
        )

    def learn(self, staged: Staged | None, checkpoint: Checkpoint | None) -> Learned:
        """Train, from a checkpoint if there is one, and load the best weights."""
        assert staged is not None
        run, engine = self._run, self._engine
        progress = _restore(run, engine, checkpoint)
        stopping = train_epochs(run, engine, staged, self._total_steps, progress)
        engine.workers.barrier()  # the chief has written the best weights
        engine.load(run.folder.best_weights)
        if run.cluster.is_chief:
            save_weights(run.folder.weights, engine.weights)
        return Learned(
            predict=by_patches(engine.predict, run.config.geometry, engine.global_batch),
            predict_whole=lambda scene: engine.predict_whole(scene.inputs),
            rows=progress.rows,
            best_epoch=stopping.best_epoch,
            weights="weights of the best epoch",
            sha256=weights_digest(engine.weights),
            parameters=engine.parameters,
            precision=engine.precision,
            operations=forward_operations(engine.model),
        )


def _restore(run: RunContext, engine: Engine, checkpoint: Checkpoint | None) -> Progress:
    """Restore a checkpoint's state, or write the first checkpoint. All workers must have the same."""
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
        run.log.skip(but=1 if progress.step else 0)  # the start of an unfinished epoch is logged again
        run.display.say(f"resumed after epoch {progress.epoch}, step {progress.step} of the next")
    return progress


def _plan_steps(run: RunContext, scenes: int, global_batch: int) -> int:
    """Return the number of steps the learning rate plans for; scenes skipped later do not change it."""
    config = run.config
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
