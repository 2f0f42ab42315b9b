"""The run's result, as the event ``result`` states it (S6.3; docs/events.md describes its fields)."""

from __future__ import annotations

from typing import Any

from benchmark.compute.engine import Engine
from benchmark.config.schema import Config
from benchmark.record import stopwatch as timers
from benchmark.stores.opening import Staged
from benchmark.training.evaluate import SceneScore, summarise, total
from benchmark.training.schedule import EarlyStopping

MEANING = (
    "Share of all pixels of all inference scenes whose predicted class (probability of cloud > 0.5) "
    "equals the Bayesian mask's, whole scenes, weights of the epoch with the lowest validation loss."
)


def compose_result(
    config: Config,
    machine: Engine,
    staged: Staged,
    epochs: list[dict[str, Any]],
    stopping: EarlyStopping,
    scores: list[SceneScore],
    compared: dict[str, float],
) -> dict[str, Any]:
    """All that the run says of itself, each figure from what was measured."""
    whole = total(score.bayes for score in scores)
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
        "scores": summarise(scores),
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
        "timing": {f"{name}_seconds": timers.total(name) for name in names}
        | {"seconds_per_scene": round(sum(score.seconds for score in scores) / len(scores), 3)},
    }
