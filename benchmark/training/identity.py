"""Log what a run states before the clock starts: submitter, system and hyperparameters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmark.config.files import save_config
from benchmark.config.schedule import warmup_steps
from benchmark.config.schema import Config
from benchmark.config.stated import optimization_of, parameters_of
from benchmark.core.files import write_text
from benchmark.record import system_info
from benchmark.record.announcement import read_announcement
from benchmark.record.code.provenance import not_submittable
from benchmark.record.events import NUMERICS, OPTIMIZERS, PARALLELISM, PARAMETERS, RULES_EDITION
from benchmark.record.system_facts import hardware_changes, platform_name
from benchmark.training.context import RunContext


class Computing(NamedTuple):
    """The computing setup: accelerators of a node, replicas of a batch, precision, and optimization."""

    accelerators: int = 0
    replicas: int = 1
    precision: str = "float32"
    optimization: Mapping[str, Any] = {}
    margin: int = 0
    #: The accelerators by count and name.
    names: str = ""


def keep_facts(run: RunContext, facts: dict[str, Any]) -> None:
    """Write the facts this start measured about its node; at the first start also configuration and method.

    Warns if a resumed run has different hardware from its first start.
    """
    if reason := not_submittable(facts["git"]):
        run.display.warn(f"this run cannot be submitted: {reason}")
    earlier = run.folder.systems
    write_text(run.folder.system_of(len(earlier) + 1), json.dumps(facts, indent=2) + "\n")
    if not earlier:
        save_config(run.config, run.folder.config)
        if run.method.is_users_file:
            shutil.copyfile(run.method.path, run.folder.method)
    elif changes := hardware_changes(json.loads(earlier[0].read_text(encoding="utf-8")), facts):
        run.display.warn(f"resumed on other hardware than the run began on: {'; '.join(changes)}")


def log_identity(run: RunContext, facts: dict[str, Any]) -> None:
    submission, log = run.config.submission, run.log
    version = system_info.benchmark_version()
    log.event("rules_edition", RULES_EDITION)
    log.event("submission_benchmark", "cloudmask")
    log.event("submission_org", submission.org)
    log.event("submission_division", submission.division)
    log.event("submissiom_version", version)
    log.event("submission_version", version)
    git = facts["git"]
    log.event("submission_github_commit_version", git["commit"] or "unknown", dirty=git["dirty"])
    log.event("submission_status", submission.status)
    log.event("submission_platform", submission.platform or platform_name(facts))
    if submission.poc_name is not None:
        log.event("submission_poc_name", submission.poc_name)
    if submission.poc_email is not None:
        log.event("submission_poc_email", submission.poc_email)


def log_parameters(run: RunContext, facts: dict[str, Any], computing: Computing) -> None:
    """Log the hyperparameters and facts that every log states within init, in the order of the vocabulary.

    Raises RunError if the announcement of an experiment is damaged.
    """
    config, method, batch = run.config, run.method, run.config.training.batch_size
    about, announced = method.about, read_announcement(run.folder.announcement)
    values: dict[str, Any] = {
        **parameters_of(config),
        "seed": config.seed,
        "method": method.name,
        "method_kind": method.kind,
        "method_source": method.source,
        "method_sha256": method.sha256,
        "method_options": dict(method.options),
        "config_digest": config.digest(),
        "number_of_nodes": facts["number_of_nodes"],
        "accelerators_per_node": computing.accelerators,
        "number_of_ranks": computing.replicas,
        "global_batch_size": batch * computing.replicas,
        "batch_size": batch * computing.replicas,
        "gradient_accumulation_steps": 1,
        **computing.optimization,
        "precision": computing.precision,
        "lowest_numerical_precision_in_linear": NUMERICS[computing.precision],
        "lowest_numerical_precision_in_attn": NUMERICS[computing.precision],
        "lowest_numerical_precision_in_comm": "fp32",  # gradients are summed in the precision they have
        **dict.fromkeys(PARALLELISM, 1),
        "config_filename": run.folder.config.name,
    }
    metadata: dict[str, dict[str, str]] = {
        "method": {
            "title": about.title,
            "citations": "\n".join(about.citations),
            "adapted": about.adapted,
            "licence": about.licence,
        }
    }
    if computing.names:
        metadata["accelerators_per_node"] = {"names": computing.names}
    if computing.margin:
        values["training_margin"] = computing.margin
    if announced:
        values["experiment"] = announced.experiment
        metadata["experiment"] = {"seeds": announced.seeds, "sha256": announced.sha256}
    assert values.keys() <= set(PARAMETERS)
    for key in filter(values.__contains__, PARAMETERS):
        run.log.event(key, values[key], **metadata.get(key, {}))


def optimization_facts(config: Config, total_steps: int, optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a log states about steps: the optimizer's settings as in Keras, and the schedule."""
    name = str(optimizer["name"]).lower()
    values: dict[str, Any] = {
        "opt_name": name,
        **optimization_of(config),
        "opt_learning_rate_warmup_steps": warmup_steps(config.training, total_steps),
    }
    for key in OPTIMIZERS.get(name, ()):
        values[key] = optimizer[key.removeprefix(f"opt_{name}_")]
    if name != "adamw" and optimizer.get("weight_decay"):
        values["opt_weight_decay"] = optimizer["weight_decay"]
    for key, setting in (("opt_amsgrad", "amsgrad"), ("opt_sgd_nesterov", "nesterov")):
        if optimizer.get(setting):
            values[key] = True
    return values
