"""Defects in the order and pairing of events."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.subjects.timeline import SINGLE_INTERVALS
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import events_of, fields_of, moved, place_of, row_of, with_rows


def crossed(text: str, *keys: str) -> str:
    """Swap the first events of two keys, except for their times."""
    one, other = (fields_of(text, key) for key in keys)
    places = [place_of(text, key) for key in keys]
    one["time_ms"], other["time_ms"] = other["time_ms"], one["time_ms"]
    return with_rows(with_rows(text, places[0], row_of(other)), places[1], row_of(one))


def order() -> Iterator[Defect]:
    for start, stop in SINGLE_INTERVALS.items():
        if start != "run_start":
            yield defect(
                f"order: {stop} before {start}",
                lambda text, start=start, stop=stop: moved(text, stop, start),
                "interval-pairing",
            )
    yield defect(
        "order: init in the run", lambda text: crossed(text, "init_stop", "run_start"), "interval-pairing"
    )
    yield defect(
        "order: staging ends in training",
        lambda text: moved(text, "staging_stop", "epoch_stop"),
        "event-order",
        "result-timing",
    )
    yield defect(
        "order: inference ends in the baselines",
        lambda text: moved(text, "inference_stop", "baselines_stop"),
        "interval-pairing",
        "result-timing",
    )
    yield defect(
        "order: run_start after staging",
        lambda text: moved(text, "run_start", "train_samples"),
        "clock-covers",
        "result-timing",
    )
    yield defect(
        "order: run_start after training",
        lambda text: moved(text, "run_start", "inference_start"),
        "clock-covers",
        "result-timing",
    )
    yield defect(
        "order: staging before the clock",
        lambda text: moved(text, "staging_start", "run_start"),
        "clock-covers",
    )
    for key in ("seed", "patch_size", "quality_target"):
        yield defect(
            f"order: {key} after init",
            lambda text, key=key: moved(text, key, "run_start"),
            "init-contains-parameters",
        )
        yield defect(
            f"order: {key} before init",
            lambda text, key=key: moved(text, key, "init_start"),
            "init-contains-parameters",
        )
    yield defect(
        "order: cache_clear in init", lambda text: moved(text, "cache_clear", "seed"), "cache-clear-first"
    )
    yield defect(
        "order: cache_clear in the run",
        lambda text: moved(text, "cache_clear", "staging_start"),
        "cache-clear-first",
    )
    for key, target in {
        "rules_edition": "run_start",
        "submission_org": "run_start",
        "data_location": "run_start",
        "train_samples": "inference_start",
        "test_samples": "staging_start",
        "result": "inference_start",
        "test_accuracy": "scene_accuracy",
        "scene_accuracy": "baselines_start",
        "baseline_accuracy": "inference_stop",
        "early_stop": "epoch_start",
        "skipped_scene": "train_samples",
    }.items():
        yield defect(
            f"order: {key} before {target}",
            lambda text, key=key, target=target: moved(text, key, target),
            "event-order",
        )
    for name, key, target in (
        ("train_loss after its epoch", "train_loss", "eval_start"),
        ("train_accuracy before its epoch", "train_accuracy", "epoch_start"),
        ("eval_loss before its evaluation", "eval_loss", "eval_start"),
        ("eval_stop before its values", "eval_stop", "eval_loss"),
        ("evaluation in the epoch", "eval_start", "epoch_stop"),
        ("epoch_stop before its start", "epoch_stop", "epoch_start"),
    ):
        yield defect(
            f"order: {name}",
            lambda text, key=key, target=target: moved(text, key, target),
            "epoch-order",
        )
    yield defect(
        "order: an epoch in the evaluation of another",
        lambda text: moved(text, "eval_stop", "train_loss", 0, 1),
        "epoch-order",
    )
    yield defect(
        "order: reversed",
        lambda text: "\n".join(text.rstrip("\n").split("\n")[::-1]) + "\n",
        "after-run-stop",
        *("event-missing", "baseline-set", "interval-pairing", "one-run", "version-present"),
    )
    yield defect(
        "order: sorted by key",
        by_key,
        "time-order",
        *("after-run-stop", "clock-covers", "contact-present", "epoch-complete", "event-missing"),
        *("event-order", "init-contains-parameters", "resumed-place", "result-data", "version-present"),
    )


def by_key(text: str) -> str:
    rows = [row_of(fields) for _, fields in sorted(events_of(text), key=lambda pair: str(pair[1]["key"]))]
    return "\n".join(rows) + "\n"
