"""Defects in losses, accuracies, samples and baselines, and in their counts of pixels."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.record.events import BASELINES
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import fields_of, value_of, with_metadata, with_result, with_value

#: Rules that a changed score, or accuracy of an epoch or a baseline, breaks besides that on its counts.
CONSEQUENCES = {
    "test_accuracy": ("result-value", "result-baselines", "baselines-beaten", "target-reached"),
    "baseline_accuracy": ("result-baselines",),
}
ACCURACIES = (
    *("train_accuracy", "eval_accuracy", "scene_accuracy", "test_accuracy"),
    *("whole_scene_agreement", "baseline_accuracy"),
)


def counted(text: str, key: str, correct: int, pixels: int, number: int = 0) -> str:
    """Change an accuracy's counts, and its value accordingly."""
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
    """Make a baseline as good as the model, also in the result."""
    text = counted(text, "baseline_accuracy", *counts_of(text, "test_accuracy"), 1)
    name = fields_of(text, "baseline_accuracy", 1)["metadata"]["baseline"]
    text = with_result(text, f"baselines.{name}", lambda _: value_of(text, "baseline_accuracy", 1))
    return with_result(text, "beats_baselines", lambda _: False)
