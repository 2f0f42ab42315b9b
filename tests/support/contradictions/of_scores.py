"""Contradictions between scenes, patches, masks, labels and the scores computed from them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.record.events import BASELINES, POINT
from tests.support.contradictions.consistent_changes import keys_of, rescored
from tests.support.defects.defect import Defect, defect
from tests.support.defects.general.values import counted
from tests.support.logs.log_edits import (
    before,
    fields_of,
    require,
    row_of,
    value_of,
    with_metadata,
    with_result,
    with_value,
)


def moved_pixels(text: str) -> str:
    """Move 1000 right pixels from one scene to another."""
    for number, more in ((0, -1000), (1, 1000)):
        metadata = fields_of(text, "scene_accuracy", number)["metadata"]
        counts = metadata["correct"] + more, metadata["pixels"] + more
        text = counted(text, "scene_accuracy", *counts, number)
    return text


def unused_scene(text: str) -> str:
    """Let the run stage one scene more than it used, and claim to have trained on it."""
    staged = fields_of(text, "staging_stop")["metadata"]
    scenes, each = staged["scenes"], staged["patches"] // staged["scenes"]
    text = with_metadata(text, "staging_stop", scenes=scenes + 1, patches=staged["patches"] + each)
    return with_result(text, "data.training_scenes", lambda number: number + 1)


def other_parts(text: str) -> str:
    """Move a scene from training to validation in the result."""
    require("skipped_scene" in keys_of(text))  # which leaves the split room
    text = with_result(text, "data.training_scenes", lambda number: number - 1)
    return with_result(text, "data.validation_scenes", lambda number: number + 1)


def skipped(text: str, name: str, split: str = "training") -> str:
    """Add a skipped scene, also to the result."""
    event = fields_of(text, "staging_stop") | {"event_type": POINT, "key": "skipped_scene", "value": name}
    source = {key: event["metadata"][key] for key in ("file", "lineno")}
    event["metadata"] = {**source, "split": split, "reason": "bayes is missing"}
    text = before(text, "staging_stop", row_of(event))
    return with_result(text, "data.skipped_scenes", lambda names: [*names, name])


def scored_and_skipped(text: str) -> str:
    return skipped(text, fields_of(text, "scene_accuracy")["metadata"]["scene"] + ".hdf")


def counts() -> Iterator[Defect]:
    yield defect("scenes: pixels of another", moved_pixels, "scene-pixels")
    yield defect(
        "scenes: a patch more of one",
        lambda text: with_metadata(
            text, "staging_stop", patches=fields_of(text, "staging_stop")["metadata"]["patches"] + 1
        ),
        "scene-patches",
    )
    yield defect("scenes: one staged and not used", unused_scene, "scene-patches")
    yield defect("scenes: other ones trained on", other_parts, "scene-patches")
    yield defect("skipped: and scored", scored_and_skipped, "skipped-scenes")
    yield defect("skipped: of no split", lambda text: skipped(text, "S3A_none.hdf", "test"), "skipped-scenes")
    yield defect(
        "skipped: twice, as the result says",
        lambda text: skipped(skipped(text, "S3A_none.hdf"), "S3A_none"),
        "skipped-scenes",
    )


# ---- masks and labels


def other_truth(text: str) -> str:
    """Turn 1000 misses against truth into hits, in every part."""
    for part in ("all", "day", "without_borders"):
        text = rescored(text, "truth", part, 1000, 0, -1000, 0)
    return text


def other_majority(text: str) -> str:
    metadata = fields_of(text, "baseline_accuracy")["metadata"]
    require(metadata["baseline"] == BASELINES[0])
    right, pixels = metadata["correct"] + 1000, metadata["pixels"]
    text = counted(text, "baseline_accuracy", right, pixels)
    return with_result(text, f"baselines.{BASELINES[0]}", lambda _: right / pixels)


def without_truth(text: str) -> str:
    require("truth" not in value_of(text, "result")["scores"])
    return text


def all_but_borders(text: str) -> str:
    """Give the part without borders one hit more than all pixels have."""
    scores = value_of(without_truth(text), "result")["scores"]["bayes"]
    more = scores["all"]["true_positive"] + 1 - scores["without_borders"]["true_positive"]
    return rescored(text, "bayes", "without_borders", more, 0, 0, -more)


def agreeing(text: str, **metadata: object) -> str:
    """Change metadata of the whole scenes, and the agreement accordingly."""
    text = with_metadata(text, "whole_scene_agreement", **metadata)
    counts = fields_of(text, "whole_scene_agreement")["metadata"]
    return with_value(text, "whole_scene_agreement", counts["correct"] / counts["pixels"])


def masks() -> Iterator[Defect]:
    yield defect("masks: others against truth", other_truth, "masks-agree")
    yield defect(
        "masks: others against truth without borders",
        lambda text: rescored(text, "truth", "without_borders", 0, 1000, 0, -1000),
        "masks-agree",
    )
    yield defect(
        "parts: more hits by day",
        lambda text: rescored(without_truth(text), "bayes", "day", 1000, 0, 0, -1000),
        "parts-agree",
    )
    yield defect(
        "parts: more hits by day against truth",
        lambda text: rescored(text, "truth", "day", 500, -500, 0, 0),
        "parts-agree",
    )
    yield defect("parts: more hits without borders", all_but_borders, "parts-agree")
    yield defect("labels: of another majority", other_majority, "labels-agree")
    for name, change in {
        "the masks, but for the label": {"correct": 3_600_000},
        "the masks in a pixel more": {"correct": 3_528_001},
        "the label in a part of a pixel": {"accuracy": 0.91250001},
        "the label more than the masks allow": {"accuracy": 0.99},
    }.items():
        yield defect(
            f"whole scenes: as {name}",
            lambda text, change=change: agreeing(text, **change),
            "whole-scenes-agree",
        )
