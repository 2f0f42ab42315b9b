"""Defects in the end of training, and results that contradict the events."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmark.record.events import POINT
from tests.support.defects.defect import Defect, defect
from tests.support.defects.general.values import counted, counts_of
from tests.support.logs.log_edits import (
    Fields,
    before,
    best_epoch,
    edit,
    events_of,
    fields_of,
    last_epoch,
    losses_of,
    require,
    row_of,
    value_of,
    with_metadata,
    with_result,
    with_value,
)

# ---- the end of training


def stopping() -> Iterator[Defect]:
    ends = ("stopping-early", "stopping-event")
    yield defect("stopping: too late", too_patient, "stopping-late")
    yield defect(
        "stopping: too early",
        lambda text: with_value(text, "early_stopping_patience", value_of(text, "early_stop")),
        "stopping-early",
    )
    yield defect(
        "stopping: another last epoch",
        lambda text: with_value(text, "early_stop", last_epoch(text) - 1),
        "stopping-event",
    )
    yield defect(
        "stopping: another best epoch",
        lambda text: with_metadata(text, "early_stop", best_epoch=best_epoch(text) + 1),
        "stopping-event",
    )
    yield defect("stopping: early_stop of no early stop", invented_stop, "stopping-early", "result-epochs")
    yield defect("stopping: a loss lowered", lowered_loss, "result-epochs", *ends)
    yield defect("stopping: losses that fall to the end", falling, "result-epochs", *ends)


def too_patient(text: str) -> str:
    """Set a patience that had run out before the last epoch."""
    best = 0
    losses = losses_of(text)
    ends = []
    for index, loss in enumerate(losses):
        ends += [index] if index - best == 1 and loss >= losses[best] else []
        best = index if loss < losses[best] else best
    require(ends and ends[0] + 1 < len(losses))
    return with_value(text, "early_stopping_patience", 1)


def invented_stop(text: str) -> str:
    last = last_epoch(text)
    require("early_stop" not in {fields.get("key") for _, fields in events_of(text)})
    stop = fields_of(text, "eval_stop", -1)
    stop |= {"key": "early_stop", "event_type": POINT, "value": last}
    stop["metadata"] = {"file": "benchmark/train.py", "lineno": 1, "best_epoch": best_epoch(text)}
    return before(text, "inference_start", row_of(stop))


def lowered_loss(text: str) -> str:
    """Give another epoch the lowest loss, by editing only its line."""
    return with_value(text, "eval_loss", min(losses_of(text)) / 2, best_epoch(text) % last_epoch(text))


def falling(text: str) -> str:
    require(best_epoch(text) < last_epoch(text))
    return with_value(text, "eval_loss", min(losses_of(text)) / 2, last_epoch(text) - 1)


# ---- the result against the events

_MORE = {
    "value": "result-value",
    "quality_target": "result-value",
    "epochs_run": "result-epochs",
    "best_epoch": "result-epochs",
    "train_loss": "result-epochs",
    "train_accuracy": "result-epochs",
    "validation_loss": "result-epochs",
    "validation_accuracy": "result-epochs",
    # fields of the older format
    "eval_loss": "result-epochs",
    "eval_accuracy": "result-epochs",
    "baselines.majority": "result-baselines",
    "baselines.logistic": "result-baselines",
    "data.training_scenes": "result-data",
    "data.validation_scenes": "result-data",
    "data.inference_scenes": "result-data",
    "scores.bayes.all.accuracy": "result-scores",
    "scores.bayes.all.kuiper_skill": "result-scores",
    "scores.bayes.without_borders.iou": "result-scores",
    "scores.bayes.day.recall": "result-scores",
    "timing.staging_seconds": "result-timing",
    "timing.training_seconds": "result-timing",
    "timing.evaluation_seconds": "result-timing",
    "timing.inference_seconds": "result-timing",
    "timing.seconds_per_scene": "result-timing",
    "timing.total_seconds": "result-timing",
}


def rescored(text: str, name: str, factor: int) -> str:
    """Multiply all counts of a set of scores, which leaves the ratios unchanged."""

    def change(score: Fields) -> Fields:
        return {key: count * factor if isinstance(count, int) else count for key, count in score.items()}

    return with_result(text, f"scores.{name}", change)


def result() -> Iterator[Defect]:
    for path, rule in _MORE.items():
        add = 1000 if path.startswith("timing") else 1
        yield defect(
            f"result: another {path}",
            lambda text, path=path, add=add: with_result(text, path, lambda value: value + add),
            rule,
        )
        yield defect(
            f"result: {path} as text", lambda text, path=path: with_result(text, path, str), "result-fields"
        )
    for name in ("staging", "training", "evaluation", "inference", "total"):
        yield defect(
            f"result: {name}_seconds negative",
            lambda text, name=name: with_result(text, f"timing.{name}_seconds", lambda value: -value),
            "result-timing",
        )
    for name in ("training", "inference", "total"):
        yield defect(
            f"result: a tenth of {name}_seconds",
            lambda text, name=name: with_result(text, f"timing.{name}_seconds", lambda value: value / 10),
            "result-timing",
        )
    for path in ("target_reached", "beats_baselines"):
        rule = "result-value" if path == "target_reached" else "result-baselines"
        yield defect(
            f"result: {path} negated",
            lambda text, path=path: with_result(text, path, lambda value: not value),
            rule,
        )
    yield defect(
        'result: format "cloudmask-result-9"',
        lambda text: with_result(text, "format", lambda _: "cloudmask-result-9"),
        "result-format",
        "result-fields",
    )
    yield defect("result: the other format's name", other_format, "result-fields")
    for path, value, rule in (
        ("metric", "accuracy", "result-format"),
        ("meaning", " ", "result-format"),
        ("stopped_by", "patience", "result-epochs"),
        ("precision", "float64", "result-data"),
        ("data.kind", "other", "result-data"),
        ("data.skipped_scenes", ["S3A_none.hdf"], "result-data"),
        ("weights_sha256", "1f40fc92", "result-weights"),
        ("weights_sha256", "", "result-weights"),
        ("scores.bayes.all", None, "result-fields"),
        ("scores.bayes", [], "result-fields"),
        ("scores", {}, "result-fields"),
        ("timing", None, "result-fields"),
        ("data", "slstr", "result-fields"),
        ("data.skipped_scenes", "none", "result-fields"),
        ("scores.bayes.all.true_positive", -1, "result-fields"),
        ("scores.bayes.all.true_positive", 1.5, "result-fields"),
        ("scores.bayes.all.f1", None, "result-scores"),
    ):
        yield defect(
            f"result: {path} {json.dumps(value)}",
            lambda text, path=path, value=value: with_result(text, path, lambda _: value),
            rule,
        )
    for field in ("format", "value", "scores", "baselines", "data", "timing", "weights_sha256", "best_epoch"):
        yield defect(
            f"result: no {field}",
            lambda text, field=field: edit(text, "result", lambda fields: fields["value"].pop(field)),
            "result-fields",
        )
    yield defect(
        "result: no scores by day",
        lambda text: edit(text, "result", lambda fields: fields["value"]["scores"]["bayes"].pop("day")),
        "result-pixels",
    )
    yield defect("result: empty", lambda text: with_value(text, "result", {}), "result-fields")
    yield defect(
        "result: of doubled pixels",
        lambda text: rescored(text, "bayes.all", 2),
        "result-pixels",
        "result-references",
    )
    yield defect(
        "result: of doubled pixels by day",
        lambda text: rescored(text, "bayes.day", 2),
        "result-pixels",
        "result-references",
    )
    yield defect(
        "result: of more pixels without borders",
        lambda text: rescored(text, "bayes.without_borders", 2),
        "result-references",
    )
    yield defect(
        "result: against truth on other pixels",
        lambda text: rescored(text, "truth.all", 2),
        "result-references",
    )
    yield defect("result: truth of observed scenes", invented_truth, "result-data")
    yield defect(
        "result: the score of other events",
        better_score,
        "scene-totals",
    )


def other_format(text: str) -> str:
    """Let the result name one format and have the fields of the other."""
    formats = ("cloudmask-result-1", "cloudmask-result-2")
    return with_result(text, "format", lambda name: formats[1 - formats.index(name)])


def invented_truth(text: str) -> str:
    require(value_of(text, "data_kind") == "slstr")
    return edit(
        text,
        "result",
        lambda fields: fields["value"]["scores"].update(truth=fields["value"]["scores"]["bayes"]),
    )


def better_score(text: str) -> str:
    """Raise the score and the result's value, but not the scenes."""
    correct, pixels = counts_of(text, "test_accuracy")
    text = counted(text, "test_accuracy", correct + 1000, pixels)
    return with_result(text, "value", lambda _: value_of(text, "test_accuracy"))
