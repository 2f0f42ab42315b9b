"""Rules on hyperparameters and facts of the run: they must fit the policy and each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from benchmark.record.events import PARALLELISM, WORDS
from compliance.benchmarks import QUALITY_TARGET
from compliance.registry import Problem, log_rule, problem
from compliance.subjects.log import Log
from compliance.wording import count, excerpt, listing, show

#: P: MIN_SST > 273.15. Its own reference is configured with 273.15, so we accept both.
LOWEST_SST = 273.15
#: P: PATCH_SIZE.
PATCH_SIZE = 256

Condition = tuple[str, Callable[[float], bool]]
_AT_LEAST_1: Condition = ("at least 1", lambda number: number >= 1)
_AT_LEAST_0: Condition = ("at least 0", lambda number: number >= 0)
_ABOVE_0: Condition = ("above 0", lambda number: number > 0)
_DECAY: Condition = ("from 0 to below 1", lambda number: 0 <= number < 1)

#: The allowed range of every numeric parameter.
RANGES: dict[str, Condition] = {
    "seed": _AT_LEAST_0,
    "number_of_nodes": _AT_LEAST_1,
    "accelerators_per_node": _AT_LEAST_0,
    "number_of_ranks": _AT_LEAST_1,
    "global_batch_size": _AT_LEAST_1,
    "local_batch_size": _AT_LEAST_1,
    "batch_size": _AT_LEAST_1,
    "micro_batch_size": _AT_LEAST_1,
    "gradient_accumulation_steps": _AT_LEAST_1,
    **dict.fromkeys(PARALLELISM, _AT_LEAST_1),
    "epochs": _AT_LEAST_1,
    "early_stopping_patience": _AT_LEAST_1,
    "opt_base_learning_rate": _ABOVE_0,
    "learning_rate": _ABOVE_0,
    "opt_adam_beta_1": _DECAY,
    "opt_adam_beta_2": _DECAY,
    "opt_adam_epsilon": _ABOVE_0,
    "opt_adamw_beta_1": _DECAY,
    "opt_adamw_beta_2": _DECAY,
    "opt_adamw_epsilon": _ABOVE_0,
    "opt_adamw_weight_decay": _AT_LEAST_0,
    "opt_sgd_momentum": _DECAY,
    "opt_weight_decay": _AT_LEAST_0,
    "opt_learning_rate_warmup_steps": _AT_LEAST_0,
    "patch_size": _AT_LEAST_1,
    "training_margin": _AT_LEAST_0,
    "crop_size": ("an even number, at least 0", lambda number: number >= 0 and number % 2 == 0),
    "min_sst": (f"at least {LOWEST_SST} (kelvin)", lambda number: number >= LOWEST_SST),
    "train_split": ("above 0 and below 1", lambda number: 0 < number < 1),
    "split_seed": _AT_LEAST_0,
    "quality_target": ("above 0 and at most 1", lambda number: 0 < number <= 1),
    "train_samples": _AT_LEAST_1,
    "eval_samples": _AT_LEAST_1,
    "test_samples": _AT_LEAST_1,
}


@log_rule(
    "parameter-range",
    clause="P-hyperparameters",
    expected="values in the range of the policy",
    remedy="correct the configuration and repeat the run",
)
def parameter_range(log: Log) -> Iterator[Problem]:
    """Hyperparameters must be in the range of the policy, or that their meaning allows. So epochs, batch
    sizes and learning rate are above 0, MIN_SST is at least 273.15, the split is between 0 and 1, and
    the seed is a non-negative integer."""
    for key, (expected, holds) in RANGES.items():
        number = log.number(key)
        event = log.one(key)
        if event and number is not None and not holds(number):
            yield problem(f"`{key}` {show(number)}", event.line, expected)


@log_rule(
    "parameter-word",
    clause="house",
    expected="one of the words that docs/events.md names",
    remedy="log the word as the configuration has it",
)
def parameter_word(log: Log) -> Iterator[Problem]:
    """Parameters that are words must be words that have a meaning here. They are the kinds of method and
    data, the schedule of the learning rate, and the precision. The optimizer's name is free but must not
    be blank."""
    for key, words in WORDS.items():
        text = log.text(key)
        event = log.one(key)
        if event and text is not None and text not in words:
            yield problem(f"`{key}` {excerpt(text)}", event.line, listing(words, last="or"))
    name, event = log.text("opt_name"), log.one("opt_name")
    if event and name is not None and not name.strip():
        yield problem("`opt_name` is blank", event.line, "the optimizer's name")


@log_rule(
    "batch-product",
    clause="H-batch",
    expected="global_batch_size = local_batch_size x number_of_ranks",
    remedy="log the batch sizes that the run used",
)
def batch_product(log: Log) -> Iterator[Problem]:
    """The global batch must be the batch of one replica times the replicas."""
    whole, local = log.integer("global_batch_size"), log.integer("local_batch_size")
    ranks, event = log.integer("number_of_ranks"), log.one("global_batch_size")
    if whole is None or local is None or ranks is None or event is None:
        return
    if min(whole, local, ranks) > 0 and whole != local * ranks:
        yield problem(f"{whole}", event.line, f"{local} x {ranks} = {local * ranks}")


@log_rule(
    "policy-names",
    clause="P-hyperparameters",
    expected="the same value under the policy's name and under that of MLPerf",
    remedy="log both from one variable",
)
def policy_names(log: Log) -> Iterator[Problem]:
    """A hyperparameter that is logged under the policy's name too must have one value."""
    for name, key in (("learning_rate", "opt_base_learning_rate"), ("batch_size", "global_batch_size")):
        event, value = log.one(name), log.number(key)
        if event and value is not None and event.value != value:
            yield problem(f"`{name}` {show(event.value)}", event.line, f"{show(value)}, as `{key}` says")


@log_rule(
    "ranks-devices",
    clause="house",
    expected="at least one replica on every node, and at most one on every accelerator",
    remedy="log the nodes and accelerators that computed, not those that were allocated",
)
def ranks_devices(log: Log) -> Iterator[Problem]:
    """The replicas must fit the nodes and accelerators. A node without a replica takes no part in the
    run, and two replicas on one accelerator do not share a batch."""
    ranks, nodes = log.integer("number_of_ranks"), log.integer("number_of_nodes")
    accelerators, event = log.integer("accelerators_per_node"), log.one("number_of_ranks")
    if ranks is None or nodes is None or event is None or min(ranks, nodes) < 1:
        return
    if ranks < nodes:
        yield problem(f"{ranks} on {count(nodes, 'node')}", event.line, f"at least {nodes}")
    elif accelerators and 0 < accelerators * nodes < ranks:
        found = f"{ranks} on {count(nodes, 'node')} of {count(accelerators, 'accelerator')}"
        yield problem(found, event.line, f"at most {nodes * accelerators}")


@log_rule(
    "crop-in-patch",
    clause="house",
    expected="crop_size below patch_size",
    remedy="correct geometry.crop; half of it is cut off on each side of an inference patch",
)
def crop_in_patch(log: Log) -> Iterator[Problem]:
    """The overlap of inference patches must be smaller than a patch."""
    crop, patch, event = log.integer("crop_size"), log.integer("patch_size"), log.one("crop_size")
    if event and crop is not None and patch is not None and crop >= patch > 0:
        yield problem(f"crop {crop} of patch {patch}", event.line)


@log_rule(
    "patch-size-policy",
    severity="warning",
    clause="P-hyperparameters",
    expected=f"{PATCH_SIZE}",
    remedy="say in the contribution why another patch size was taken, or use the policy's",
)
def patch_size_policy(log: Log) -> Iterator[Problem]:
    """The patch size should be the policy's 256. The division is open, so others are allowed."""
    size, event = log.integer("patch_size"), log.one("patch_size")
    if event and size is not None and 0 < size != PATCH_SIZE:
        yield problem(f"{size}", event.line)


@log_rule(
    "target-policy",
    severity="warning",
    clause="P-target",
    expected=f"{QUALITY_TARGET} or more",
    remedy="set quality_target to the policy's value",
)
def target_policy(log: Log) -> Iterator[Problem]:
    """The quality target should be the policy's accuracy of 0.9. A lower one is marked in reports."""
    target, event = log.number("quality_target"), log.one("quality_target")
    if event and target is not None and 0 < target < QUALITY_TARGET:
        yield problem(show(target), event.line)


@log_rule(
    "config-digest",
    clause="house",
    expected="64 hexadecimal digits (sha256)",
    remedy="log the digest of the resolved configuration",
)
def config_digest(log: Log) -> Iterator[Problem]:
    """The digest of the configuration must be a sha256, so that runs of one series can be identified."""
    digest, event = log.text("config_digest"), log.one("config_digest")
    if event and digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
        yield problem(excerpt(digest), event.line)


@log_rule(
    "cache-cleared",
    severity="warning",
    clause="P-cache, T-cache",
    expected="cache_clear true",
    remedy="read the method in its metadata for what failed; drop caches with privileges if need be",
)
def cache_cleared(log: Log) -> Iterator[Problem]:
    """The input should have been dropped from the page cache before the run. If the system did not
    allow it, the run says so, and its staging time may be too short."""
    events = log.sound("cache_clear")
    if events and events[-1].value is False:
        yield problem(f"false, by {show(events[-1].metadata['method'])}", events[-1].line)


@log_rule(
    "data-synthetic",
    severity="note",
    clause="P-dataset, P-test-data, T-open-eval-data",
    expected="the dataset of the policy, cloud_slstr_ds1",
    remedy="use --config reference with the real dataset for a result to be compared with others",
)
def data_synthetic(log: Log) -> Iterator[Problem]:
    """A run on synthetic scenes is a demonstration: its accuracy says nothing about real clouds."""
    event = log.one("data_kind")
    if event and event.value == "synthetic":
        yield problem("data_kind synthetic", event.line)
