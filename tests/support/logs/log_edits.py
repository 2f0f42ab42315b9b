"""Read and change the text of a good log, event by event.

Functions find events by key, never by line, so that changes also apply to logs of real runs, and
return the new text. Bytes that are not UTF-8 are lone surrogates in texts: `as_bytes` restores them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from compliance.subjects.timeline import LOOP

TOKEN = ":::MLLOG "
Fields = dict[str, Any]

#: The events of an epoch, including optional ones.
OF_EPOCHS = (*LOOP, "epoch_energy")


def as_bytes(text: str) -> bytes:
    """Encode a text as the bytes of its file."""
    return text.encode("utf-8", "surrogateescape")


def as_text(content: bytes) -> str:
    """Decode the bytes of a file."""
    return content.decode("utf-8", "surrogateescape")


def event_of(row: str) -> Fields | None:
    """Return the event on a line, or None."""
    try:
        fields = json.loads(row.removeprefix(TOKEN)) if row.startswith(TOKEN) else None
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def row_of(fields: Fields) -> str:
    return TOKEN + json.dumps(fields)


def events_of(text: str) -> list[tuple[int, Fields]]:
    """Return the events of a text with the numbers of their rows, from 0."""
    pairs = ((place, event_of(row)) for place, row in enumerate(text.split("\n")))
    return [(place, fields) for place, fields in pairs if fields is not None]


def events_with(text: str, key: str) -> list[tuple[int, Fields]]:
    """Return the events of a key with the numbers of their rows, from 0."""
    named = json.dumps(key)  # only rows that name the key are parsed
    pairs = ((place, event_of(row)) for place, row in enumerate(text.split("\n")) if named in row)
    return [(place, fields) for place, fields in pairs if fields is not None and fields.get("key") == key]


def place_of(text: str, key: str, number: int = 0) -> int:
    """Return the row number of an event. Raises LookupError if the log has none."""
    return events_with(text, key)[number][0]


def fields_of(text: str, key: str, number: int = 0) -> Fields:
    return events_with(text, key)[number][1]


def value_of(text: str, key: str, number: int = 0) -> Any:
    return fields_of(text, key, number)["value"]


def with_rows(text: str, place: int, *new: str) -> str:
    """Replace one row by any number of rows."""
    rows = text.split("\n")
    rows[place : place + 1] = new
    return "\n".join(rows)


def with_row(text: str, key: str, change: Callable[[str], str], number: int = 0) -> str:
    """Change the row of an event as a text."""
    place = place_of(text, key, number)
    return with_rows(text, place, change(text.split("\n")[place]))


def edit(text: str, key: str, change: Callable[[Fields], object], number: int = 0) -> str:
    """Change an event in place."""
    place, fields = events_with(text, key)[number]
    change(fields)
    return with_rows(text, place, row_of(fields))


def with_value(text: str, key: str, value: object, number: int = 0) -> str:
    return edit(text, key, lambda fields: fields.update(value=value), number)


def with_metadata(text: str, key: str, number: int = 0, **metadata: object) -> str:
    return edit(text, key, lambda fields: fields["metadata"].update(metadata), number)


def with_result(text: str, path: str, change: Callable[[Any], object]) -> str:
    """Apply ``change`` to a field of the result, such as ``data.kind``."""

    def replace(fields: Fields) -> None:
        *folders, name = path.split(".")
        target = fields["value"]
        for folder in folders:
            target = target[folder]
        target[name] = change(target[name])

    return edit(text, "result", replace)


def without(text: str, key: str, number: int = 0) -> str:
    return with_rows(text, place_of(text, key, number))


def without_all(text: str, *keys: str) -> str:
    gone = {place for key in keys for place, _ in events_with(text, key)}
    return "\n".join(row for place, row in enumerate(text.split("\n")) if place not in gone)


def before(text: str, key: str, *rows: str, number: int = 0) -> str:
    """Insert rows before an event."""
    place = place_of(text, key, number)
    return with_rows(text, place, *rows, text.split("\n")[place])


def repeated(text: str, key: str, number: int = 0) -> str:
    """Repeat an event."""
    return before(text, key, text.split("\n")[place_of(text, key, number)], number=number)


def moved(text: str, key: str, target: str, number: int = 0, target_number: int = 0) -> str:
    """Move an event before another one and give it that event's time."""
    fields = fields_of(text, key, number)
    rest = without(text, key, number)
    fields["time_ms"] = fields_of(rest, target, target_number)["time_ms"]
    return before(rest, target, row_of(fields), number=target_number)


def each_event(text: str, change: Callable[[int, Fields], object]) -> str:
    """Change every event; ``change`` also gets the event's number, from 0."""
    rows = text.split("\n")
    for number, (place, fields) in enumerate(events_of(text)):
        change(number, fields)
        rows[place] = row_of(fields)
    return "\n".join(rows)


def retimed(text: str, clock: Callable[[int, int], object]) -> str:
    """Change all times: ``clock`` gets an event's number and time, and returns the new time."""
    return each_event(text, lambda number, fields: fields.update(time_ms=clock(number, fields["time_ms"])))


def epochs_of(text: str) -> dict[int, list[int]]:
    """Return number of an epoch -> its rows."""
    epochs: dict[int, list[int]] = {}
    for place, fields in events_of(text):
        if fields.get("key") in OF_EPOCHS:
            epochs.setdefault(fields["metadata"]["epoch_num"], []).append(place)
    return epochs


def renumbered(text: str, numbers: Callable[[int], object]) -> str:
    """Renumber the epochs."""

    def change(_: int, fields: Fields) -> None:
        if fields.get("key") in OF_EPOCHS:
            fields["metadata"]["epoch_num"] = numbers(fields["metadata"]["epoch_num"])

    return each_event(text, change)


def without_epoch(text: str, number: int) -> str:
    """Remove the rows of an epoch; a negative number counts from the last."""
    epochs = epochs_of(text)
    gone = set(epochs[sorted(epochs)[number]])
    return "\n".join(row for place, row in enumerate(text.split("\n")) if place not in gone)


def last_epoch(text: str) -> int:
    return max(epochs_of(text))


def losses_of(text: str) -> list[float]:
    return [fields["value"] for _, fields in events_with(text, "eval_loss")]


def best_epoch(text: str) -> int:
    losses = losses_of(text)
    return 1 + losses.index(min(losses))


def require(applies: object) -> None:
    """Raise LookupError (the log has no place for a defect) unless ``applies``."""
    if not applies:
        raise LookupError
