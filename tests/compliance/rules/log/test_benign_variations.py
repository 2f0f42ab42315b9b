"""Benign variations of good logs stay clean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.defects.general.time import delayed
from tests.support.defects.general.values import counted, counts_of
from tests.support.logs.good_logs import GOOD, USUAL
from tests.support.logs.hand_logs import findings
from tests.support.logs.log_edits import (
    TOKEN,
    Fields,
    as_bytes,
    before,
    each_event,
    event_of,
    events_of,
    fields_of,
    last_epoch,
    moved,
    place_of,
    repeated,
    retimed,
    row_of,
    value_of,
    with_metadata,
    with_result,
    with_row,
    with_value,
    without,
)


def each_row(text: str, change: Callable[[str], str]) -> str:
    return "\n".join(change(row) for row in text.split("\n"))


def rewritten(text: str, **form: Any) -> str:
    """The text with its JSON in another form."""
    return "\n".join(
        TOKEN + json.dumps(fields, **form) if (fields := event_of(row)) else row for row in text.split("\n")
    )


def in_order(text: str, first: str, last: str, key: Callable[[Fields], Any]) -> str:
    """The text with the events from one to another sorted, at the times that stood there."""
    rows = text.split("\n")
    begin, end = place_of(text, first), place_of(text, last) + 1
    events = [fields for place, fields in events_of(text) if begin <= place < end]
    times = [fields["time_ms"] for fields in events]
    events.sort(key=key)
    rows[begin:end] = [row_of(fields | {"time_ms": time}) for fields, time in zip(events, times, strict=True)]
    return "\n".join(rows)


def same_time(text: str, first: str, last: str) -> str:
    """The text with the events from one to another at the time of the first."""
    rows = text.split("\n")
    for place, fields in events_of(text):
        if place_of(text, first) <= place <= place_of(text, last):
            rows[place] = row_of(fields | {"time_ms": fields_of(text, first)["time_ms"]})
    return "\n".join(rows)


def value_before_loss(text: str) -> str:
    for number in range(last_epoch(text)):
        text = moved(text, "train_accuracy", "train_loss", number, number)
        text = moved(text, "eval_accuracy", "eval_loss", number, number)
    return text


def on_two_nodes(text: str) -> str:
    ranks = value_of(text, "number_of_ranks")
    text = with_value(with_value(text, "number_of_nodes", 2), "number_of_ranks", 2 * ranks)
    for key in {"global_batch_size", "batch_size"} & {fields["key"] for _, fields in events_of(text)}:
        text = with_value(text, key, 2 * value_of(text, key))
    return text


def with_exponent(text: str) -> str:
    key = "opt_base_learning_rate"
    return with_row(with_value(text, key, 0.001), key, lambda row: row.replace("0.001", "1E-3"))


def in_float32(text: str) -> str:
    return with_result(with_value(text, "precision", "float32"), "precision", lambda _: "float32")


def as_files(_: int, fields: Fields) -> None:
    if fields["key"] == "scene_accuracy":
        fields["metadata"]["scene"] += ".hdf"


def on_a_parallel_file_system(text: str) -> str:
    """The text of a run that says where its scenes lay, where the log has a place for it."""
    if not any(fields["key"] == "data_location" for _, fields in events_of(text)):
        return text
    return with_metadata(with_value(text, "data_location", "lustre"), "data_location", inference="nfs4")


def everywhere(**metadata: object) -> Callable[[str], str]:
    return lambda text: each_event(text, lambda _, fields: fields["metadata"].update(metadata))


BAR = "20/20 [==============================] - 14s 734ms/step - loss: 0.4375"
BENIGN: dict[str, Callable[[str], str]] = {
    "a program's output before it": lambda text: "WARNING: no GPU\n\nTraceback of nothing\n" + text,
    "progress bars": lambda text: each_row(
        text, lambda row: f"{row}\n{BAR}" if "epoch_start" in row else row
    ),
    "a bar drawn again and again": lambda text: before(text, "eval_start", f"{BAR}\r{BAR}\r{BAR}"),
    "text of another language": lambda text: before(text, "seed", "Wolkenmaske für Köln: 雲 ☁"),
    "a text that speaks of MLLOG": lambda text: before(text, "seed", "MLLOG lines follow"),
    "empty lines": lambda text: text.replace("\n", "\n\n"),
    "empty lines at its end": lambda text: text + "\n\n\n",
    "a long line of text": lambda text: before(text, "seed", "." * 500_000),
    "JSON without spaces": lambda text: rewritten(text, separators=(",", ":")),
    "JSON with more spaces": lambda text: rewritten(text, separators=(" ,  ", " :  ")),
    "JSON with sorted fields": lambda text: rewritten(text, sort_keys=True),
    "spaces after events": lambda text: each_row(text, lambda row: row + "  " if row else row),
    "two spaces after the token": lambda text: text.replace(TOKEN, TOKEN + " "),
    "a name with raw umlauts": lambda text: rewritten(
        with_value(text, "submission_org", "Universität zu Köln"), ensure_ascii=False
    ),
    "a name with escaped umlauts": lambda text: with_value(text, "submission_org", "Universität zu Köln"),
    "a name with quotes, braces and a token": lambda text: with_value(
        text, "submission_org", 'The "Cloud" {Group}: [sky] :::ML'
    ),
    "a number with an exponent": lambda text: with_row(
        with_value(text, "opt_base_learning_rate", 0.001),
        "opt_base_learning_rate",
        lambda row: row.replace("0.001", "1E-3"),
    ),
    "an integer for a number": lambda text: with_value(text, "min_sst", 274),
    "a progress bar of megabytes": lambda text: before(
        text, "seed", "".join(f"\r{number} / 99999 [##  ]" for number in range(100_000))
    ),
    "a namespace": lambda text: each_event(text, lambda _, fields: fields.update(namespace="cloudmask")),
    "more metadata on every event": everywhere(rank=0, node="n1", note=None),
    "nested metadata": everywhere(limits={"hours": [1, 2, {"x": None}]}),
    "a file in a deeper folder": everywhere(file="src/cloud mask/benchmark/train.py"),
    "another year": lambda text: retimed(text, lambda _, time: time - 365 * 24 * 3_600_000),
    "a night in the queue before init": lambda text: delayed(text, "init_start", 12 * 3_600_000),
    "29 minutes of init": lambda text: delayed(text, "init_stop", 29 * 60_000),
    "all identity within a millisecond": lambda text: same_time(text, "submission_benchmark", "seed"),
    "identity in another order": lambda text: in_order(
        text, "submission_benchmark", "submission_platform", lambda fields: fields["key"]
    ),
    "parameters in another order": lambda text: in_order(
        text, "seed", "quality_target", lambda fields: fields["key"]
    ),
    "samples in another order": lambda text: moved(text, "test_samples", "train_samples"),
    "accuracies before losses": value_before_loss,
    "baselines in another order": lambda text: moved(text, "baseline_accuracy", "baseline_accuracy", 2),
    "scenes named as files": lambda text: each_event(text, as_files),
    "scenes on a parallel file system": on_a_parallel_file_system,
    "scenes in another order": lambda text: moved(text, "scene_accuracy", "scene_accuracy", 1),
    "a cache cleared three times": lambda text: repeated(repeated(text, "cache_clear"), "cache_clear"),
    "a cache cleared first of all": lambda text: moved(text, "cache_clear", "submission_benchmark"),
    "one spelling of the version": lambda text: without(text, "submission_version"),
    "the other spelling": lambda text: without(text, "submissiom_version"),
    "a version of three numbers": lambda text: with_value(
        with_value(text, "submission_version", "mlcommons-cloudmask-v2.0.13"),
        "submissiom_version",
        "mlcommons-cloudmask-v2.0.13",
    ),
    "on premises": lambda text: with_value(text, "submission_status", "onprem"),
    "a preview": lambda text: with_value(text, "submission_status", "preview"),
    "seed 0": lambda text: with_value(text, "seed", 0),
    "a seed of 53 bits": lambda text: with_value(text, "seed", 2**53 - 1),
    "another optimizer": lambda text: with_value(text, "opt_name", "LAMB"),
    "a constant learning rate": lambda text: with_value(text, "opt_learning_rate_decay_schedule", "constant"),
    "no warm-up": lambda text: with_value(text, "opt_learning_rate_warmup_steps", 0),
    "accumulated gradients": lambda text: with_value(text, "gradient_accumulation_steps", 4),
    "no overlap": lambda text: with_value(text, "crop_size", 0),
    "single precision": in_float32,
    "two nodes": on_two_nodes,
    "timers half a second off": lambda text: with_result(
        text, "timing.total_seconds", lambda value: value - 0.5
    ),
    "scenes of a twentieth of a second": lambda text: with_result(
        text, "timing.seconds_per_scene", lambda _: 0.05
    ),
    "a higher loss of the first epoch": lambda text: with_value(text, "train_loss", 0.999),
    "a bad baseline": lambda text: with_result(
        counted(text, "baseline_accuracy", 0, counts_of(text, "baseline_accuracy")[1], 1),
        f"baselines.{fields_of(text, 'baseline_accuracy', 1)['metadata']['baseline']}",
        lambda _: 0.0,
    ),
}


@pytest.mark.parametrize("log", GOOD)
@pytest.mark.parametrize("variation", BENIGN.values(), ids=BENIGN)
def test_a_benign_variation_of_a_good_log_is_accepted(variation: Callable[[str], str], log: str) -> None:
    text = variation(GOOD[log])
    assert as_bytes(text) != b""
    assert [finding for finding in findings(as_bytes(text)) if finding.rule not in USUAL[log]] == []


@pytest.mark.parametrize("variation", BENIGN)
def test_a_benign_variation_changes_a_good_log(variation: str) -> None:
    assert any(BENIGN[variation](text) != text for text in GOOD.values())
