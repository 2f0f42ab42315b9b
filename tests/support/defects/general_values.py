"""Defects of what a log states: hyperparameters, identity, losses, accuracies and their pixels."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.record.events import BASELINES, DEFAULT_ORG
from compliance.subjects.timeline import CONTACT
from tests.support.defects.defect import Defect, defect
from tests.support.log_edits import (
    edit,
    fields_of,
    require,
    value_of,
    with_metadata,
    with_result,
    with_value,
    without,
)

# ---- hyperparameters, and what they say together

#: Values that the policy, or their meaning, forbids.
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
#: Further rules that such a value breaks: it is stated under two names, or is of a test set that is fixed.
BESIDES = {
    **dict.fromkeys(
        ("global_batch_size", "batch_size", "opt_base_learning_rate", "learning_rate"), ("policy-names",)
    ),
    "test_samples": ("test-set",),
}


def with_target(text: str, target: float) -> str:
    """The text with another quality target, and the result that follows from it."""
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
    """The text with another learning rate under its first name only."""
    require(value_of(text, "learning_rate"))
    return with_value(text, "opt_base_learning_rate", rate)


def more_ranks(text: str) -> str:
    """Four replicas on one accelerator."""
    local = value_of(text, "local_batch_size")
    text = with_value(with_value(text, "number_of_ranks", 4), "accelerators_per_node", 1)
    return with_value(with_value(text, "global_batch_size", local), "local_batch_size", local // 4)


def not_cleared(text: str) -> str:
    require(value_of(text, "cache_clear"))
    return with_value(text, "cache_clear", False)


def relabelled(text: str, old: str, new: str) -> str:
    """The text with another kind of data."""
    require(value_of(text, "data_kind") == old)
    return with_result(with_value(text, "data_kind", new), "data.kind", lambda _: new)


# ---- identity

PLACEHOLDERS = (
    "",
    "  ",
    "TODO",
    "Your Organization",
    "<org>",
    "${ORG}",
    "xxx",
    "unknown",
    "---",
    "test",
    "n/a",
)


def identity() -> Iterator[Defect]:
    for text_of_template in PLACEHOLDERS:
        yield defect(
            f"identity: organisation `{text_of_template}`",
            lambda text, value=text_of_template: with_value(text, "submission_org", value),
            "identity-real",
        )
    for key, value in {
        "submission_platform": "my system",
        "submission_poc_name": "John Doe",
        "submission_poc_email": "name@example.com",
    }.items():
        yield defect(
            f"identity: {key} `{value}`",
            lambda text, key=key, value=value: with_value(text, key, value),
            "identity-real",
        )
    for rule, key, values in (
        ("benchmark-name", "submission_benchmark", ("CloudMask", "cloud_mask", "stemdl", "")),
        ("division-open", "submission_division", ("closed", "Open", "SciML", "")),
        ("status-known", "submission_status", ("success", "available", "OnPrem", "")),
        ("commit-format", "submission_github_commit_version", ("3f2a9c0", "unknown", "", "main", "g" * 40)),
        ("contact-email", "submission_poc_email", ("cloudmask", "a@b", "a b@c.org", "@c.org", "a@c..org")),
    ):
        for value in values:
            yield defect(
                f"identity: {key} `{value[:12]}`",
                lambda text, key=key, value=value: with_value(text, key, value),
                rule,
                *(("version-format",) if value == "stemdl" else ()),
            )
    for value in ("1.1", "mlcommons-cloudmask", "mlcommons-cloudmask-v", "mlcommons-stemdl-v1.1", ""):
        yield defect(
            f"identity: version `{value}`",
            lambda text, value=value: with_value(
                with_value(text, "submissiom_version", value), "submission_version", value
            ),
            "version-format",
        )
    yield defect(
        "identity: two versions",
        lambda text: with_value(text, "submission_version", "mlcommons-cloudmask-v1.0"),
        "version-agrees",
    )
    yield defect(
        "identity: the commit's other key",
        lambda text: edit(
            text,
            "submission_github_commit_version",
            lambda fields: fields.update(key="github_commit_version"),
        ),
        "commit-key",
    )
    yield defect(
        "identity: the shipped organisation",
        lambda text: with_value(text, "submission_org", DEFAULT_ORG),
        "organisation-default",
    )
    for value in ("", "science policy 0.4, training rules 5.0"):
        yield defect(
            f"identity: edition `{value[:18]}`",
            lambda text, value=value: with_value(text, "rules_edition", value),
            "edition-known",
        )
    for kind in ("tmpfs", "ramfs"):
        yield defect(
            f"identity: data_location {kind}",
            lambda text, kind=kind: with_value(text, "data_location", kind),
            "data-in-memory",
        )
        yield defect(
            f"identity: data_location of inference {kind}",
            lambda text, kind=kind: with_metadata(text, "data_location", inference=kind),
            "data-in-memory",
        )
    yield defect("identity: uncommitted changes", uncommitted, "commit-clean")
    yield defect(
        "identity: unknown changes",
        lambda text: with_metadata(text, "submission_github_commit_version", dirty=None),
        "commit-clean",
    )
    yield defect(
        "identity: no contact", lambda text: without(without(text, CONTACT[0]), CONTACT[1]), "contact-present"
    )


def uncommitted(text: str) -> str:
    require(not fields_of(text, "submission_github_commit_version")["metadata"]["dirty"])
    return with_metadata(text, "submission_github_commit_version", dirty=True)


# ---- losses and accuracies, and the pixels they come from

#: What another score, and another accuracy of an epoch or a baseline, contradicts in addition to its counts.
CONSEQUENCES = {
    "test_accuracy": ("result-value", "result-baselines", "baselines-beaten", "target-reached"),
    "baseline_accuracy": ("result-baselines",),
}
ACCURACIES = (
    *("train_accuracy", "eval_accuracy", "scene_accuracy", "test_accuracy"),
    *("whole_scene_agreement", "baseline_accuracy"),
)


def counted(text: str, key: str, correct: int, pixels: int, number: int = 0) -> str:
    """An accuracy with other counts, and the value that they give."""
    changed = with_metadata(text, key, number, correct=correct, pixels=pixels)
    return with_value(changed, key, correct / pixels, number)


def counts_of(text: str, key: str) -> tuple[int, int]:
    metadata = fields_of(text, key)["metadata"]
    return metadata["correct"], metadata["pixels"]


def values() -> Iterator[Defect]:
    for key in ACCURACIES:
        for value in (1.7, 93, -0.01):
            yield defect(
                f"accuracy: {key} {value}",
                lambda text, key=key, value=value: with_value(text, key, value),
                "accuracy-range",
            )
        consequences = CONSEQUENCES.get(key, ())
        for name, change in {
            "a trifle lower": lambda value, correct, pixels: (value - 1e-9, correct, pixels),
            "halved": lambda value, correct, pixels: (value / 2, correct, pixels),
            "of more correct than there are": lambda value, correct, pixels: (value, pixels + 1, pixels),
            "of no pixels": lambda value, correct, pixels: (value, 0, 0),
            "of negative counts": lambda value, correct, pixels: (value, -correct, -pixels),
        }.items():
            yield defect(
                f"counts: {key} {name}",
                lambda text, key=key, change=change: with_accuracy(
                    text, key, *change(value_of(text, key), *counts_of(text, key))
                ),
                "accuracy-counts",
                *consequences,
            )
    yield defect(
        "loss: train_loss negative", lambda text: with_value(text, "train_loss", -0.25), "loss-range"
    )
    yield defect(
        "loss: eval_loss negative",
        lambda text: with_value(text, "eval_loss", -0.25),
        "loss-range",
        *("result-epochs", "stopping-event", "stopping-late"),
    )
    yield defect(
        "pixels: an epoch of one pixel more",
        lambda text: counted(
            text,
            "train_accuracy",
            counts_of(text, "train_accuracy")[0],
            counts_of(text, "train_accuracy")[1] + 1,
        ),
        "train-pixels",
    )
    yield defect(
        "pixels: half an epoch",
        lambda text: counted(
            text, "train_accuracy", *(count // 2 for count in counts_of(text, "train_accuracy"))
        ),
        "train-pixels",
    )
    yield defect(
        "pixels: half an evaluation",
        lambda text: counted(
            text, "eval_accuracy", *(count // 2 for count in counts_of(text, "eval_accuracy"))
        ),
        "eval-pixels",
    )
    yield defect(
        "pixels: a baseline on half of them",
        lambda text: counted(
            text, "baseline_accuracy", *(count // 2 for count in counts_of(text, "baseline_accuracy"))
        ),
        "baseline-pixels",
    )
    yield defect(
        "pixels: a scene of fewer",
        lambda text: counted(
            text, "scene_accuracy", *(count // 2 for count in counts_of(text, "scene_accuracy"))
        ),
        "scene-totals",
        "result-pixels",
        "scene-pixels",
    )
    yield defect(
        "samples: more than staged",
        lambda text: with_metadata(text, "staging_stop", patches=3),
        "staged-patches",
    )
    for name, changes in (
        ("of fewer pixels", {"correct": 1_764_000, "pixels": 1_800_000}),
        ("accuracy above 1", {"accuracy": 1.25}),
        ("accuracy below 0", {"accuracy": -0.5}),
        ("no time", {"seconds": 0}),
    ):
        yield defect(
            f"whole_scene_agreement: {name}",
            lambda text, changes=changes: with_metadata(text, "whole_scene_agreement", **changes),
            "whole-scene-pixels",
        )
    yield defect(
        "samples: more staged before than there are",
        lambda text: with_metadata(text, "staging_stop", reused=99_999),
        "staged-patches",
        "staging-reused",
    )
    yield defect(
        "samples: staged before",
        lambda text: with_metadata(text, "staging_stop", reused=1),
        "staging-reused",
    )
    yield defect(
        "samples: more training patches",
        lambda text: with_value(text, "train_samples", 100_000),
        "train-pixels",
        "staged-patches",
    )
    yield defect(
        "samples: more validation patches",
        lambda text: with_value(text, "eval_samples", value_of(text, "eval_samples") - 1),
        "eval-pixels",
        "scene-patches",
    )
    yield defect(
        "samples: more scenes than scored",
        lambda text: with_value(text, "test_samples", value_of(text, "test_samples") + 1),
        "scene-count",
        "test-set",
    )
    yield defect(
        "scenes: another number", lambda text: with_metadata(text, "test_accuracy", scenes=99), "scene-count"
    )
    yield defect(
        "scenes: one twice",
        lambda text: with_metadata(
            text, "scene_accuracy", 1, scene=fields_of(text, "scene_accuracy")["metadata"]["scene"]
        ),
        "scene-unique",
    )
    yield defect(
        "scenes: one twice, as a product and as a file",
        lambda text: with_metadata(
            text, "scene_accuracy", 1, scene=f"{fields_of(text, 'scene_accuracy')['metadata']['scene']}.hdf"
        ),
        "scene-unique",
    )
    yield defect(
        "scenes: of dusk", lambda text: with_metadata(text, "scene_accuracy", period="dusk"), "scene-period"
    )
    yield defect(
        "scenes: staged others",
        lambda text: with_metadata(text, "staging_stop", scenes=1),
        "result-data",
        "scene-patches",
    )
    yield defect(
        "baselines: an unknown one",
        lambda text: with_metadata(text, "baseline_accuracy", baseline="guess"),
        "baseline-set",
    )
    yield defect(
        "baselines: one twice",
        lambda text: with_metadata(text, "baseline_accuracy", baseline=BASELINES[1]),
        "baseline-set",
    )
    yield defect("baselines: not beaten", unbeaten, "baselines-beaten")


def with_accuracy(text: str, key: str, value: float, correct: int, pixels: int) -> str:
    return with_value(with_metadata(text, key, correct=correct, pixels=pixels), key, value)


def unbeaten(text: str) -> str:
    """The text with a baseline as good as the model, which its result admits."""
    text = counted(text, "baseline_accuracy", *counts_of(text, "test_accuracy"), 1)
    name = fields_of(text, "baseline_accuracy", 1)["metadata"]["baseline"]
    text = with_result(text, f"baselines.{name}", lambda _: value_of(text, "baseline_accuracy", 1))
    return with_result(text, "beats_baselines", lambda _: False)
