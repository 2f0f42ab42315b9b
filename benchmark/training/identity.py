"""The events before the clock: who submits, on what, and with which hyperparameters."""

from __future__ import annotations

from typing import Any

from benchmark.compute.engine import ADAM, Engine
from benchmark.record import system_info
from benchmark.training import schedule
from benchmark.training.context import Run


def log_identity(run: Run, facts: dict[str, Any]) -> None:
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


def log_parameters(run: Run, facts: dict[str, Any], machine: Engine, total_steps: int) -> None:
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
        "opt_adam_beta_1": ADAM["beta_1"],
        "opt_adam_beta_2": ADAM["beta_2"],
        "opt_adam_epsilon": ADAM["epsilon"],
        "opt_learning_rate_warmup_steps": schedule.warmup_steps(training, total_steps),
        "opt_learning_rate_decay_schedule": training.schedule,
        "precision": machine.precision,
        "augmentation": training.augmentation,
        "patch_size": config.geometry.patch,
        "crop_size": config.geometry.crop,
        "min_sst": config.min_sst,
        "train_split": config.split.train_fraction,
        "split_seed": config.split.seed,
        "quality_target": config.quality_target,
    }
    for key, value in values.items():
        run.log.event(key, value)
