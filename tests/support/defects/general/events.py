"""Defects in single events, planted for every key of the vocabulary."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmark.record.events import BY_KEY, METHOD, OPTIMIZER_EXTRAS, POINT, START, STOP
from compliance.subjects.timeline import CONTACT, LOOP, REPEATABLE, SINGLE_INTERVALS, VERSIONS
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import (
    edit,
    repeated,
    with_metadata,
    with_value,
    without,
    without_all,
)

# ---- events: which ones, how often, and their form

#: Events whose absence is not a defect.
OPTIONAL = (
    *(*VERSIONS, *OPTIMIZER_EXTRAS),
    *(
        "rules_edition",
        "epoch_energy",
        "run_resumed",
        "whole_scene_agreement",
        "training_margin",
        "experiment",
    ),
)
#: The rule that an event's absence breaks, if it is not event-missing.
MISSING = {
    **dict.fromkeys((*SINGLE_INTERVALS, *SINGLE_INTERVALS.values()), "interval-pairing"),
    **dict.fromkeys(LOOP, "epoch-complete"),
    **dict.fromkeys(CONTACT, "contact-present"),
    **dict.fromkeys(METHOD, "method-facts"),
    "run_stop": "run-stop",
    "skipped_scene": "result-data",
    "early_stop": "training-complete",
    "scene_accuracy": "scene-count",
    "baseline_accuracy": "baseline-set",
}
#: The rule that a second event breaks, if it is not event-repeated.
REPEATED = {
    **dict.fromkeys(LOOP, "epoch-complete"),
    "skipped_scene": "result-data",
    "epoch_energy": "epoch-energy",
    "run_resumed": "resumed-count",
    "scene_accuracy": "scene-count",
    "baseline_accuracy": "baseline-set",
    "run_stop": "after-run-stop",
}
#: (defect, key) -> further rules that are broken.
BESIDES = {
    ("missing", "early_stop"): ("result-epochs",),
    ("missing", "scene_accuracy"): ("result-data", "result-pixels"),
    ("repeated", "skipped_scene"): ("skipped-scenes",),
    ("repeated", "scene_accuracy"): ("scene-unique", "result-data", "result-pixels"),
}
_OTHER_KIND = {POINT: START, START: STOP, STOP: POINT}
_OTHER_VALUE: dict[str, list[object]] = {
    "string": [None, 7, ["open"]],
    "integer": ["1", 1.5, True, None],
    "number": ["0.5", None, [0.5], False],
    "boolean": ["true", 1, None],
    "boolean or null": ["unknown", 0],
    "object": ["{}", None, []],
    "null": [0, "", False, {}],
}


def near_misses(key: str) -> dict[str, str]:
    """Return wrong spellings of a key."""
    return {
        "a letter lost": key[:3] + key[4:],
        "letters swapped": key[:2] + key[3] + key[2] + key[4:],
        "capitals": key.upper(),
        "hyphens": key.replace("_", "-"),
        "camel case": "".join(word.capitalize() for word in key.split("_")),
        "a space": key + " ",
        "a letter of another alphabet": key.replace("e", "\u0435"),
    }


def single_events() -> Iterator[Defect]:
    for key, event in BY_KEY.items():
        if key not in OPTIONAL:
            yield defect(
                f"missing: {key}",
                lambda text, key=key: without(text, key),
                MISSING.get(key, "event-missing"),
                *BESIDES.get(("missing", key), ()),
            )
        if key not in REPEATABLE or key in REPEATED:
            yield defect(
                f"repeated: {key}",
                lambda text, key=key: repeated(text, key),
                REPEATED.get(key, "event-repeated"),
                *BESIDES.get(("repeated", key), ()),
            )
        yield defect(
            f"kind: {key}",
            lambda text, key=key, event=event: edit(
                text, key, lambda fields: fields.update(event_type=_OTHER_KIND[event.kind])
            ),
            "event-kind",
        )
        for value in _OTHER_VALUE[event.value]:
            yield defect(
                f"value: {key} {json.dumps(value)}",
                lambda text, key=key, value=value: with_value(text, key, value),
                "value-type",
            )
        for name, kind in event.metadata.items():
            yield defect(
                f"metadata: no {name} of {key}",
                lambda text, key=key, name=name: edit(text, key, lambda fields: fields["metadata"].pop(name)),
                "metadata-missing",
            )
            value = _OTHER_VALUE[kind][0]
            yield defect(
                f"metadata: {name} of {key} {json.dumps(value)}",
                lambda text, key=key, name=name, value=value: with_metadata(text, key, **{name: value}),
                "metadata-type",
            )
    yield defect("missing: both versions", lambda text: without_all(text, *VERSIONS), "version-present")
    yield defect(
        "missing: all parameters",
        lambda text: without_all(text, "opt_name", "seed", "precision", "crop_size", "epochs"),
        "event-missing",
    )
    yield defect(
        "missing: the inference",
        lambda text: without_all(
            text, "inference_start", "scene_accuracy", "test_accuracy", "inference_stop"
        ),
        "event-missing",
    )
    yield defect(
        "missing: staging", lambda text: without_all(text, "staging_start", "staging_stop"), "event-missing"
    )
    for name in near_misses("train_samples"):
        yield defect(
            f"key: {name}",
            lambda text, name=name: edit(
                text, "train_samples", lambda fields: fields.update(key=near_misses("train_samples")[name])
            ),
            "event-unknown",
            "event-missing",
        )
    for name in ("epoch", "epoch_number", "Epoch_Num"):
        yield defect(
            f"metadata: {name} for epoch_num",
            lambda text, name=name: edit(
                text,
                "eval_loss",
                lambda fields: fields["metadata"].update({name: fields["metadata"].pop("epoch_num")}),
            ),
            "metadata-missing",
        )
    for name, change in {
        "no file": {"file": None},
        "an absolute file": {"file": "/srv/cloudmask/benchmark/train.py"},
        "a file of Windows": {"file": "C:\\cloudmask\\train.py"},
        "a file above the repository": {"file": "../../train.py"},
        "line 0": {"lineno": 0},
        "a line in words": {"lineno": "61"},
    }.items():
        yield defect(
            f"source: {name}",
            lambda text, change=change: with_metadata(text, "submission_benchmark", **change),
            "event-source",
        )
