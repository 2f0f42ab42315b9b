"""Logs with wrong numbers: losses, accuracies, scores, the result."""

from __future__ import annotations

from tests.support.defects.defect import Defect, typed
from tests.support.logs.hand_logs import (
    COMPLETED,
    EARLY_STOPPED,
    edit,
    event,
    line_of,
    with_metadata,
    with_result,
    with_value,
)

LINES = COMPLETED.splitlines()


def at(key: str, number: int = 0) -> int:
    return line_of(COMPLETED, key, number)


RESULT = at("result")
FIRST_SCENE = event(COMPLETED, at("scene_accuracy"))["metadata"]["scene"]


VALUES = [
    typed(
        "accuracy-range",
        with_value(COMPLETED, "test_accuracy", 93.0),
        at("test_accuracy"),
        "`test_accuracy` 93.0",
    ),
    typed(
        "accuracy-range",
        with_value(COMPLETED, "eval_accuracy", -0.5),
        at("eval_accuracy"),
        "`eval_accuracy` -0.5",
    ),
    typed(
        "accuracy-counts",
        with_value(COMPLETED, "train_accuracy", 0.8),
        at("train_accuracy"),
        "`train_accuracy` 0.8",
        "4259840 / 5242880 = 0.8125",
    ),
    typed(
        "eval-pixels",
        with_metadata(COMPLETED, "eval_accuracy", correct=1105920 * 2, pixels=1310720 * 2),
        at("eval_accuracy"),
        "2621440 pixels",
        "20 x 256 x 256 = 1310720 pixels",
    ),
    typed(
        "staged-patches",
        with_metadata(COMPLETED, "staging_stop", patches=99),
        at("staging_stop"),
        "99 patches",
        "at least 80 + 20",
    ),
    typed(
        "staged-patches",
        with_metadata(COMPLETED, "staging_stop", reused=-1),
        at("staging_stop"),
        "reused -1 of 5 scenes",
        "from 0 to 5",
    ),
    typed(
        "staged-patches",
        with_metadata(COMPLETED, "staging_stop", reused=6),
        at("staging_stop"),
        "reused 6 of 5 scenes",
        "from 0 to 5",
        also=("staging-reused",),
    ),
]

SCORES = [
    typed(
        "scene-count",
        with_value(COMPLETED, "test_samples", 4),
        at("test_samples"),
        "test_samples 4, but 100 scenes",
        also=("test-set",),
    ),
    typed(
        "scene-count",
        with_metadata(COMPLETED, "test_accuracy", scenes=2),
        at("test_accuracy"),
        "test_accuracy of 2 scenes, but 100 scenes",
    ),
    typed(
        "scene-period",
        with_metadata(COMPLETED, "scene_accuracy", 2, period="dusk"),
        at("scene_accuracy", 2),
        "period `dusk`",
    ),
    typed(
        "scene-totals",
        with_metadata(with_value(COMPLETED, "test_accuracy", 0.94), "test_accuracy", correct=169_200_000),
        at("test_accuracy"),
        "correct 169200000",
        "167400000, the sum over 100 scenes",
        ("result-value",),
    ),
    typed(
        "baseline-set",
        with_metadata(COMPLETED, "baseline_accuracy", 1, baseline="majority"),
        at("baseline_accuracy", 2),
        "2 `majority` and no `threshold`",
        also=("result-baselines",),
    ),
    *(
        typed(
            "whole-scene-pixels",
            with_metadata(EARLY_STOPPED, "whole_scene_agreement", **changes),
            line_of(EARLY_STOPPED, "whole_scene_agreement"),
            found,
            expected,
            log=EARLY_STOPPED,
        )
        for changes, found, expected in (({"accuracy": 1.5}, "accuracy 1.5", "from 0 to 1"),)
    ),
    typed(
        "baseline-pixels",
        with_metadata(COMPLETED, "baseline_accuracy", 2, correct=1_530_000, pixels=1_800_000),
        at("baseline_accuracy", 2),
        "`logistic` on 1800000 pixels",
        "180000000 pixels",
    ),
    typed(
        "baselines-beaten",
        with_result(
            with_result(
                with_metadata(
                    with_value(COMPLETED, "baseline_accuracy", 0.93, 2),
                    "baseline_accuracy",
                    2,
                    correct=167_400_000,
                ),
                "baselines.logistic",
                0.93,
            ),
            "beats_baselines",
            False,
        ),
        at("test_accuracy"),
        "0.93, not above `logistic` 0.93",
    ),
    typed(
        "target-reached",
        with_result(
            with_result(with_value(COMPLETED, "quality_target", 0.95), "quality_target", 0.95),
            "target_reached",
            False,
        ),
        at("test_accuracy"),
        "0.93, below 0.95",
    ),
]


def result(
    rule: str, path: str, value: object, found: str, expected: str | None = None, *also: str
) -> Defect:
    return typed(rule, with_result(COMPLETED, path, value), RESULT, found, expected, also)


RESULTS = [
    result(
        "result-fields",
        "scores.bayes.day.iou",
        "0.9",
        "`result.scores.bayes.day.iou` is a string (`0.9`)",
        "a number, or null where undefined",
    ),
    result(
        "result-fields",
        "data.skipped_scenes",
        [1],
        "`result.data.skipped_scenes` is a list of 1",
        "a list of names",
    ),
    result("result-value", "value", 0.94, "`value` 0.94", "0.93, the value of test_accuracy"),
    result("result-value", "quality_target", 0.8, "`quality_target` 0.8", "0.9, the value of quality_target"),
    result("result-epochs", "best_epoch", 2, "`best_epoch` 2", "3, the epoch of the lowest eval_loss"),
    result(
        "result-epochs",
        "stopped_by",
        "early_stop",
        "`stopped_by` `early_stop`",
        "`epochs`, without `early_stop`",
    ),
    result("result-epochs", "eval_loss", 0.25, "`eval_loss` 0.25", "0.234375, the value of epoch 3"),
    result(
        "result-scores",
        "scores.bayes.all.kuiper_skill",
        0.9,
        "`scores.bayes.all.kuiper_skill` 0.9",
        "0.853644485969126, from its counts",
    ),
    result(
        "result-scores",
        "scores.bayes.night.accuracy",
        None,
        "`scores.bayes.night.accuracy` null",
        "0.94, from its counts",
    ),
    typed(
        "result-pixels",
        edit(COMPLETED, "result", lambda fields: fields["value"]["scores"]["bayes"].pop("night")),
        RESULT,
        "no `scores.bayes.night`",
        "the scores of 33 night scenes",
    ),
    typed(
        "result-pixels",
        edit(
            COMPLETED,
            "result",
            lambda fields: fields["value"]["scores"]["bayes"].update(
                day=fields["value"]["scores"]["bayes"]["night"]
            ),
        ),
        RESULT,
        "`scores.bayes.day`: 55836000 correct of 59400000",
        "111564000 of 120600000, the sum over 67 scenes",
    ),
    typed(
        "result-references",
        edit(
            COMPLETED,
            "result",
            lambda fields: fields["value"]["scores"]["bayes"].update(
                without_borders=dict.fromkeys(("accuracy", "iou", "f1", "precision", "recall"), 1.0)
                | dict.fromkeys(("false_positive", "false_negative", "true_negative"), 0)
                | {"true_positive": 200_000_000, "kuiper_skill": None}
            ),
        ),
        RESULT,
        "`scores.bayes.without_borders`: 200000000 pixels",
        "at most 180000000",
    ),
    typed(
        "result-references",
        edit(
            EARLY_STOPPED,
            "result",
            lambda fields: fields["value"]["scores"]["truth"].update(
                all=fields["value"]["scores"]["truth"]["without_borders"]
            ),
        ),
        line_of(EARLY_STOPPED, "result"),
        "`scores.truth.all`: 3200000 pixels",
        "3600000, as against bayes",
        log=EARLY_STOPPED,
    ),
    result(
        "result-baselines",
        "baselines.logistic",
        0.5,
        "`baselines.logistic` 0.5",
        f"0.85, on line {at('baseline_accuracy', 2)}",
    ),
    result(
        "result-data", "data.kind", "synthetic", "`data.kind` `synthetic`", "`slstr`, the value of data_kind"
    ),
    result(
        "result-data",
        "data.inference_scenes",
        8,
        "`data.inference_scenes` 8",
        "100, the scenes that were scored",
    ),
    result(
        "result-data",
        "data.training_scenes",
        16,
        "`data.training_scenes` 16, `data.validation_scenes` 1",
        "5 in all, as staged",
    ),
    result(
        "result-data",
        "precision",
        "float32",
        "`precision` `float32`",
        "`mixed_bfloat16`, the value of precision",
    ),
    result(
        "result-data",
        "data.skipped_scenes",
        ["S3A_1.hdf"],
        "`data.skipped_scenes`: `S3A_1.hdf`",
        "none, as the events say",
    ),
    result(
        "result-timing", "timing.inference_seconds", -1.0, "`timing.inference_seconds` -1.0", "at least 0"
    ),
    result(
        "result-timing",
        "timing.staging_seconds",
        63.0,
        "`timing.staging_seconds` 63.0",
        "at most 5.209 s, from staging_start to staging_stop",
    ),
    result(
        "result-timing",
        "timing.total_seconds",
        3600,
        "`timing.total_seconds` 3600",
        "at most 63.810 s, from run_start to run_stop",
    ),
]

DEFECTS = [*VALUES, *SCORES, *RESULTS]
