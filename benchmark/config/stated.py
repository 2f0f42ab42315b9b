"""The log entries that follow from the configuration alone: a run logs them, the checker compares them."""

from __future__ import annotations

from typing import Any

from benchmark.config.schema import Config


def parameters_of(config: Config) -> dict[str, Any]:
    """Return a log's parameters (docs/events.md) by key, valid for any method and any devices."""
    training = config.training
    return {
        "data_kind": config.data.kind,
        "local_batch_size": training.batch_size,
        "micro_batch_size": training.batch_size,
        "epochs": training.epochs,
        "early_stopping_patience": training.early_stopping_patience,
        "augmentation": training.augmentation,
        "patch_size": config.geometry.patch,
        "crop_size": config.geometry.crop,
        "min_sst": config.min_sst,
        "train_split": config.split.train_fraction,
        "split_seed": config.split.seed,
        "quality_target": config.quality_target,
    }


def optimization_of(config: Config) -> dict[str, Any]:
    """Return the further parameters of a method that trains in steps."""
    training = config.training
    return {
        "opt_base_learning_rate": training.learning_rate,
        "learning_rate": training.learning_rate,
        "opt_learning_rate_decay_schedule": training.schedule,
    }
