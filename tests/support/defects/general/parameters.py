"""Defects in hyperparameters, and contradictions between them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import require, value_of, with_result, with_value

#: Values that the policy forbids, or that make no sense.
FORBIDDEN: dict[str, list[object]] = {
    "seed": [-1],
    "number_of_nodes": [0, -1],
    "accelerators_per_node": [-1],
    "number_of_ranks": [0],
    "global_batch_size": [0],
    "local_batch_size": [0, -8],
    "batch_size": [0],
    "micro_batch_size": [0, -8],
    "gradient_accumulation_steps": [0],
    "tensor_parallelism": [0],
    "pipeline_parallelism": [0],
    "context_parallelism": [-1],
    "expert_parallelism": [0],
    "epochs": [0, -3],
    "early_stopping_patience": [0],
    "opt_base_learning_rate": [0, -0.001],
    "learning_rate": [0, -0.001],
    "opt_adam_beta_1": [1.0, -0.1],
    "opt_adam_beta_2": [1.0, 9.99],
    "opt_adam_epsilon": [0.0],
    "opt_learning_rate_warmup_steps": [-1],
    "patch_size": [0, -256],
    "crop_size": [-2, 81],
    "min_sst": [273.0, 0, -1],
    "train_split": [0, 1.0, 80],
    "split_seed": [-1],
    "train_samples": [0],
    "eval_samples": [-1],
    "test_samples": [0],
}
#: Further rules that such a value breaks: it is stated under two names, or belongs to a fixed test set.
BESIDES = {
    **dict.fromkeys(
        ("global_batch_size", "batch_size", "opt_base_learning_rate", "learning_rate"), ("policy-names",)
    ),
    "test_samples": ("test-set",),
}


def with_target(text: str, target: float) -> str:
    """Change the quality target, and the result accordingly."""
    reached = value_of(text, "test_accuracy") >= target
    text = with_result(with_value(text, "quality_target", target), "quality_target", lambda _: target)
    return with_result(text, "target_reached", lambda _: reached)


def parameters() -> Iterator[Defect]:
    for key, values in FORBIDDEN.items():
        for value in values:
            yield defect(
                f"parameter: {key} {value}",
                lambda text, key=key, value=value: with_value(text, key, value),
                "parameter-range",
                *BESIDES.get(key, ()),
            )
    for value in (0, -0.5, 90):
        yield defect(
            f"parameter: quality_target {value}",
            lambda text, value=value: with_target(text, value),
            "parameter-range",
        )
    yield defect("parameter: a low target", lambda text: with_target(text, 0.5), "target-policy")
    yield defect("parameter: a target not reached", lambda text: with_target(text, 0.999), "target-reached")
    for key, words in {
        "data_kind": ("real", "SLSTR", ""),
        "precision": ("fp16", "float64"),
        "opt_learning_rate_decay_schedule": ("step", "Cosine"),
        "opt_name": ("", " "),
    }.items():
        for word in words:
            also = {"data_kind": ["result-data"], "precision": ["result-data"]}.get(key, [])
            yield defect(
                f"parameter: {key} `{word}`",
                lambda text, key=key, word=word: with_value(text, key, word),
                "parameter-word",
                *also,
            )
    yield defect(
        "parameter: a global batch that is no product",
        lambda text: with_value(text, "global_batch_size", value_of(text, "global_batch_size") + 1),
        "batch-product",
        "policy-names",
        "train-pixels",
    )
    for key in ("batch_size", "learning_rate"):
        yield defect(
            f"parameter: another {key} by the policy's name",
            lambda text, key=key: with_value(text, key, 2 * value_of(text, key)),
            "policy-names",
        )
    yield defect(
        "parameter: another opt_base_learning_rate",
        lambda text: other_rate(text, 2 * value_of(text, "opt_base_learning_rate")),
        "policy-names",
    )
    yield defect(
        "parameter: more ranks than batches",
        lambda text: with_value(text, "number_of_ranks", value_of(text, "number_of_ranks") + 1),
        "batch-product",
        "ranks-devices",
    )
    yield defect(
        "parameter: a crop as large as a patch",
        lambda text: with_value(text, "crop_size", 256),
        "crop-in-patch",
    )
    yield defect("parameter: more ranks than accelerators", more_ranks, "ranks-devices", "policy-names")
    yield defect(
        "parameter: fewer ranks than nodes",
        lambda text: with_value(text, "number_of_nodes", 4),
        "ranks-devices",
    )
    yield defect(
        "parameter: another patch size",
        lambda text: with_value(text, "patch_size", 128),
        "patch-size-policy",
        "train-pixels",
        "eval-pixels",
        "scene-patches",
    )
    for digest in ("", "9b74c989", "z" * 64, "A" * 64):
        yield defect(
            f"parameter: config_digest `{digest[:8]}`",
            lambda text, digest=digest: with_value(text, "config_digest", digest),
            "config-digest",
        )
    yield defect("parameter: cache not cleared", not_cleared, "cache-cleared")
    yield defect(
        "parameter: synthetic data", lambda text: relabelled(text, "slstr", "synthetic"), "data-synthetic"
    )
    yield defect(
        "parameter: synthetic data as observed",
        lambda text: relabelled(text, "synthetic", "slstr"),
        "result-data",
        "scene-patches",
        "test-set",
    )
    yield defect("parameter: another split", lambda text: with_value(text, "train_split", 0.2), "result-data")


def other_rate(text: str, rate: float) -> str:
    """Change the learning rate under its first name only."""
    require(value_of(text, "learning_rate"))
    return with_value(text, "opt_base_learning_rate", rate)


def more_ranks(text: str) -> str:
    """Put four replicas on one accelerator."""
    local = value_of(text, "local_batch_size")
    text = with_value(with_value(text, "number_of_ranks", 4), "accelerators_per_node", 1)
    return with_value(with_value(text, "global_batch_size", local), "local_batch_size", local // 4)


def not_cleared(text: str) -> str:
    require(value_of(text, "cache_clear"))
    return with_value(text, "cache_clear", False)


def relabelled(text: str, old: str, new: str) -> str:
    """Change the kind of data."""
    require(value_of(text, "data_kind") == old)
    return with_result(with_value(text, "data_kind", new), "data.kind", lambda _: new)
