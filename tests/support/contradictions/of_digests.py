"""Contradictions in digests, digests of masks, and the experiment that a log belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.contradictions.consistent_changes import (
    digest,
    in_experiment,
    with_facts,
    with_field,
    with_masks,
)
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import edit, fields_of, with_metadata, with_value


def digests() -> Iterator[Defect]:
    for name, value in {
        "zeros": "0" * 64,
        "two digits again and again": "ab" * 32,
        "all digits in order": "0123456789abcdef" * 4,
        "of no bytes": digest(""),
    }.items():
        for field, plant in {
            "weights_sha256": lambda text, value=value: with_field(text, "weights_sha256", value),
            "config_digest": lambda text, value=value: with_value(text, "config_digest", value),
        }.items():
            yield defect(f"digest: {field} {name}", plant, "digest-plausible")
    for field, plant in {
        "method_sha256": lambda text: with_value(with_facts(text), "method_sha256", "f" * 64),
        "commit": lambda text: with_value(text, "submission_github_commit_version", "0" * 40),
        "mask_sha256": lambda text: with_metadata(with_masks(text), "scene_accuracy", mask_sha256="0" * 64),
        "experiment's sha256": lambda text: in_experiment(text, sha256="1" * 64),
    }.items():
        yield defect(f"digest: {field} of one digit", plant, "digest-plausible")
    yield defect(
        "masks: one without a digest",
        lambda text: edit(
            with_masks(text), "scene_accuracy", lambda fields: fields["metadata"].pop("mask_sha256")
        ),
        "mask-digest",
    )
    for name, value in {"short": digest("x")[:63], "in capitals": digest("x").upper(), "a number": 7}.items():
        yield defect(
            f"masks: a digest that is {name}",
            lambda text, value=value: with_metadata(with_masks(text), "scene_accuracy", mask_sha256=value),
            "mask-digest",
        )
    yield defect("masks: of another scene", mask_of_another, "mask-own")


def mask_of_another(text: str) -> str:
    text = with_masks(text)
    first = fields_of(text, "scene_accuracy")["metadata"]["mask_sha256"]
    return with_metadata(text, "scene_accuracy", 1, mask_sha256=first)


def experiments() -> Iterator[Defect]:
    for name, stated_seeds in {
        "without the run's": "201 202 203",
        "with one twice": "1 7 7 1",
        "in words": "one two",
        "of none": "",
        "with commas": "1,7",
    }.items():
        yield defect(
            f"experiment: seeds {name}",
            lambda text, seeds=stated_seeds: in_experiment(text, seeds),
            "experiment-seeds",
        )
    yield defect(
        "experiment: a short digest", lambda text: in_experiment(text, sha256="1f40fc92"), "experiment-seeds"
    )
    yield defect("experiment: blank", lambda text: in_experiment(text, name=" "), "experiment-seeds")
