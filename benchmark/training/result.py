"""The run's result, as the event ``result`` states it (S6.3; docs/events.md describes its fields)."""

from __future__ import annotations

from typing import Any

from benchmark.compute.engine import Engine
from benchmark.training.context import RunContext
from benchmark.training.evaluate import SceneScore, summarise, total
from benchmark.training.schedule import EarlyStopping
from benchmark.training.stage import Staged

MEANING = (
    "Share of all pixels of all inference scenes whose predicted class (probability of cloud > 0.5) "
    "equals the Bayesian mask's, whole scenes, weights of the epoch with the lowest validation loss."
)


def compose_result(
    run: RunContext,
    engine: Engine,
    staged: Staged,
    skipped: list[str],
    epochs: list[dict[str, Any]],
    stopping: EarlyStopping,
    scores: list[SceneScore],
    compared: dict[str, float],
) -> dict[str, Any]:
    """All that the run says of itself, each figure from what was measured."""
    config = run.config
    whole = total(score.bayes for score in scores)
    value = whole.correct / whole.pixels
    best = epochs[stopping.best_epoch - 1]
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
            "training_scenes": len(staged.training.records),
            "validation_scenes": len(staged.validation.records),
            "inference_scenes": len(scores),
            "skipped_scenes": skipped,
        },
        "weights_sha256": engine.weights_digest(),
        "precision": engine.precision,
        "timing": {
            "staging_seconds": run.log.seconds("staging"),
            "training_seconds": run.log.seconds("epoch"),
            "evaluation_seconds": run.log.seconds("eval"),
            "inference_seconds": run.log.seconds("inference"),
            "total_seconds": run.log.seconds("run"),
            "seconds_per_scene": round(sum(score.seconds for score in scores) / len(scores), 3),
        },
    }
