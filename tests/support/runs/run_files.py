"""The files of a run typed by hand besides its log, computed from its events by arithmetic alone."""

from __future__ import annotations

import math
import time
from typing import Any

from benchmark.config.schema import Config

Lines = list[dict[str, Any]]

METRICS = (
    *("epoch", "train_loss", "train_accuracy", "eval_loss", "eval_accuracy"),
    *("learning_rate", "training_seconds", "evaluation_seconds"),
)


def value_of(lines: Lines, key: str) -> Any:
    return next((line["value"] for line in lines if line["key"] == key), None)


def state_config(lines: Lines, config: Config) -> None:
    """Set the values of events to those of the configuration."""
    training, submission = config.training, config.submission
    steps = value_of(lines, "train_samples") // training.batch_size * training.epochs
    stated = {
        "submission_status": submission.status,
        "submission_platform": submission.platform,
        "submission_poc_name": submission.poc_name,
        "submission_poc_email": submission.poc_email,
        "data_kind": config.data.kind,
        **dict.fromkeys(("global_batch_size", "local_batch_size"), training.batch_size),
        **dict.fromkeys(("batch_size", "micro_batch_size"), training.batch_size),
        "epochs": training.epochs,
        "early_stopping_patience": training.early_stopping_patience,
        **dict.fromkeys(("opt_base_learning_rate", "learning_rate"), training.learning_rate),
        "opt_learning_rate_warmup_steps": round(training.warmup_fraction * steps),
        "opt_learning_rate_decay_schedule": training.schedule,
        "augmentation": training.augmentation,
        "patch_size": config.geometry.patch,
        "crop_size": config.geometry.crop,
        "min_sst": config.min_sst,
        "train_split": config.split.train_fraction,
        "split_seed": config.split.seed,
        "quality_target": config.quality_target,
    }
    for line in lines:
        line["value"] = stated.get(line["key"], line["value"])
    lines[:] = [line for line in lines if not (line["key"] in stated and line["value"] is None)]


def metrics_text(lines: Lines) -> str:
    """Return the metrics.csv of a log."""
    by_epoch: dict[int, dict[str, Any]] = {}
    for line in lines:
        if "epoch_num" in line["metadata"]:
            by_epoch.setdefault(line["metadata"]["epoch_num"], {})[line["key"]] = line
    rows = [",".join(METRICS)]
    for epoch, events in sorted(by_epoch.items()):
        if {*METRICS[1:5], "epoch_start", "epoch_stop", "eval_start", "eval_stop"} <= events.keys():
            measured = [events[key]["value"] for key in METRICS[1:5]]
            seconds = [
                (events[f"{name}_stop"]["time_ms"] - events[f"{name}_start"]["time_ms"]) / 1000
                for name in ("epoch", "eval")
            ]
            rows.append(",".join(map(repr, (epoch, *measured, last_rate(lines, epoch), *seconds))))
    return "\n".join(rows) + "\n"


def last_rate(lines: Lines, epoch: int) -> float:
    """Return the learning rate of an epoch's last step."""
    peak, rising = value_of(lines, "learning_rate"), value_of(lines, "opt_learning_rate_warmup_steps")
    if peak is None:
        return 0.0
    steps = value_of(lines, "train_samples") // value_of(lines, "global_batch_size")
    total, last = steps * value_of(lines, "epochs"), epoch * steps - 1
    if last < rising:
        return float(peak * (last + 1) / rising)
    if value_of(lines, "opt_learning_rate_decay_schedule") == "constant":
        return float(peak)
    return float(peak * (1 + math.cos(math.pi * (last - rising) / (total - rising))) / 2)


def measured_at(lines: Lines) -> str:
    """Return when a run's node was measured: in the second of the first event."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(lines[0]["time_ms"] // 1000))
