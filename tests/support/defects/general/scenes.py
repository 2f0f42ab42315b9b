"""Defects in the inference scenes: the test set of observed scenes is fixed."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.record.events import BASELINES, POINT
from compliance.subjects.result_fields import COUNTS, ratios
from tests.support.defects.defect import Defect, defect
from tests.support.defects.general.values import counted, counts_of
from tests.support.logs.log_edits import (
    Fields,
    before,
    edit,
    events_of,
    fields_of,
    require,
    row_of,
    value_of,
    with_metadata,
    with_result,
    with_value,
    without,
)


def scenes() -> Iterator[Defect]:
    yield defect("scenes: one fewer than there are", one_scene_less, "test-set")
    yield defect("scenes: one of inference left out", scene_left_out, "test-set")
    for name in ("cloudy.hdf", "", "S3B", "s3a"):
        yield defect(
            f"scenes: observed, named `{name}`",
            lambda text, name=name: renamed_scene(text, name),
            "test-set",
        )


def renamed_scene(text: str, name: str) -> str:
    """Rename an observed scene; S3B and s3a replace only the beginning of its name."""
    require(value_of(text, "data_kind") == "slstr")
    old = fields_of(text, "scene_accuracy")["metadata"]["scene"]
    new = old.replace("S3A", name) if name.casefold().startswith("s3") else name
    return with_metadata(text, "scene_accuracy", scene=new)


def scene_left_out(text: str) -> str:
    """Let a run on observed scenes leave out an inference scene, and log this."""
    require(value_of(text, "data_kind") == "slstr")
    name = fields_of(text, "scene_accuracy")["metadata"]["scene"].replace("____2019", "____2018")
    skipped = fields_of(text, "staging_stop") | {"event_type": POINT, "key": "skipped_scene", "value": name}
    skipped["metadata"] = {
        **{key: skipped["metadata"][key] for key in ("file", "lineno")},
        **{"split": "inference", "reason": "bayes is missing"},
    }
    text = before(text, "staging_stop", row_of(skipped))
    return with_result(text, "data.skipped_scenes", lambda names: [*names, name])


def one_scene_less(text: str) -> str:
    """Score a run on observed scenes on all but the last scene, with all sums changed accordingly.

    All night scenes have the same counts, so the last has the same share as any other.
    """
    require(value_of(text, "data_kind") == "slstr")
    last = fields_of(text, "scene_accuracy", -1)["metadata"]
    scenes = value_of(text, "test_samples")
    of_period = sum(
        fields["metadata"]["period"] == last["period"]
        for _, fields in events_of(text)
        if fields["key"] == "scene_accuracy"
    )

    def shrunk(value: Fields) -> None:
        parts = value["scores"]["bayes"]
        one = {name: parts[last["period"]][name] // of_period for name in COUNTS}
        for part in ("all", last["period"]):
            counts = [parts[part][name] - one[name] for name in COUNTS]
            parts[part] = dict(zip(COUNTS, counts, strict=True)) | ratios(*counts)
        parts["without_borders"] = parts["all"]
        value["value"] = value["scores"]["bayes"]["all"]["accuracy"]
        value["data"]["inference_scenes"] = scenes - 1

    correct, pixels = counts_of(text, "test_accuracy")
    rest = pixels - last["pixels"]
    text = counted(text, "test_accuracy", correct - last["correct"], rest)
    text = with_metadata(without(text, "scene_accuracy", -1), "test_accuracy", scenes=scenes - 1)
    text = edit(text, "result", lambda fields: shrunk(fields["value"]))
    label = value_of(text, "result")["scores"]["bayes"]["all"]
    for number, name in enumerate(BASELINES):
        right = fields_of(text, "baseline_accuracy", number)["metadata"]["correct"] * rest // pixels
        if name == "majority":
            right = label["true_positive"] + label["false_negative"]
        text = counted(text, "baseline_accuracy", right, rest, number)
        text = with_result(text, f"baselines.{name}", lambda _, share=right / rest: share)
    return with_value(text, "test_samples", scenes - 1)
