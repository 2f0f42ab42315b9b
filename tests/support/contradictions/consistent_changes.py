"""Changes to a good log that keep it consistent, and events that not every good log has."""

from __future__ import annotations

import hashlib

from compliance.subjects.result_fields import COUNTS, ratios
from tests.support.defects.general.method import added, stated
from tests.support.logs.log_edits import (
    Fields,
    best_epoch,
    each_event,
    edit,
    events_of,
    last_epoch,
    place_of,
    retimed,
    value_of,
    with_result,
    with_value,
    without_all,
)

HOUR_MS = 3_600_000


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ---- events and fields that not every good log has


def with_masks(text: str) -> str:
    """Add the digest of every scene's mask."""

    def change(_: int, fields: Fields) -> None:
        if fields.get("key") == "scene_accuracy":
            fields["metadata"]["mask_sha256"] = digest(fields["metadata"]["scene"])

    return each_event(text, change)


def with_field(text: str, name: str, value: object) -> str:
    """Change a field of the result, or add it."""
    return edit(text, "result", lambda fields: fields["value"].update({name: value}))


def of_method(text: str, source: str, **options: object) -> str:
    """Turn the log into that of another network, which states its options."""
    text = with_value(with_facts(text), "method_source", f"benchmark.methods.{source}")
    return with_value(with_value(text, "method", source), "method_options", options)


def with_facts(text: str) -> str:
    """Add the statements about the method if the log has none."""
    return text if "method" in keys_of(text) else stated(text)


def in_experiment(text: str, seeds: str | None = None, sha256: str | None = None, name: str = "five") -> str:
    """Turn the log into that of a run of an experiment."""
    seeds = f"{value_of(text, 'seed')} 101 102" if seeds is None else seeds
    text = without_all(text, "experiment")
    return added(text, "config_digest", "experiment", name, seeds=seeds, sha256=sha256 or digest(name))


# ---- changes that keep the rest consistent


def other(text: str, which: int = 0) -> int:
    """Return the number, from 0, of an epoch that is not the best."""
    return [n for n in range(last_epoch(text)) if n + 1 != best_epoch(text)][which]


def later(text: str, key: str, milliseconds: int, number: int = 0) -> str:
    """Delay an event and all later ones; change the total time in the result accordingly."""
    begin = [place for place, _ in events_of(text)].index(place_of(text, key, number))
    text = retimed(text, lambda n, time: time + milliseconds * (n >= begin))
    if key in ("init_stop", "run_start", "run_stop"):
        return text
    return with_result(text, "timing.total_seconds", lambda seconds: seconds + milliseconds / 1000)


def longer(text: str, interval: str, milliseconds: int, number: int) -> str:
    """Lengthen an epoch or an evaluation; change the result accordingly."""
    name = {"epoch": "training", "eval": "evaluation"}[interval]
    text = later(text, f"{interval}_stop", milliseconds, number)
    return with_result(text, f"timing.{name}_seconds", lambda seconds: seconds + milliseconds / 1000)


def rescored(text: str, reference: str, part: str, *change: int) -> str:
    """Add ``change`` to hits, false alarms, misses and correct negatives in a set of scores."""

    def replace(score: Fields) -> Fields:
        counts = [score[name] + more for name, more in zip(COUNTS, change, strict=True)]
        return dict(zip(COUNTS, counts, strict=True)) | ratios(*counts)

    return with_result(text, f"scores.{reference}.{part}", replace)


def keys_of(text: str) -> list[str]:
    return [fields["key"] for _, fields in events_of(text)]
