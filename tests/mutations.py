"""Defects that can be planted in any good log of the benchmark, each with the rule that must catch it.

A mutation takes the text of a log and gives the text with one defect, or None where the log
has nothing to plant it in (no skipped scene, no early stopping). It looks for events by key
and never by line, so that it applies to logs of real runs. Bytes that are no UTF-8 are lone
surrogates in these texts: `as_bytes` gives the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmark.events import BASELINES, BY_KEY, INTERVALS, POINT, START, STOP
from compliance.timeline import CONTACT, LOOP, REPEATABLE, SINGLE_INTERVALS, VERSIONS

TOKEN = ":::MLLOG "
Fields = dict[str, Any]


@dataclass(frozen=True)
class Mutation:
    """A kind of defect: ``rule`` must catch it; ``also`` are the rules that it breaks besides.

    The name begins with its group and a colon: ``time: in seconds``.
    """

    name: str
    plant: Callable[[str], str]
    rule: str
    also: frozenset[str] = frozenset()

    def __call__(self, text: str) -> str | None:
        """The text with the defect; None where the log lacks what it is planted in."""
        try:
            return self.plant(text)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            return None


def mutation(name: str, plant: Callable[[str], str], rule: str, *also: str) -> Mutation:
    return Mutation(name, plant, rule, frozenset(also))


def as_bytes(text: str) -> bytes:
    """The file of a text."""
    return text.encode("utf-8", "surrogateescape")


def as_text(content: bytes) -> str:
    """The text of a file."""
    return content.decode("utf-8", "surrogateescape")


# ---- reading and changing a log


def event_of(row: str) -> Fields | None:
    """The event of a line, or None."""
    try:
        fields = json.loads(row.removeprefix(TOKEN)) if row.startswith(TOKEN) else None
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def row_of(fields: Fields) -> str:
    return TOKEN + json.dumps(fields)


def events_of(text: str) -> list[tuple[int, Fields]]:
    """The events of a text with the places of their rows, from 0."""
    pairs = ((place, event_of(row)) for place, row in enumerate(text.split("\n")))
    return [(place, fields) for place, fields in pairs if fields is not None]


def place_of(text: str, key: str, number: int = 0) -> int:
    """The row of an event. Raises LookupError where the log has none."""
    return [place for place, fields in events_of(text) if fields.get("key") == key][number]


def fields_of(text: str, key: str, number: int = 0) -> Fields:
    return [fields for _, fields in events_of(text) if fields.get("key") == key][number]


def value_of(text: str, key: str, number: int = 0) -> Any:
    return fields_of(text, key, number)["value"]


def with_rows(text: str, place: int, *new: str) -> str:
    """The text with one row replaced by any number of rows."""
    rows = text.split("\n")
    rows[place : place + 1] = new
    return "\n".join(rows)


def with_row(text: str, key: str, change: Callable[[str], str], number: int = 0) -> str:
    """The text with the row of an event changed as a text."""
    place = place_of(text, key, number)
    return with_rows(text, place, change(text.split("\n")[place]))


def edit(text: str, key: str, change: Callable[[Fields], object], number: int = 0) -> str:
    """The text with an event changed in place."""
    fields = fields_of(text, key, number)
    change(fields)
    return with_rows(text, place_of(text, key, number), row_of(fields))


def with_value(text: str, key: str, value: object, number: int = 0) -> str:
    return edit(text, key, lambda fields: fields.update(value=value), number)


def with_metadata(text: str, key: str, number: int = 0, **metadata: object) -> str:
    return edit(text, key, lambda fields: fields["metadata"].update(metadata), number)


def with_result(text: str, path: str, change: Callable[[Any], object]) -> str:
    """The text with a field of its result, such as ``data.kind``, replaced by what ``change`` makes of it."""

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
    while any(fields.get("key") in keys for _, fields in events_of(text)):
        place = next(place for place, fields in events_of(text) if fields.get("key") in keys)
        text = with_rows(text, place)
    return text


def before(text: str, key: str, *rows: str, number: int = 0) -> str:
    """The text with rows inserted before an event."""
    place = place_of(text, key, number)
    return with_rows(text, place, *rows, text.split("\n")[place])


def repeated(text: str, key: str, number: int = 0) -> str:
    """The text with an event standing twice."""
    return before(text, key, text.split("\n")[place_of(text, key, number)], number=number)


def moved(text: str, key: str, target: str, number: int = 0, target_number: int = 0) -> str:
    """The text with an event moved before another, whose time it takes."""
    fields = fields_of(text, key, number)
    rest = without(text, key, number)
    fields["time_ms"] = fields_of(rest, target, target_number)["time_ms"]
    return before(rest, target, row_of(fields), number=target_number)


def each_event(text: str, change: Callable[[int, Fields], object]) -> str:
    """The text with every event changed; ``change`` also gets the event's number, from 0."""
    rows = text.split("\n")
    for number, (place, fields) in enumerate(events_of(text)):
        change(number, fields)
        rows[place] = row_of(fields)
    return "\n".join(rows)


def retimed(text: str, clock: Callable[[int, int], object]) -> str:
    """The text with other times: ``clock`` makes each from the event's number and its time."""
    return each_event(text, lambda number, fields: fields.update(time_ms=clock(number, fields["time_ms"])))


def epochs_of(text: str) -> dict[int, list[int]]:
    """The rows of every epoch by its number."""
    epochs: dict[int, list[int]] = {}
    for place, fields in events_of(text):
        if fields.get("key") in LOOP:
            epochs.setdefault(fields["metadata"]["epoch_num"], []).append(place)
    return epochs


def renumbered(text: str, numbers: Callable[[int], object]) -> str:
    """The text with other numbers for its epochs."""

    def change(_: int, fields: Fields) -> None:
        if fields.get("key") in LOOP:
            fields["metadata"]["epoch_num"] = numbers(fields["metadata"]["epoch_num"])

    return each_event(text, change)


def without_epoch(text: str, number: int) -> str:
    """The text without the rows of an epoch; a negative number counts from the last."""
    epochs = epochs_of(text)
    gone = set(epochs[sorted(epochs)[number]])
    return "\n".join(row for place, row in enumerate(text.split("\n")) if place not in gone)


def last_epoch(text: str) -> int:
    return max(epochs_of(text))


def losses_of(text: str) -> list[float]:
    return [fields["value"] for _, fields in events_of(text) if fields.get("key") == "eval_loss"]


def best_epoch(text: str) -> int:
    losses = losses_of(text)
    return 1 + losses.index(min(losses))


def require(applies: object) -> None:
    """Raise LookupError, which stands for a log without the place for a defect."""
    if not applies:
        raise LookupError


# ---- the file: bytes, lines, JSON


def in_string(text: str, *characters: str) -> str:
    """Raw characters within the string of an event."""
    raw = "".join(characters)
    return with_row(text, "submission_platform", lambda row: row.replace('"value": "', f'"value": "{raw}', 1))


def around_value(text: str, key: str, new: str, number: int = 0) -> str:
    """An event's value replaced by raw JSON."""
    written = json.dumps(value_of(text, key, number))
    return with_row(text, key, lambda row: row.replace(f'"value": {written}', f'"value": {new}', 1), number)


def joined(text: str, key: str, by: str) -> str:
    """An event and the one after it on one line."""
    rows = text.split("\n")
    place = place_of(text, key)
    require(event_of(rows[place + 1]))
    rows[place : place + 2] = [rows[place] + by + rows[place + 1]]
    return "\n".join(rows)


def half(row: str) -> str:
    return row[: len(row) // 2]


def overwritten(text: str) -> str:
    """Half an event, and the next on the same line."""
    rows = text.split("\n")
    place = place_of(text, "seed")
    rows[place : place + 2] = [half(rows[place]) + rows[place + 1]]
    return "\n".join(rows)


def cut_middle(text: str) -> str:
    """The file cut off in the middle of its last event."""
    head, _, last = text.rstrip("\n").rpartition("\n")
    return head + "\n" + half(last)


def compressed(text: str) -> str:
    import gzip

    return as_text(gzip.compress(as_bytes(text), mtime=0))


def indented(text: str) -> str:
    """Every event spread over lines, as a formatter writes it."""
    rows = [(event_of(row), row) for row in text.split("\n")]
    return "\n".join(TOKEN + json.dumps(fields, indent=1) if fields else row for fields, row in rows)


def python_dict(row: str) -> str:
    return TOKEN + repr(event_of(row))


def doubled_field(name: str, value: object) -> Callable[[str], str]:
    return lambda row: row.replace("{", f'{{"{name}": {json.dumps(value)}, ', 1)


def without_field(name: str) -> Callable[[str], str]:
    return lambda text: edit(text, "patch_size", lambda fields: fields.pop(name))


def with_field(name: str, value: object) -> Callable[[str], str]:
    return lambda text: edit(text, "patch_size", lambda fields: fields.update({name: value}))


def parsing() -> Iterator[Mutation]:
    lost, stray = "event-missing", "text-after-event"
    # encodings
    for name in ("utf-16", "utf-16-le", "utf-32"):
        yield mutation(
            f"encoding: {name}",
            lambda text, name=name: as_text(text.encode(name)),
            "no-events",
            "binary-text",
            "last-line",
        )
    yield mutation("encoding: latin-1 in an event", lambda text: in_string(text, "\udce9"), "encoding")
    yield mutation("encoding: a cut UTF-8 sequence", lambda text: in_string(text, "\udce2\udc82"), "encoding")
    yield mutation("encoding: an overlong NUL", lambda text: in_string(text, "\udcc0\udc80"), "encoding")
    yield mutation(
        "encoding: a surrogate in UTF-8", lambda text: in_string(text, "\udced\udca0\udc80"), "encoding"
    )
    yield mutation(
        "encoding: bytes between the lines", lambda text: before(text, "seed", "\udcff\udcfe"), "binary-text"
    )
    yield mutation("encoding: compressed", compressed, "no-events", "binary-text", "last-line")
    yield mutation("encoding: byte order mark", lambda text: "\ufeff" + text, "byte-order-mark")
    yield mutation(
        "encoding: byte order mark of a second part",
        lambda text: with_row(text, "init_start", lambda row: "\ufeff" + row),
        "text-before-token",
    )
    yield mutation("encoding: a NUL line", lambda text: before(text, "seed", "\0" * 64), "binary-text")
    yield mutation(
        "encoding: a NUL in an event", lambda text: in_string(text, "\0"), "event-json", "binary-text", lost
    )
    yield mutation("encoding: padded with NUL", lambda text: text + "\0" * 512, "binary-text", "last-line")
    # lines
    yield mutation("lines: CR LF", lambda text: text.replace("\n", "\r\n"), "line-end")
    yield mutation(
        "lines: one CR LF", lambda text: with_row(text, "seed", lambda row: row + "\r"), "line-end"
    )
    yield mutation(
        "lines: CR alone", lambda text: text.replace("\n", "\r"), "glued-events", "line-end", "last-line"
    )
    yield mutation("lines: no last line feed", lambda text: text.rstrip("\n"), "last-line")
    yield mutation("lines: last line cut", cut_middle, "event-json", "last-line", "run-stop")
    yield mutation("lines: a line cut", lambda text: with_row(text, "seed", half), "event-json", lost)
    yield mutation("lines: a line cut, the next behind it", overwritten, "event-json", lost)
    yield mutation("lines: two events on one", lambda text: joined(text, "seed", ""), "glued-events")
    yield mutation("lines: two events and a space", lambda text: joined(text, "seed", " "), "glued-events")
    yield mutation(
        "lines: two events and a comma", lambda text: joined(text, "seed", ","), "glued-events", stray
    )
    yield mutation("lines: all events on one", lambda text: text.replace("\n", "") + "\n", "glued-events")
    yield mutation(
        "lines: broken inside an event",
        lambda text: with_row(text, "seed", lambda row: row.replace('"key"', '\n"key"')),
        "event-json",
        lost,
    )
    yield mutation("lines: indented JSON", indented, "event-json", "no-events")
    yield mutation(
        "lines: a line of two megabytes", lambda text: before(text, "seed", "." * 2**21), "line-length"
    )
    yield mutation(
        "lines: an event of two megabytes",
        lambda text: with_metadata(text, "seed", padding="." * 2**21),
        "line-length",
        lost,
    )
    yield mutation("lines: none", lambda text: "", "no-events")
    yield mutation("lines: one empty", lambda text: "\n", "no-events")
    yield mutation("lines: no token", lambda text: text.replace(TOKEN, ""), "no-events")
    for name, text_before in {
        "a rank": "0: ",
        "a date": "2024-11-24 07:00:00,123 INFO ",
        "colour codes": "\x1b[0m",
        "a carriage return": "Epoch 1: 50 %\r",
    }.items():
        yield mutation(
            f"lines: {name} before a token",
            lambda text, prefix=text_before: with_row(text, "seed", lambda row: prefix + row),
            "text-before-token",
        )
    for name, text_after in {
        "a word": " done",
        "a comma": ",",
        "a brace": "}",
        "colour codes": "\x1b[0m",
    }.items():
        yield mutation(
            f"lines: {name} after an event",
            lambda text, suffix=text_after: with_row(text, "seed", lambda row: row + suffix),
            stray,
        )
    # tokens
    for token in (":::MLL ", ":::MLPv0.5.0 cloudmask ", ":::MLPv0.6.0 cloudmask "):
        yield mutation(
            f"token: {token.split()[0]}",
            lambda text, token=token: with_row(text, "seed", lambda row: token + row.removeprefix(TOKEN)),
            "old-token",
            lost,
        )
    for token in (":::mllog ", "::MLLOG ", "MLLOG "):
        yield mutation(
            f"token: {token.strip()}",
            lambda text, token=token: with_row(text, "seed", lambda row: token + row.removeprefix(TOKEN)),
            lost,
        )
    # JSON
    for name, change in {
        "a list": lambda row: TOKEN + "[" + row.removeprefix(TOKEN) + "]",
        "a string": lambda row: TOKEN + json.dumps(row.removeprefix(TOKEN)),
        "nothing": lambda row: TOKEN,
        "null": lambda row: TOKEN + "null",
        "a dictionary of Python": python_dict,
        "a trailing comma": lambda row: row[:-1] + ",}",
        "a comment": lambda row: row.replace("{", "{/* seed */", 1),
        "no closing brace": lambda row: row[:-1].rstrip("}"),
        "no opening brace": lambda row: row.replace("{", "", 1),
        "quotes of HTML": lambda row: row.replace('"', "&quot;"),
        "quotes of a typesetter": lambda row: row.replace('"key"', "“key”"),
        "a control character": lambda row: row.replace('"key": "', '"key": "\x01'),
        "a wrong escape": lambda row: row.replace('"key": "', '"key": "\\x'),
    }.items():
        yield mutation(
            f"json: {name}", lambda text, change=change: with_row(text, "seed", change), "event-json", lost
        )
    for name, number in {
        "hexadecimal": "0x10",
        "a leading zero": "042",
        "a plus": "+1",
        "no digit": "1.",
    }.items():
        yield mutation(
            f"json: a number with {name}",
            lambda text, number=number: around_value(text, "split_seed", number),
            "event-json",
            lost,
        )
    for depth in (2_000, 200_000):
        yield mutation(
            f"json: nested {depth} deep",
            lambda text, depth=depth: around_value(text, "split_seed", "[" * depth + "]" * depth),
            "event-json",
            "value-type",
            lost,
        )
    yield mutation(
        "json: nested 50 deep",
        lambda text: around_value(text, "split_seed", "[" * 50 + "]" * 50),
        "value-type",
    )
    twice = "duplicate-json-key"
    yield mutation(
        "json: value twice", lambda text: with_row(text, "seed", doubled_field("value", 99)), twice
    )
    yield mutation(
        "json: key twice", lambda text: with_row(text, "seed", doubled_field("key", "split_seed")), twice
    )
    yield mutation(
        "json: a field twice in metadata",
        lambda text: with_row(text, "seed", lambda row: row.replace('"lineno"', '"file": "a.py", "lineno"')),
        twice,
    )
    yield mutation(
        "json: a field twice in the result",
        lambda text: with_row(
            text, "result", lambda row: row.replace('"accuracy"', '"recall": 1.0, "accuracy"', 1)
        ),
        twice,
    )
    # numbers
    for constant in ("NaN", "Infinity", "-Infinity"):
        yield mutation(
            f"number: {constant}",
            lambda text, constant=constant: around_value(text, "train_loss", constant),
            "non-finite-number",
        )
    yield mutation(
        "number: NaN in metadata",
        lambda text: with_metadata(text, "eval_accuracy", pixels=math.nan),
        "non-finite-number",
        "metadata-type",
    )
    yield mutation(
        "number: NaN in the result",
        lambda text: with_result(text, "scores.bayes.all.f1", lambda _: math.nan),
        "non-finite-number",
        "result-fields",
    )
    yield mutation(
        "number: NaN as time",
        lambda text: edit(text, "seed", lambda fields: fields.update(time_ms=math.nan)),
        "non-finite-number",
        "event-fields",
    )
    yield mutation("number: 1e999", lambda text: around_value(text, "train_loss", "1e999"), "number-size")
    yield mutation(
        "number: 1e999 in the result",
        lambda text: with_row(text, "result", lambda row: row.replace('"f1": ', '"f1": 1e999, "f": ', 1)),
        "result-fields",
    )
    yield mutation("number: of 30 digits", lambda text: with_value(text, "seed", 10**30), "number-size")
    yield mutation(
        "number: of 5000 digits",
        lambda text: around_value(text, "split_seed", "1" * 5000),
        "event-json",
        lost,
    )
    yield mutation(
        "number: of 30 digits in metadata",
        lambda text: with_metadata(text, "eval_accuracy", pixels=10**30),
        "number-size",
    )
    # the six fields
    for field in ("namespace", "time_ms", "event_type", "value", "metadata"):
        also = {"value": ["value-type"], "metadata": ["event-source"]}.get(field, [])
        yield mutation(f"fields: no {field}", without_field(field), "event-fields", *also)
    yield mutation("fields: no key", without_field("key"), "event-fields", lost)
    yield mutation("fields: one too many", with_field("rank", 0), "event-fields")
    for field, wrong in {
        "namespace": [None, 0, []],
        "time_ms": ["1732428000000", 1732428000000.5, True, None, {}, 10**30],
        "event_type": ["point_in_time", "POINT", "", None, 0],
        "metadata": [None, [], "", 0],
        "key": [None, 0, ["patch_size"], {}],
    }.items():
        also = {"metadata": ["event-source"], "key": [lost]}.get(field, [])
        for value in wrong:
            yield mutation(
                f"fields: {field} {json.dumps(value)}", with_field(field, value), "event-fields", *also
            )


# ---- events: which, how often, what each looks like

#: The rule that an event's absence breaks, where it is not event-missing.
MISSING = {
    **dict.fromkeys((*SINGLE_INTERVALS, *SINGLE_INTERVALS.values()), "interval-pairing"),
    **dict.fromkeys(LOOP, "epoch-complete"),
    **dict.fromkeys(CONTACT, "contact-present"),
    "run_stop": "run-stop",
    "skipped_scene": "result-data",
    "early_stop": "training-complete",
    "scene_accuracy": "scene-count",
    "baseline_accuracy": "baseline-set",
}
#: The rule that a second one breaks, where it is not event-repeated.
REPEATED = {
    **dict.fromkeys(LOOP, "epoch-complete"),
    "skipped_scene": "result-data",
    "scene_accuracy": "scene-count",
    "baseline_accuracy": "baseline-set",
    "run_stop": "after-run-stop",
}
#: Rules that are broken besides, by (what is done, key).
BESIDES = {
    ("missing", "early_stop"): ("result-epochs",),
    ("missing", "scene_accuracy"): ("result-data", "result-pixels"),
    ("repeated", "scene_accuracy"): ("scene-unique", "result-data", "result-pixels"),
}
_OTHER_KIND = {POINT: START, START: STOP, STOP: POINT}
_OTHER_VALUE: dict[str, list[object]] = {
    "string": [None, 7, ["open"]],
    "integer": ["1", 1.5, True, None],
    "number": ["0.5", None, [0.5], False],
    "boolean": ["true", 1, None],
    "object": ["{}", None, []],
    "null": [0, "", False, {}],
}


def near_misses(key: str) -> dict[str, str]:
    """Wrong spellings of a key."""
    return {
        "a letter lost": key[:3] + key[4:],
        "letters swapped": key[:2] + key[3] + key[2] + key[4:],
        "capitals": key.upper(),
        "hyphens": key.replace("_", "-"),
        "camel case": "".join(word.capitalize() for word in key.split("_")),
        "a space": key + " ",
        "a letter of another alphabet": key.replace("e", "\u0435"),
    }


def single_events() -> Iterator[Mutation]:
    for key, event in BY_KEY.items():
        if key not in VERSIONS:
            yield mutation(
                f"missing: {key}",
                lambda text, key=key: without(text, key),
                MISSING.get(key, "event-missing"),
                *BESIDES.get(("missing", key), ()),
            )
        if key not in REPEATABLE or key in REPEATED:
            yield mutation(
                f"repeated: {key}",
                lambda text, key=key: repeated(text, key),
                REPEATED.get(key, "event-repeated"),
                *BESIDES.get(("repeated", key), ()),
            )
        yield mutation(
            f"kind: {key}",
            lambda text, key=key, event=event: edit(
                text, key, lambda fields: fields.update(event_type=_OTHER_KIND[event.kind])
            ),
            "event-kind",
        )
        for value in _OTHER_VALUE[event.value]:
            yield mutation(
                f"value: {key} {json.dumps(value)}",
                lambda text, key=key, value=value: with_value(text, key, value),
                "value-type",
            )
        for name, kind in event.metadata.items():
            yield mutation(
                f"metadata: no {name} of {key}",
                lambda text, key=key, name=name: edit(text, key, lambda fields: fields["metadata"].pop(name)),
                "metadata-missing",
            )
            value = _OTHER_VALUE[kind][0]
            yield mutation(
                f"metadata: {name} of {key} {json.dumps(value)}",
                lambda text, key=key, name=name, value=value: with_metadata(text, key, **{name: value}),
                "metadata-type",
            )
    yield mutation("missing: both versions", lambda text: without_all(text, *VERSIONS), "version-present")
    yield mutation(
        "missing: all parameters",
        lambda text: without_all(text, "opt_name", "seed", "precision", "crop_size", "epochs"),
        "event-missing",
    )
    yield mutation(
        "missing: the inference",
        lambda text: without_all(
            text, "inference_start", "scene_accuracy", "test_accuracy", "inference_stop"
        ),
        "event-missing",
    )
    yield mutation(
        "missing: staging", lambda text: without_all(text, "staging_start", "staging_stop"), "event-missing"
    )
    for name in near_misses("train_samples"):
        yield mutation(
            f"key: {name}",
            lambda text, name=name: edit(
                text, "train_samples", lambda fields: fields.update(key=near_misses("train_samples")[name])
            ),
            "event-unknown",
            "event-missing",
        )
    for name in ("epoch", "epoch_number", "Epoch_Num"):
        yield mutation(
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
        yield mutation(
            f"source: {name}",
            lambda text, change=change: with_metadata(text, "submission_benchmark", **change),
            "event-source",
        )


# ---- order and pairing


def crossed(text: str, *keys: str) -> str:
    """The text with the first events of two keys exchanged, but for their times."""
    one, other = (fields_of(text, key) for key in keys)
    places = [place_of(text, key) for key in keys]
    one["time_ms"], other["time_ms"] = other["time_ms"], one["time_ms"]
    return with_rows(with_rows(text, places[0], row_of(other)), places[1], row_of(one))


def order() -> Iterator[Mutation]:
    for start, stop in SINGLE_INTERVALS.items():
        if start != "run_start":
            yield mutation(
                f"order: {stop} before {start}",
                lambda text, start=start, stop=stop: moved(text, stop, start),
                "interval-pairing",
            )
    yield mutation(
        "order: init in the run", lambda text: crossed(text, "init_stop", "run_start"), "interval-pairing"
    )
    yield mutation(
        "order: staging ends in training",
        lambda text: moved(text, "staging_stop", "epoch_stop"),
        "event-order",
        "result-timing",
    )
    yield mutation(
        "order: inference ends in the baselines",
        lambda text: moved(text, "inference_stop", "baselines_stop"),
        "interval-pairing",
        "result-timing",
    )
    yield mutation(
        "order: run_start after staging",
        lambda text: moved(text, "run_start", "train_samples"),
        "clock-covers",
        "result-timing",
    )
    yield mutation(
        "order: run_start after training",
        lambda text: moved(text, "run_start", "inference_start"),
        "clock-covers",
        "result-timing",
    )
    yield mutation(
        "order: staging before the clock",
        lambda text: moved(text, "staging_start", "run_start"),
        "clock-covers",
    )
    for key in ("seed", "patch_size", "quality_target"):
        yield mutation(
            f"order: {key} after init",
            lambda text, key=key: moved(text, key, "run_start"),
            "init-contains-parameters",
        )
        yield mutation(
            f"order: {key} before init",
            lambda text, key=key: moved(text, key, "init_start"),
            "init-contains-parameters",
        )
    yield mutation(
        "order: cache_clear in init", lambda text: moved(text, "cache_clear", "seed"), "cache-clear-first"
    )
    yield mutation(
        "order: cache_clear in the run",
        lambda text: moved(text, "cache_clear", "staging_start"),
        "cache-clear-first",
    )
    for key, target in {
        "submission_org": "run_start",
        "train_samples": "inference_start",
        "test_samples": "staging_start",
        "result": "inference_start",
        "test_accuracy": "scene_accuracy",
        "scene_accuracy": "baselines_start",
        "baseline_accuracy": "inference_stop",
        "early_stop": "epoch_start",
        "skipped_scene": "train_samples",
    }.items():
        yield mutation(
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
        yield mutation(
            f"order: {name}",
            lambda text, key=key, target=target: moved(text, key, target),
            "epoch-order",
        )
    yield mutation(
        "order: an epoch in the evaluation of another",
        lambda text: moved(text, "eval_stop", "train_loss", 0, 1),
        "epoch-order",
    )
    yield mutation(
        "order: reversed",
        lambda text: "\n".join(text.rstrip("\n").split("\n")[::-1]) + "\n",
        "after-run-stop",
        *("event-missing", "baseline-set", "interval-pairing", "one-run", "version-present"),
    )
    yield mutation(
        "order: sorted by key",
        by_key,
        "time-order",
        *("after-run-stop", "clock-covers", "contact-present", "epoch-complete", "event-missing"),
        *("init-contains-parameters", "result-data", "version-present"),
    )


def by_key(text: str) -> str:
    rows = [row_of(fields) for _, fields in sorted(events_of(text), key=lambda pair: str(pair[1]["key"]))]
    return "\n".join(rows) + "\n"


# ---- epochs


def swapped_epochs(text: str, *, numbers: bool) -> str:
    """The text with its first two epochs exchanged, in their numbers or in their places."""
    if numbers:
        return renumbered(text, lambda number: {1: 2, 2: 1}.get(number, number))
    rows = text.split("\n")
    epochs = epochs_of(text)
    first, second = [rows[place] for place in epochs[1]], [rows[place] for place in epochs[2]]
    begin, end = epochs[1][0], epochs[2][-1]
    rows[begin : end + 1] = second + first
    return "\n".join(rows)


def doubled_epoch(text: str, number: int) -> str:
    rows = text.split("\n")
    places = epochs_of(text)[number]
    rows[places[-1] + 1 : places[-1] + 1] = [rows[place] for place in places]
    return "\n".join(rows)


def shifted_from(number: int, by: int) -> Callable[[str], str]:
    return lambda text: renumbered(text, lambda epoch: epoch + by if epoch >= number else epoch)


def epochs() -> Iterator[Mutation]:
    numbers = "epoch-numbers"
    yield mutation("epochs: the first missing", lambda text: without_epoch(text, 0), numbers)
    yield mutation("epochs: the second missing", lambda text: without_epoch(text, 1), numbers)
    yield mutation(
        "epochs: the last missing",
        lambda text: without_epoch(text, -1),
        "result-epochs",
        *("training-complete", "stopping-early", "stopping-event", "result-timing"),
    )
    yield mutation("epochs: all missing", lambda text: without_all(text, *LOOP), "event-missing")
    yield mutation("epochs: one doubled", lambda text: doubled_epoch(text, 2), "epoch-complete", "time-order")
    yield mutation("epochs: counted from 0", shifted_from(1, -1), numbers)
    yield mutation("epochs: counted from 2", shifted_from(1, 1), numbers)
    yield mutation("epochs: a gap in the numbers", shifted_from(2, 1), numbers)
    yield mutation("epochs: one number twice", shifted_from(2, -1), "epoch-complete")
    yield mutation("epochs: negative", lambda text: renumbered(text, lambda epoch: -epoch), numbers)
    yield mutation("epochs: all the same", lambda text: renumbered(text, lambda epoch: 1), "epoch-complete")
    yield mutation("epochs: numbers swapped", lambda text: swapped_epochs(text, numbers=True), numbers)
    yield mutation(
        "epochs: places swapped", lambda text: swapped_epochs(text, numbers=False), numbers, "time-order"
    )
    yield mutation("epochs: numbers as texts", lambda text: renumbered(text, str), "metadata-type")
    yield mutation("epochs: numbers as floats", lambda text: renumbered(text, float), "metadata-type")
    for key in LOOP:
        yield mutation(
            f"epochs: {key} of another epoch",
            lambda text, key=key: with_metadata(text, key, 1, epoch_num=1),
            "epoch-complete",
        )
    yield mutation(
        "epochs: evaluated at the end only",
        lambda text: without_evaluations(text),
        "epoch-complete",
    )
    yield mutation(
        "epochs: more than stated",
        lambda text: with_value(text, "epochs", last_epoch(text) - 1),
        "epochs-limit",
    )
    yield mutation("epochs: fewer than stated", fewer_than_stated, "training-complete")


def without_evaluations(text: str) -> str:
    for _ in range(last_epoch(text) - 1):
        for key in ("eval_start", "eval_loss", "eval_accuracy", "eval_stop"):
            text = without(text, key)
    return text


def fewer_than_stated(text: str) -> str:
    require("early_stop" not in [fields.get("key") for _, fields in events_of(text)])
    return with_value(text, "epochs", last_epoch(text) + 3)


# ---- time


def frozen(text: str, start: str, stop: str, number: int = 0) -> str:
    """The text with an interval of no length: all its events at the time of its start."""
    times = [fields["time_ms"] for _, fields in events_of(text)]
    numbers = [place for place, _ in events_of(text)]
    begin = numbers.index(place_of(text, start, number))
    end = numbers.index(place_of(text, stop, number))
    lost = times[end] - times[begin]
    return retimed(text, lambda n, time: time if n <= begin else times[begin] if n <= end else time - lost)


def delayed(text: str, key: str, milliseconds: int) -> str:
    """The text with an event, and all after it, later."""
    late = [place for place, _ in events_of(text)].index(place_of(text, key))
    return retimed(text, lambda number, time: time + milliseconds * (number >= late))


def times_of(text: str) -> list[int]:
    return [fields["time_ms"] for _, fields in events_of(text)]


def time() -> Iterator[Mutation]:
    unit, plausible = "time-unit", "time-plausible"
    for name, factor in {"seconds": 1e-3, "microseconds": 1e3, "nanoseconds": 1e6}.items():
        yield mutation(
            f"time: in {name}",
            lambda text, factor=factor: retimed(text, lambda _, time: int(time * factor)),
            unit,
        )
        yield mutation(
            f"time: one in {name}",
            lambda text, factor=factor: edit(
                text, "epoch_start", lambda fields: fields.update(time_ms=int(fields["time_ms"] * factor))
            ),
            unit,
        )
    for name, stamp in {
        "zero": 0,
        "negative": -1,
        "before the benchmark": 1_000_000_000_000,
        "in the future": 4_102_444_800_000,
        "of the year 292278994": 2**63 - 1,
    }.items():
        yield mutation(
            f"time: {name}",
            lambda text, stamp=stamp: retimed(text, lambda number, _: stamp),
            plausible,
        )
        yield mutation(
            f"time: one {name}",
            lambda text, stamp=stamp: edit(text, "seed", lambda fields: fields.update(time_ms=stamp)),
            plausible,
        )
    yield mutation(
        "time: one event a minute early",
        lambda text: edit(
            text, "epoch_stop", lambda fields: fields.update(time_ms=fields["time_ms"] - 60_000)
        ),
        "time-order",
    )
    yield mutation(
        "time: one millisecond back",
        lambda text: edit(
            text, "seed", lambda fields: fields.update(time_ms=fields_of(text, "init_start")["time_ms"] - 1)
        ),
        "time-order",
    )
    yield mutation(
        "time: an hour back in the run",
        lambda text: delayed(text, "inference_start", -3_600_000),
        "time-order",
    )
    yield mutation(
        "time: backwards",
        lambda text: retimed(text, lambda n, time: 2 * times_of(text)[0] - time),
        "time-order",
    )
    yield mutation(
        "time: two clocks",
        lambda text: retimed(text, lambda number, time: time - 5_000 * (number % 2)),
        "time-order",
        "result-timing",
    )
    yield mutation(
        "time: an hour ahead in the run",
        lambda text: delayed(text, "inference_start", 3_600_000),
        "result-timing",
    )
    yield mutation(
        "time: init of 31 minutes", lambda text: delayed(text, "init_stop", 31 * 60_000), "init-duration"
    )
    yield mutation(
        "time: a run of no length",
        lambda text: retimed(text, lambda _, time: times_of(text)[0]),
        "interval-length",
        "result-timing",
    )
    yield mutation(
        "time: ten times as fast",
        lambda text: retimed(text, lambda _, time: times_of(text)[0] + (time - times_of(text)[0]) // 10),
        "result-timing",
    )
    for start in ("staging_start", "epoch_start", "eval_start", "inference_start"):
        yield mutation(
            f"time: no time from {start}",
            lambda text, start=start: frozen(text, start, INTERVALS[start]),
            "interval-length",
            "result-timing",
        )


# ---- the second run of a file, and the end of the first


def upto(text: str, key: str, number: int = 0) -> str:
    return "\n".join(text.split("\n")[: place_of(text, key, number) + 1]) + "\n"


def since(text: str, key: str) -> str:
    return "\n".join(text.split("\n")[place_of(text, key) :])


def aborted(text: str, key: str) -> str:
    """The text of a run that aborts after an event."""
    head = upto(text, key)
    stop = fields_of(text, "run_stop")
    stop["time_ms"] = fields_of(head, key)["time_ms"]
    stop["metadata"] |= {"status": "aborted", "reason": "out of memory"}
    return head + row_of(stop) + "\n"


def runs() -> Iterator[Mutation]:
    one = "one-run"
    yield mutation("run: appended", lambda text: text + text, one)
    yield mutation("run: appended twice", lambda text: text * 3, one)
    yield mutation("run: appended without identity", lambda text: text + since(text, "init_start"), one)
    yield mutation("run: appended from run_start", lambda text: text + since(text, "run_start"), one)
    yield mutation(
        "run: killed, then repeated", lambda text: upto(text, "epoch_stop") + text, one, "run-stop"
    )
    yield mutation(
        "run: killed in init, then repeated", lambda text: upto(text, "seed") + text, one, "run-stop"
    )
    yield mutation(
        "run: aborted, then repeated", lambda text: aborted(text, "train_loss") + text, one, "run-success"
    )
    yield mutation(
        "run: two at once",
        lambda text: "\n".join(f"{row}\n{row}" for row in text.rstrip("\n").split("\n")) + "\n",
        "event-repeated",
        *("after-run-stop", "baseline-set", "epoch-complete"),
        *("result-data", "result-pixels", "result-timing", "scene-count", "scene-unique"),
    )
    yield mutation("run: killed", lambda text: upto(text, "eval_loss", 1), "run-stop")
    yield mutation("run: killed before the clock", lambda text: upto(text, "init_stop"), "run-stop")
    yield mutation("run: killed after the result", lambda text: upto(text, "result"), "run-stop")
    yield mutation("run: aborted", lambda text: aborted(text, "eval_stop"), "run-success")
    yield mutation("run: aborted before the clock", lambda text: aborted(text, "seed"), "run-success")
    for status in ("failed", "SUCCESS", ""):
        yield mutation(
            f"run: status `{status}`",
            lambda text, status=status: with_metadata(text, "run_stop", status=status),
            "run-success",
        )
    yield mutation(
        "run: success of an unfinished one",
        lambda text: with_metadata(aborted(text, "eval_stop"), "run_stop", status="success"),
        "event-missing",
        *("baseline-set", "training-complete"),
    )
    for key in ("seed", "result", "eval_accuracy"):
        yield mutation(
            f"run: {key} after its stop",
            lambda text, key=key: text + row_of(fields_of(text, key)) + "\n",
            "after-run-stop",
        )


# ---- hyperparameters, and what they say together

#: Values that the policy, or their meaning, forbids.
FORBIDDEN: dict[str, list[object]] = {
    "seed": [-1],
    "number_of_nodes": [0, -1],
    "accelerators_per_node": [-1],
    "number_of_ranks": [0],
    "global_batch_size": [0],
    "local_batch_size": [0, -8],
    "gradient_accumulation_steps": [0],
    "epochs": [0, -3],
    "early_stopping_patience": [0],
    "opt_base_learning_rate": [0, -0.001],
    "opt_adam_beta_1": [1.0, -0.1],
    "opt_adam_beta_2": [1.0, 9.99],
    "opt_adam_epsilon": [0.0],
    "opt_learning_rate_warmup_steps": [-1],
    "patch_size": [0, -256],
    "crop_size": [-2, 81],
    "min_sst": [273.0, 0, -1],
    "train_split": [0, 1.0, 80],
    "split_seed": [-1],
    "train_samples": [0],
    "eval_samples": [-1],
    "test_samples": [0],
}


def with_target(text: str, target: float) -> str:
    """The text with another quality target, and the result that follows from it."""
    reached = value_of(text, "test_accuracy") >= target
    text = with_result(with_value(text, "quality_target", target), "quality_target", lambda _: target)
    return with_result(text, "target_reached", lambda _: reached)


def parameters() -> Iterator[Mutation]:
    for key, values in FORBIDDEN.items():
        for value in values:
            yield mutation(
                f"parameter: {key} {value}",
                lambda text, key=key, value=value: with_value(text, key, value),
                "parameter-range",
            )
    for value in (0, -0.5, 90):
        yield mutation(
            f"parameter: quality_target {value}",
            lambda text, value=value: with_target(text, value),
            "parameter-range",
        )
    yield mutation("parameter: a low target", lambda text: with_target(text, 0.5), "target-policy")
    yield mutation("parameter: a target not reached", lambda text: with_target(text, 0.999), "target-reached")
    for key, words in {
        "data_kind": ("real", "SLSTR", ""),
        "precision": ("fp16", "float64"),
        "opt_learning_rate_decay_schedule": ("step", "Cosine"),
        "opt_name": ("", " "),
    }.items():
        for word in words:
            also = {"data_kind": ["result-data"], "precision": ["result-data"]}.get(key, [])
            yield mutation(
                f"parameter: {key} `{word}`",
                lambda text, key=key, word=word: with_value(text, key, word),
                "parameter-word",
                *also,
            )
    yield mutation(
        "parameter: a global batch that is no product",
        lambda text: with_value(text, "global_batch_size", value_of(text, "global_batch_size") + 1),
        "batch-product",
    )
    yield mutation(
        "parameter: more ranks than batches",
        lambda text: with_value(text, "number_of_ranks", value_of(text, "number_of_ranks") + 1),
        "batch-product",
        "ranks-devices",
    )
    yield mutation(
        "parameter: a crop as large as a patch",
        lambda text: with_value(text, "crop_size", 256),
        "crop-in-patch",
    )
    yield mutation("parameter: more ranks than accelerators", more_ranks, "ranks-devices")
    yield mutation(
        "parameter: fewer ranks than nodes",
        lambda text: with_value(text, "number_of_nodes", 4),
        "ranks-devices",
    )
    yield mutation(
        "parameter: another patch size",
        lambda text: with_value(text, "patch_size", 128),
        "patch-size-policy",
        "train-pixels",
        "eval-pixels",
    )
    for digest in ("", "9b74c989", "z" * 64, "A" * 64):
        yield mutation(
            f"parameter: config_digest `{digest[:8]}`",
            lambda text, digest=digest: with_value(text, "config_digest", digest),
            "config-digest",
        )
    yield mutation("parameter: cache not cleared", not_cleared, "cache-cleared")
    yield mutation(
        "parameter: synthetic data", lambda text: relabelled(text, "slstr", "synthetic"), "data-synthetic"
    )
    yield mutation(
        "parameter: synthetic data as observed",
        lambda text: relabelled(text, "synthetic", "slstr"),
        "result-data",
    )
    yield mutation(
        "parameter: another split", lambda text: with_value(text, "train_split", 0.2), "result-data"
    )


def more_ranks(text: str) -> str:
    """Four replicas on one accelerator."""
    local = value_of(text, "local_batch_size")
    text = with_value(with_value(text, "number_of_ranks", 4), "accelerators_per_node", 1)
    return with_value(with_value(text, "global_batch_size", local), "local_batch_size", local // 4)


def not_cleared(text: str) -> str:
    require(value_of(text, "cache_clear"))
    return with_value(text, "cache_clear", False)


def relabelled(text: str, old: str, new: str) -> str:
    """The text with another kind of data."""
    require(value_of(text, "data_kind") == old)
    return with_result(with_value(text, "data_kind", new), "data.kind", lambda _: new)


# ---- identity

PLACEHOLDERS = (
    "",
    "  ",
    "TODO",
    "Your Organization",
    "<org>",
    "${ORG}",
    "xxx",
    "unknown",
    "---",
    "test",
    "n/a",
)


def identity() -> Iterator[Mutation]:
    for text_of_template in PLACEHOLDERS:
        yield mutation(
            f"identity: organisation `{text_of_template}`",
            lambda text, value=text_of_template: with_value(text, "submission_org", value),
            "identity-real",
        )
    for key, value in {
        "submission_platform": "my system",
        "submission_poc_name": "John Doe",
        "submission_poc_email": "name@example.com",
    }.items():
        yield mutation(
            f"identity: {key} `{value}`",
            lambda text, key=key, value=value: with_value(text, key, value),
            "identity-real",
        )
    for rule, key, values in (
        ("benchmark-name", "submission_benchmark", ("CloudMask", "cloud_mask", "stemdl", "")),
        ("division-open", "submission_division", ("closed", "Open", "SciML", "")),
        ("status-known", "submission_status", ("success", "available", "OnPrem", "")),
        ("commit-format", "submission_github_commit_version", ("3f2a9c0", "unknown", "", "main", "g" * 40)),
        ("contact-email", "submission_poc_email", ("cloudmask", "a@b", "a b@c.org", "@c.org", "a@c..org")),
    ):
        for value in values:
            yield mutation(
                f"identity: {key} `{value[:12]}`",
                lambda text, key=key, value=value: with_value(text, key, value),
                rule,
            )
    for value in ("1.1", "mlcommons-cloudmask", "mlcommons-cloudmask-v", "mlcommons-stemdl-v1.1", ""):
        yield mutation(
            f"identity: version `{value}`",
            lambda text, value=value: with_value(
                with_value(text, "submissiom_version", value), "submission_version", value
            ),
            "version-format",
        )
    yield mutation(
        "identity: two versions",
        lambda text: with_value(text, "submission_version", "mlcommons-cloudmask-v1.0"),
        "version-agrees",
    )
    yield mutation(
        "identity: the commit's other key",
        lambda text: edit(
            text,
            "submission_github_commit_version",
            lambda fields: fields.update(key="github_commit_version"),
        ),
        "commit-key",
    )
    yield mutation("identity: uncommitted changes", uncommitted, "commit-clean")
    yield mutation(
        "identity: no contact", lambda text: without(without(text, CONTACT[0]), CONTACT[1]), "contact-present"
    )


def uncommitted(text: str) -> str:
    require(not fields_of(text, "submission_github_commit_version")["metadata"]["dirty"])
    return with_metadata(text, "submission_github_commit_version", dirty=True)


# ---- losses and accuracies, and the pixels they come from

#: What another score, and another accuracy of an epoch or a baseline, contradicts besides its counts.
CONSEQUENCES = {
    "test_accuracy": ("result-value", "result-baselines", "baselines-beaten", "target-reached"),
    "baseline_accuracy": ("result-baselines",),
}
ACCURACIES = ("train_accuracy", "eval_accuracy", "scene_accuracy", "test_accuracy", "baseline_accuracy")


def counted(text: str, key: str, correct: int, pixels: int) -> str:
    """An accuracy with other counts, and the value that they give."""
    changed = with_metadata(text, key, correct=correct, pixels=pixels)
    return with_value(changed, key, correct / pixels)


def counts_of(text: str, key: str) -> tuple[int, int]:
    metadata = fields_of(text, key)["metadata"]
    return metadata["correct"], metadata["pixels"]


def values() -> Iterator[Mutation]:
    for key in ACCURACIES:
        for value in (1.7, 93, -0.01):
            yield mutation(
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
            yield mutation(
                f"counts: {key} {name}",
                lambda text, key=key, change=change: with_accuracy(
                    text, key, *change(value_of(text, key), *counts_of(text, key))
                ),
                "accuracy-counts",
                *consequences,
            )
    yield mutation(
        "loss: train_loss negative", lambda text: with_value(text, "train_loss", -0.25), "loss-range"
    )
    yield mutation(
        "loss: eval_loss negative",
        lambda text: with_value(text, "eval_loss", -0.25),
        "loss-range",
        *("result-epochs", "stopping-event", "stopping-late"),
    )
    yield mutation(
        "pixels: an epoch of one pixel more",
        lambda text: counted(
            text,
            "train_accuracy",
            counts_of(text, "train_accuracy")[0],
            counts_of(text, "train_accuracy")[1] + 1,
        ),
        "train-pixels",
    )
    yield mutation(
        "pixels: half an epoch",
        lambda text: counted(
            text, "train_accuracy", *(count // 2 for count in counts_of(text, "train_accuracy"))
        ),
        "train-pixels",
    )
    yield mutation(
        "pixels: half an evaluation",
        lambda text: counted(
            text, "eval_accuracy", *(count // 2 for count in counts_of(text, "eval_accuracy"))
        ),
        "eval-pixels",
    )
    yield mutation(
        "pixels: a baseline on half of them",
        lambda text: counted(
            text, "baseline_accuracy", *(count // 2 for count in counts_of(text, "baseline_accuracy"))
        ),
        "baseline-pixels",
    )
    yield mutation(
        "pixels: a scene of fewer",
        lambda text: counted(
            text, "scene_accuracy", *(count // 2 for count in counts_of(text, "scene_accuracy"))
        ),
        "scene-totals",
        "result-pixels",
    )
    yield mutation(
        "samples: more than staged",
        lambda text: with_metadata(text, "staging_stop", patches=3),
        "staged-patches",
    )
    yield mutation(
        "samples: more training patches",
        lambda text: with_value(text, "train_samples", 100_000),
        "train-pixels",
        "staged-patches",
    )
    yield mutation(
        "samples: more validation patches",
        lambda text: with_value(text, "eval_samples", value_of(text, "eval_samples") - 1),
        "eval-pixels",
    )
    yield mutation(
        "samples: more scenes than scored", lambda text: with_value(text, "test_samples", 99), "scene-count"
    )
    yield mutation(
        "scenes: another number", lambda text: with_metadata(text, "test_accuracy", scenes=99), "scene-count"
    )
    yield mutation(
        "scenes: one twice",
        lambda text: with_metadata(
            text, "scene_accuracy", 1, scene=fields_of(text, "scene_accuracy")["metadata"]["scene"]
        ),
        "scene-unique",
    )
    yield mutation(
        "scenes: of dusk", lambda text: with_metadata(text, "scene_accuracy", period="dusk"), "scene-period"
    )
    yield mutation(
        "scenes: staged others", lambda text: with_metadata(text, "staging_stop", scenes=1), "result-data"
    )
    yield mutation(
        "baselines: an unknown one",
        lambda text: with_metadata(text, "baseline_accuracy", baseline="guess"),
        "baseline-set",
    )
    yield mutation(
        "baselines: one twice",
        lambda text: with_metadata(text, "baseline_accuracy", baseline=BASELINES[1]),
        "baseline-set",
    )
    yield mutation("baselines: not beaten", unbeaten, "baselines-beaten")


def with_accuracy(text: str, key: str, value: float, correct: int, pixels: int) -> str:
    return with_value(with_metadata(text, key, correct=correct, pixels=pixels), key, value)


def unbeaten(text: str) -> str:
    """The text with a baseline as good as the model, which its result admits."""
    text = counted(text, "baseline_accuracy", *counts_of(text, "test_accuracy"))
    name = fields_of(text, "baseline_accuracy")["metadata"]["baseline"]
    text = with_result(text, f"baselines.{name}", lambda _: value_of(text, "baseline_accuracy"))
    return with_result(text, "beats_baselines", lambda _: False)


# ---- the end of training


def stopping() -> Iterator[Mutation]:
    ends = ("stopping-early", "stopping-event")
    yield mutation("stopping: too late", too_patient, "stopping-late")
    yield mutation(
        "stopping: too early",
        lambda text: with_value(text, "early_stopping_patience", value_of(text, "early_stop")),
        "stopping-early",
    )
    yield mutation(
        "stopping: another last epoch",
        lambda text: with_value(text, "early_stop", last_epoch(text) - 1),
        "stopping-event",
    )
    yield mutation(
        "stopping: another best epoch",
        lambda text: with_metadata(text, "early_stop", best_epoch=best_epoch(text) + 1),
        "stopping-event",
    )
    yield mutation("stopping: early_stop of no early stop", invented_stop, "stopping-early", "result-epochs")
    yield mutation("stopping: a loss lowered", lowered_loss, "result-epochs", *ends)
    yield mutation("stopping: losses that fall to the end", falling, "result-epochs", *ends)


def too_patient(text: str) -> str:
    """The text with a patience that had run out before the last epoch."""
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
    """The text in which another epoch has the lowest loss, by an edit of its line alone."""
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
    """The text with all counts of a set of scores multiplied, which leaves its ratios as they are."""

    def change(score: Fields) -> Fields:
        return {key: count * factor if isinstance(count, int) else count for key, count in score.items()}

    return with_result(text, f"scores.{name}", change)


def result() -> Iterator[Mutation]:
    for path, rule in _MORE.items():
        add = 1000 if path.startswith("timing") else 1
        yield mutation(
            f"result: another {path}",
            lambda text, path=path, add=add: with_result(text, path, lambda value: value + add),
            rule,
        )
        yield mutation(
            f"result: {path} as text", lambda text, path=path: with_result(text, path, str), "result-fields"
        )
    for name in ("staging", "training", "evaluation", "inference", "total"):
        yield mutation(
            f"result: {name}_seconds negative",
            lambda text, name=name: with_result(text, f"timing.{name}_seconds", lambda value: -value),
            "result-timing",
        )
    for name in ("training", "inference", "total"):
        yield mutation(
            f"result: a tenth of {name}_seconds",
            lambda text, name=name: with_result(text, f"timing.{name}_seconds", lambda value: value / 10),
            "result-timing",
        )
    for path in ("target_reached", "beats_baselines"):
        rule = "result-value" if path == "target_reached" else "result-baselines"
        yield mutation(
            f"result: {path} negated",
            lambda text, path=path: with_result(text, path, lambda value: not value),
            rule,
        )
    for path, value, rule in (
        ("format", "cloudmask-result-2", "result-format"),
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
        yield mutation(
            f"result: {path} {json.dumps(value)}",
            lambda text, path=path, value=value: with_result(text, path, lambda _: value),
            rule,
        )
    for field in ("format", "value", "scores", "baselines", "data", "timing", "weights_sha256", "best_epoch"):
        yield mutation(
            f"result: no {field}",
            lambda text, field=field: edit(text, "result", lambda fields: fields["value"].pop(field)),
            "result-fields",
        )
    yield mutation(
        "result: no scores by day",
        lambda text: edit(text, "result", lambda fields: fields["value"]["scores"]["bayes"].pop("day")),
        "result-pixels",
    )
    yield mutation("result: empty", lambda text: with_value(text, "result", {}), "result-fields")
    yield mutation(
        "result: of doubled pixels",
        lambda text: rescored(text, "bayes.all", 2),
        "result-pixels",
        "result-references",
    )
    yield mutation(
        "result: of doubled pixels by day",
        lambda text: rescored(text, "bayes.day", 2),
        "result-pixels",
        "result-references",
    )
    yield mutation(
        "result: of more pixels without borders",
        lambda text: rescored(text, "bayes.without_borders", 2),
        "result-references",
    )
    yield mutation(
        "result: against truth on other pixels",
        lambda text: rescored(text, "truth.all", 2),
        "result-references",
    )
    yield mutation("result: truth of observed scenes", invented_truth, "result-data")
    yield mutation(
        "result: the score of other events",
        better_score,
        "scene-totals",
    )


def invented_truth(text: str) -> str:
    require(value_of(text, "data_kind") == "slstr")
    return edit(
        text,
        "result",
        lambda fields: fields["value"]["scores"].update(truth=fields["value"]["scores"]["bayes"]),
    )


def better_score(text: str) -> str:
    """The score and the result's value raised, and the scenes left as they are."""
    correct, pixels = counts_of(text, "test_accuracy")
    text = counted(text, "test_accuracy", (correct + pixels) // 2, pixels)
    return with_result(text, "value", lambda _: value_of(text, "test_accuracy"))


MUTATIONS: tuple[Mutation, ...] = (
    *parsing(),
    *single_events(),
    *order(),
    *epochs(),
    *time(),
    *runs(),
    *parameters(),
    *identity(),
    *values(),
    *stopping(),
    *result(),
)
