"""The value of the event `result` (S6.3): its fields, and safe access to them.

docs/events.md describes the fields for people.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log, is_typed
from compliance.wording import describe

#: Accepted formats; the first, of older logs, names the best epoch's measurements like its events.
OLDER_FORMAT, FORMAT = "cloudmask-result-1", "cloudmask-result-2"
METRIC = "test_accuracy"

COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")
RATIOS = ("accuracy", "kuiper_skill", "iou", "f1", "precision", "recall")
#: Subsets of the pixels that are scored separately; day and night only if there are such scenes.
ALWAYS, SOMETIMES = ("all", "without_borders"), ("day", "night")

Shape = Mapping[str, "str | Shape"]

TIMING_FIELDS = (
    *("staging_seconds", "training_seconds", "evaluation_seconds", "inference_seconds"),
    *("seconds_per_scene", "total_seconds"),
)

#: Every field of a result, with type names of benchmark.record.events.
FIELDS: Shape = {
    "format": "string",
    "metric": "string",
    "meaning": "string",
    "value": "number",
    "quality_target": "number",
    "target_reached": "boolean",
    "epochs_run": "integer",
    "best_epoch": "integer",
    "stopped_by": "string",
    **dict.fromkeys(("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"), "number"),
    "scores": {"bayes": dict.fromkeys(ALWAYS, "object")},
    "baselines": dict.fromkeys(("majority", "threshold", "logistic"), "number"),
    "beats_baselines": "boolean",
    "data": {
        "kind": "string",
        **dict.fromkeys(("training_scenes", "validation_scenes", "inference_scenes"), "integer"),
        "skipped_scenes": "list",
    },
    "weights_sha256": "string",
    "precision": "string",
    "timing": dict.fromkeys(TIMING_FIELDS, "number"),
}
#: Every field of a set of scores; a ratio without a denominator is null.
SCORE_FIELDS: Shape = {**dict.fromkeys(COUNTS, "count"), **dict.fromkeys(RATIOS, "ratio")}


#: Field -> the event of the best epoch that it repeats, in the current and in the older format.
BEST_EPOCH = {
    "train_loss": "train_loss",
    "train_accuracy": "train_accuracy",
    "validation_loss": "eval_loss",
    "validation_accuracy": "eval_accuracy",
}
OLDER_BEST_EPOCH = {key: key for key in BEST_EPOCH.values()}
#: Fields that a result of masks lacks, because nothing was trained.
_LEARNED = ("epochs_run", "best_epoch", "stopped_by", "baselines", "beats_baselines", *BEST_EPOCH)


def best_epoch_fields(value: Mapping[str, object]) -> Mapping[str, str]:
    """Map the fields of a result that repeat the best epoch's measurements to the events' keys."""
    return OLDER_BEST_EPOCH if value.get("format") == OLDER_FORMAT else BEST_EPOCH


def fields_of(log: Log) -> Shape:
    """Return the fields that the result of this log must have."""
    if log.text("method_kind") == "masks":
        return {name: shape for name, shape in FIELDS.items() if name not in _LEARNED}
    stated = log.value("result")
    if isinstance(stated, dict) and best_epoch_fields(stated) is OLDER_BEST_EPOCH:
        return {BEST_EPOCH.get(name, name): shape for name, shape in FIELDS.items()}
    return FIELDS


def results(log: Log) -> Iterator[tuple[LogEvent, dict[str, object]]]:
    """Yield the log's result event with its value if the value is an object, else nothing."""
    event = log.first("result")
    if event and isinstance(event.value, dict):
        yield event, event.value


#: The types in FIELDS and SCORE_FIELDS, in words.
_WORDS = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "boolean or null": "true, false, or null where not known",
    "object": "an object",
    "list": "a list of names",
    "count": "an integer, at least 0",
    "ratio": "a number, or null where undefined",
}


def holds(value: object, kind: str) -> bool:
    """Whether a value has a type of FIELDS or SCORE_FIELDS."""
    if kind == "list":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == "count":
        return isinstance(value, int) and is_typed(value, "integer") and value >= 0
    if kind == "ratio":
        return value is None or is_typed(value, "number")
    return is_typed(value, kind)


def faults(value: object, shape: Shape, name: str) -> Iterator[tuple[str, str]]:
    """Yield the fields that are missing or have a wrong type, as (found, expected)."""
    if not isinstance(value, dict):
        yield f"`{name}` is {describe(value)}", "an object"
        return
    for field, kind in shape.items():
        path = f"{name}.{field}"
        if field not in value:
            yield f"no `{path}`", _WORDS[kind] if isinstance(kind, str) else "an object"
        elif not isinstance(kind, str):
            yield from faults(value[field], kind, path)
        elif not holds(value[field], kind):
            yield f"`{path}` is {describe(value[field])}", _WORDS[kind]


def lookup(value: object, *path: str) -> object:
    """Return a nested field, or None if it or anything on its path is missing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def score_sets(value: dict[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield a result's well-formed sets of scores with their names, such as ``scores.bayes.day``."""
    scores = lookup(value, "scores")
    for reference, parts in scores.items() if isinstance(scores, dict) else ():
        for part, score in parts.items() if isinstance(parts, dict) else ():
            if isinstance(score, dict) and not list(faults(score, SCORE_FIELDS, part)):
                yield f"scores.{reference}.{part}", score


def confusion(score: Mapping[str, object]) -> tuple[int, int, int, int]:
    """Return the counts of a well-formed set of scores: hits, false alarms, misses, correct negatives."""
    hits, alarms, misses, negatives = (number for name in COUNTS if isinstance(number := score[name], int))
    return hits, alarms, misses, negatives


def ratios(hits: int, alarms: int, misses: int, negatives: int) -> dict[str, float | None]:
    """Compute the six scores of cloud from its counts; None if the denominator is 0."""

    def ratio(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    recall, false_rate = ratio(hits, hits + misses), ratio(alarms, alarms + negatives)
    return {
        "accuracy": ratio(hits + negatives, hits + alarms + misses + negatives),
        "kuiper_skill": None if recall is None or false_rate is None else recall - false_rate,
        "iou": ratio(hits, hits + alarms + misses),
        "f1": ratio(2 * hits, 2 * hits + alarms + misses),
        "precision": ratio(hits, hits + alarms),
        "recall": recall,
    }


def same(stated: object, true: float | None) -> bool:
    """Whether a stated score equals the true one; the last digits may differ by the order of operations."""
    if stated is None or true is None:
        return stated is None and true is None
    return isinstance(stated, int | float) and math.isclose(stated, true, rel_tol=1e-12, abs_tol=1e-15)
