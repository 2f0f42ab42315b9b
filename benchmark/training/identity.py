"""What a run says before the clock: who submits, on what, and with which hyperparameters."""

from __future__ import annotations

import json
from typing import Any

from benchmark.compute.engine import ADAM, Engine
from benchmark.config.files import save_config
from benchmark.core.files import write_text
from benchmark.record import system_info
from benchmark.training import schedule
from benchmark.training.context import RunContext


def keep_facts(run: RunContext, facts: dict[str, Any]) -> None:
    """Write what this start measured of its node, and at the first start the configuration.

    Warns where a resumed run has other hardware than its first start.
    """
    earlier = run.folder.systems
    write_text(run.folder.system_of(len(earlier) + 1), json.dumps(facts, indent=2) + "\n")
    if not earlier:
        save_config(run.config, run.folder.config)
    elif changes := hardware_changes(json.loads(earlier[0].read_text(encoding="utf-8")), facts):
        run.display.warn(f"resumed on other hardware than the run began on: {'; '.join(changes)}")


def hardware_changes(first: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of the hardware that computes differs between the facts of two starts."""

    def hardware(facts: dict[str, Any]) -> dict[str, str]:
        return {
            "processor": facts["cpu"]["model"],
            "instruction sets": ", ".join(facts["cpu"]["flags"]) or "none",
            "accelerators": ", ".join(each["model"] for each in facts["accelerators"]) or "none",
        }

    before, after = hardware(first), hardware(now)
    return [f"{name} {after[name]}, was {before[name]}" for name in before if before[name] != after[name]]


def log_identity(run: RunContext, facts: dict[str, Any]) -> None:
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


def log_parameters(run: RunContext, facts: dict[str, Any], engine: Engine, total_steps: int) -> None:
    config, training = run.config, run.config.training
    values = {
        "seed": config.seed,
        "data_kind": config.data.kind,
        "config_digest": config.digest(),
        "number_of_nodes": facts["number_of_nodes"],
        "accelerators_per_node": engine.accelerators,
        "number_of_ranks": engine.replicas,
        "global_batch_size": engine.global_batch,
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
        "precision": engine.precision,
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
