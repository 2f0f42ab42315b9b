"""Defects in the file and its lines: encodings, damaged JSON, fields of events."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator

from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import (
    TOKEN,
    as_bytes,
    as_text,
    before,
    edit,
    event_of,
    place_of,
    require,
    value_of,
    with_metadata,
    with_result,
    with_row,
    with_value,
)

# ---- the file: bytes, lines, JSON


def in_string(text: str, *characters: str) -> str:
    """Insert raw characters into the string of an event."""
    raw = "".join(characters)
    return with_row(text, "submission_platform", lambda row: row.replace('"value": "', f'"value": "{raw}', 1))


def around_value(text: str, key: str, new: str, number: int = 0) -> str:
    """Replace an event's value by raw JSON."""
    written = json.dumps(value_of(text, key, number))
    return with_row(text, key, lambda row: row.replace(f'"value": {written}', f'"value": {new}', 1), number)


def joined(text: str, key: str, by: str) -> str:
    """Put an event and the next one on the same line."""
    rows = text.split("\n")
    place = place_of(text, key)
    require(event_of(rows[place + 1]))
    rows[place : place + 2] = [rows[place] + by + rows[place + 1]]
    return "\n".join(rows)


def half(row: str) -> str:
    return row[: len(row) // 2]


def overwritten(text: str) -> str:
    """Cut an event in half, and put the next one on the same line."""
    rows = text.split("\n")
    place = place_of(text, "seed")
    rows[place : place + 2] = [half(rows[place]) + rows[place + 1]]
    return "\n".join(rows)


def cut_middle(text: str) -> str:
    """Cut the file off in the middle of its last event."""
    head, _, last = text.rstrip("\n").rpartition("\n")
    return head + "\n" + half(last)


def compressed(text: str) -> str:
    import gzip

    return as_text(gzip.compress(as_bytes(text), mtime=0))


def indented(text: str) -> str:
    """Spread every event over several lines, as a formatter does."""
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


def parsing() -> Iterator[Defect]:
    lost, stray = "event-missing", "text-after-event"
    # encodings
    for name in ("utf-16", "utf-16-le", "utf-32"):
        yield defect(
            f"encoding: {name}",
            lambda text, name=name: as_text(text.encode(name)),
            "no-events",
            "binary-text",
            "last-line",
        )
    yield defect("encoding: latin-1 in an event", lambda text: in_string(text, "\udce9"), "encoding")
    yield defect("encoding: a cut UTF-8 sequence", lambda text: in_string(text, "\udce2\udc82"), "encoding")
    yield defect("encoding: an overlong NUL", lambda text: in_string(text, "\udcc0\udc80"), "encoding")
    yield defect(
        "encoding: a surrogate in UTF-8", lambda text: in_string(text, "\udced\udca0\udc80"), "encoding"
    )
    yield defect(
        "encoding: bytes between the lines", lambda text: before(text, "seed", "\udcff\udcfe"), "binary-text"
    )
    yield defect("encoding: compressed", compressed, "no-events", "binary-text", "last-line")
    yield defect("encoding: byte order mark", lambda text: "\ufeff" + text, "byte-order-mark")
    yield defect(
        "encoding: byte order mark of a second part",
        lambda text: with_row(text, "init_start", lambda row: "\ufeff" + row),
        "text-before-token",
    )
    yield defect("encoding: a NUL line", lambda text: before(text, "seed", "\0" * 64), "binary-text")
    yield defect(
        "encoding: a NUL in an event", lambda text: in_string(text, "\0"), "event-json", "binary-text", lost
    )
    yield defect("encoding: padded with NUL", lambda text: text + "\0" * 512, "binary-text", "last-line")
    # lines
    yield defect("lines: CR LF", lambda text: text.replace("\n", "\r\n"), "line-end")
    yield defect("lines: one CR LF", lambda text: with_row(text, "seed", lambda row: row + "\r"), "line-end")
    yield defect(
        "lines: CR alone", lambda text: text.replace("\n", "\r"), "glued-events", "line-end", "last-line"
    )
    yield defect("lines: no last line feed", lambda text: text.rstrip("\n"), "last-line")
    yield defect("lines: last line cut", cut_middle, "event-json", "last-line", "run-stop")
    yield defect("lines: a line cut", lambda text: with_row(text, "seed", half), "event-json", lost)
    yield defect("lines: a line cut, the next behind it", overwritten, "event-json", lost)
    yield defect("lines: two events on one", lambda text: joined(text, "seed", ""), "glued-events")
    yield defect("lines: two events and a space", lambda text: joined(text, "seed", " "), "glued-events")
    yield defect(
        "lines: two events and a comma", lambda text: joined(text, "seed", ","), "glued-events", stray
    )
    yield defect("lines: all events on one", lambda text: text.replace("\n", "") + "\n", "glued-events")
    yield defect(
        "lines: broken inside an event",
        lambda text: with_row(text, "seed", lambda row: row.replace('"key"', '\n"key"')),
        "event-json",
        lost,
    )
    yield defect("lines: indented JSON", indented, "event-json", "no-events")
    yield defect(
        "lines: an event of two megabytes",
        lambda text: with_metadata(text, "seed", padding="." * 2**21),
        "line-length",
        lost,
    )
    yield defect("lines: none", lambda text: "", "no-events")
    yield defect("lines: one empty", lambda text: "\n", "no-events")
    yield defect("lines: no token", lambda text: text.replace(TOKEN, ""), "no-events")
    for name, text_before in {
        "a rank": "0: ",
        "a date": "2024-11-24 07:00:00,123 INFO ",
        "colour codes": "\x1b[0m",
        "megabytes": "." * 2**21,
    }.items():
        yield defect(
            f"lines: {name} before a token",
            lambda text, prefix=text_before: with_row(text, "seed", lambda row: prefix + row),
            "text-before-token",
        )
    yield defect(
        "lines: a progress bar before a token",
        lambda text: with_row(text, "seed", lambda row: f"{'Epoch 1: 50 %' * 2**17}\r{row}"),
        "line-end",
    )
    for name, text_after in {
        "a word": " done",
        "a comma": ",",
        "a brace": "}",
        "colour codes": "\x1b[0m",
    }.items():
        yield defect(
            f"lines: {name} after an event",
            lambda text, suffix=text_after: with_row(text, "seed", lambda row: row + suffix),
            stray,
        )
    # tokens
    for token in (":::MLL ", ":::MLPv0.5.0 cloudmask ", ":::MLPv0.6.0 cloudmask "):
        yield defect(
            f"token: {token.split()[0]}",
            lambda text, token=token: with_row(text, "seed", lambda row: token + row.removeprefix(TOKEN)),
            "old-token",
            lost,
        )
    for token in (":::mllog ", "::MLLOG ", "MLLOG "):
        yield defect(
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
        yield defect(
            f"json: {name}", lambda text, change=change: with_row(text, "seed", change), "event-json", lost
        )
    for name, number in {
        "hexadecimal": "0x10",
        "a leading zero": "042",
        "a plus": "+1",
        "no digit": "1.",
    }.items():
        yield defect(
            f"json: a number with {name}",
            lambda text, number=number: around_value(text, "split_seed", number),
            "event-json",
            lost,
        )
    for depth in (2_000, 200_000):
        yield defect(
            f"json: nested {depth} deep",
            lambda text, depth=depth: around_value(text, "split_seed", "[" * depth + "]" * depth),
            "event-json",
            "value-type",
            lost,
        )
    yield defect(
        "json: nested 50 deep",
        lambda text: around_value(text, "split_seed", "[" * 50 + "]" * 50),
        "value-type",
    )
    twice = "duplicate-json-key"
    yield defect("json: value twice", lambda text: with_row(text, "seed", doubled_field("value", 99)), twice)
    yield defect(
        "json: key twice", lambda text: with_row(text, "seed", doubled_field("key", "split_seed")), twice
    )
    yield defect(
        "json: a field twice in metadata",
        lambda text: with_row(text, "seed", lambda row: row.replace('"lineno"', '"file": "a.py", "lineno"')),
        twice,
    )
    yield defect(
        "json: a field twice in the result",
        lambda text: with_row(
            text, "result", lambda row: row.replace('"accuracy"', '"recall": 1.0, "accuracy"', 1)
        ),
        twice,
    )
    # numbers
    for constant in ("NaN", "Infinity", "-Infinity"):
        yield defect(
            f"number: {constant}",
            lambda text, constant=constant: around_value(text, "train_loss", constant),
            "non-finite-number",
        )
    yield defect(
        "number: NaN in metadata",
        lambda text: with_metadata(text, "eval_accuracy", pixels=math.nan),
        "non-finite-number",
        "metadata-type",
    )
    yield defect(
        "number: NaN in the result",
        lambda text: with_result(text, "scores.bayes.all.f1", lambda _: math.nan),
        "non-finite-number",
        "result-fields",
    )
    yield defect(
        "number: NaN as time",
        lambda text: edit(text, "seed", lambda fields: fields.update(time_ms=math.nan)),
        "non-finite-number",
        "event-fields",
    )
    yield defect("number: 1e999", lambda text: around_value(text, "train_loss", "1e999"), "number-size")
    yield defect(
        "number: 1e999 in the result",
        lambda text: with_row(text, "result", lambda row: row.replace('"f1": ', '"f1": 1e999, "f": ', 1)),
        "result-fields",
    )
    yield defect("number: of 30 digits", lambda text: with_value(text, "seed", 10**30), "number-size")
    yield defect(
        "number: of 5000 digits",
        lambda text: around_value(text, "split_seed", "1" * 5000),
        "event-json",
        lost,
    )
    yield defect(
        "number: of 30 digits in metadata",
        lambda text: with_metadata(text, "eval_accuracy", pixels=10**30),
        "number-size",
    )
    # the six fields
    for field in ("namespace", "time_ms", "event_type", "value", "metadata"):
        also = {"value": ["value-type"], "metadata": ["event-source"]}.get(field, [])
        yield defect(f"fields: no {field}", without_field(field), "event-fields", *also)
    yield defect("fields: no key", without_field("key"), "event-fields", lost)
    yield defect("fields: one too many", with_field("rank", 0), "event-fields")
    for field, wrong in {
        "namespace": [None, 0, []],
        "time_ms": ["1732428000000", 1732428000000.5, True, None, {}, 10**30],
        "event_type": ["point_in_time", "POINT", "", None, 0],
        "metadata": [None, [], "", 0],
        "key": [None, 0, ["patch_size"], {}],
    }.items():
        also = {"metadata": ["event-source"], "key": [lost]}.get(field, [])
        for value in wrong:
            yield defect(
                f"fields: {field} {json.dumps(value)}", with_field(field, value), "event-fields", *also
            )
