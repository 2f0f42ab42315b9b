"""Compose the run's result for the event ``result`` (S6.3; docs/events.md describes its fields)."""

from __future__ import annotations

from typing import Any

from benchmark.config.schema import Config
from benchmark.methods.loading import LoadedMethod
from benchmark.training.context import RunContext
from benchmark.training.evaluate import SceneScore, summarise, total
from benchmark.training.learning.learned import Learned
from benchmark.training.stage import Staged


def meaning(method: LoadedMethod) -> str:
    """Describe the result's value in a sentence."""
    chosen = {
        "network": "weights of the epoch with the lowest validation loss",
        "fitted": "fitted to the training scenes",
        "masks": "as another program made them",
    }
    return (
        "Share of all pixels of all inference scenes whose predicted class (probability of cloud > 0.5) "
        f"equals the Bayesian mask's, whole scenes, {chosen[method.kind]}. Method: {method.about.title}."
    )


def compose_result(
    run: RunContext,
    learned: Learned,
    staged: Staged | None,
    skipped: list[str],
    scores: list[SceneScore],
    compared: dict[str, float],
) -> dict[str, Any]:
    """Return the complete result, each figure from measurements."""
    config = run.config
    whole = total(score.bayes for score in scores)
    value = whole.correct / whole.pixels
    return {
        "format": "cloudmask-result-2",
        "metric": "test_accuracy",
        "meaning": meaning(run.method),
        "value": value,
        "quality_target": config.quality_target,
        "target_reached": value >= config.quality_target,
        **_epochs(config, learned),
        "scores": summarise(scores),
        **_baselines(value, compared),
        "data": {
            "kind": config.data.kind,
            "training_scenes": len(staged.training.records) if staged else 0,
            "validation_scenes": len(staged.validation.records) if staged else 0,
            "inference_scenes": len(scores),
            "skipped_scenes": skipped + (staged.skipped if staged else []),
        },
        "parameters": learned.parameters,
        **({} if learned.operations is None else {"operations": learned.operations}),
        "weights_sha256": learned.sha256,
        "precision": learned.precision,
        "timing": {
            "staging_seconds": run.log.seconds("staging"),
            "training_seconds": run.log.seconds("epoch"),
            "evaluation_seconds": run.log.seconds("eval"),
            "inference_seconds": run.log.seconds("inference"),
            "total_seconds": run.log.seconds("run"),
            "seconds_per_scene": round(sum(score.seconds for score in scores) / len(scores), 3),
        },
    }


def _baselines(value: float, compared: dict[str, float]) -> dict[str, Any]:
    """Return the baselines and whether the score beats them; empty if none could be fitted."""
    if not compared:
        return {}
    return {"baselines": compared, "beats_baselines": all(value > other for other in compared.values())}


def _epochs(config: Config, learned: Learned) -> dict[str, Any]:
    """Return how the epochs ended, and the measurements of the best; empty for masks."""
    if not learned.rows:
        return {}
    best = learned.rows[learned.best_epoch - 1]
    return {
        "epochs_run": len(learned.rows),
        "best_epoch": learned.best_epoch,
        "stopped_by": "early_stop" if len(learned.rows) < config.training.epochs else "epochs",
        "train_loss": best["train_loss"],
        "train_accuracy": best["train_accuracy"],
        # not under the keys of events: upstream's tools look for these in every line
        "validation_loss": best["eval_loss"],
        "validation_accuracy": best["eval_accuracy"],
    }
