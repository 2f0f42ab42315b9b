"""Logs with broken bytes, lines or JSON."""

from __future__ import annotations

from tests.support.defects.defect import typed
from tests.support.logs.hand_logs import COMPLETED, TOKEN, line_of, with_line, with_metadata, with_value

LINES = COMPLETED.splitlines()
SEED = line_of(COMPLETED, "seed")
LOSS = line_of(COMPLETED, "train_loss")
END = len(LINES)


def edited(line: int, old: str, new: str) -> str:
    """Return the completed log with a piece of a line replaced."""
    text = LINES[line - 1]
    assert old in text
    return with_line(COMPLETED, line, text.replace(old, new))


def as_bytes(line: int, old: bytes, new: bytes) -> bytes:
    """Return the completed log with some bytes of a line replaced."""
    lines = COMPLETED.encode().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    return b"".join(lines)


NESTED = "[" * 200_000
DEEP = (
    TOKEN
    + '{"namespace": "", "time_ms": 1732428000061, "event_type": "POINT_IN_TIME", "key": "seed", "value": '
)

DEFECTS = [
    typed("no-events", "Epoch 1/3\n", None, "no event in 1 line (10 bytes)"),
    typed(
        "line-length",
        with_line(COMPLETED, SEED, LINES[SEED - 1], f"{TOKEN}{'x' * 2**21}"),
        SEED + 1,
        "more than 1048576 bytes from the first event on",
    ),
    typed("encoding", as_bytes(SEED, b"benchmark/", b"benchm\xe9rk/"), SEED, "byte 0xe9 at column 140"),
    typed("binary-text", with_line(COMPLETED, SEED, LINES[SEED - 1], "a\0b"), SEED + 1, "a NUL byte"),
    typed("binary-text", COMPLETED.encode() + b"\x89HDF\xff\n", END + 1, "byte 0x89 at column 1"),
    typed(
        "old-token",
        with_line(COMPLETED, SEED, ":::MLPv0.5.0 cloudmask 1573.1 (a.py:1) seed: 1", LINES[SEED - 1]),
        SEED,
        "`:::MLPv0.5.0 cloudmask 1573.1 (a.py:1) seed: 1`",
    ),
    typed(
        "event-json",
        with_line(COMPLETED, SEED, LINES[SEED - 1], LINES[SEED - 1][:60]),
        SEED + 1,
        f"cut off after `{LINES[SEED - 1][:60]}`",
    ),
    typed(
        "event-json",
        edited(LOSS, "0.4375", "0,4375"),
        LOSS,
        "expecting property name enclosed in double quotes at column 117: "
        '`4375, "metadata": {"file": "benchmark/train.py", "lineno": 1…`',
        also=("epoch-complete",),
    ),
    typed(
        "event-json",
        with_line(COMPLETED, SEED, TOKEN + "seed 1", LINES[SEED - 1]),
        SEED,
        "no object after the token at column 9: ` seed 1`",
    ),
    typed(
        "event-json",
        with_line(COMPLETED, SEED, LINES[SEED - 1], DEEP + NESTED),
        SEED + 1,
        "objects or lists nested too deeply",
    ),
    typed(
        "event-json",
        with_line(COMPLETED, SEED, LINES[SEED - 1], DEEP + "1" * 5000 + "}"),
        SEED + 1,
        "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits",
    ),
    typed("duplicate-json-key", edited(SEED, '"value": 1', '"value": 2, "value": 1'), SEED, "`value`"),
    typed(
        "duplicate-json-key",
        edited(LOSS, '"epoch_num": 1', '"epoch_num": 1, "epoch_num" : 1'),
        LOSS,
        "`epoch_num`",
    ),
    typed(
        "non-finite-number",
        edited(END - 1, "63.8", "-Infinity"),
        END - 1,
        "-Infinity",
        also=("result-fields",),
    ),
    typed("event-fields", edited(SEED, '"namespace": "", ', ""), SEED, "no namespace"),
    typed("event-fields", edited(SEED, '"namespace": ""', '"namespace": null'), SEED, "namespace is null"),
    typed(
        "event-fields", edited(SEED, '"namespace"', '"pid": 1, "namespace"'), SEED, "an unknown field `pid`"
    ),
    typed(
        "event-fields",
        edited(SEED, "1732428000061", '"1732428000061"'),
        SEED,
        "time_ms is a string (`1732428000061`)",
    ),
    typed(
        "event-fields",
        edited(SEED, "1732428000061", "1732428000061.5"),
        SEED,
        "time_ms is a number (1732428000061.5)",
    ),
    typed("event-fields", edited(SEED, "1732428000061", "true"), SEED, "time_ms is a boolean (true)"),
    typed(
        "event-fields",
        edited(SEED, "1732428000061", "9" * 400),
        SEED,
        "time_ms is an integer (an integer of 1329 bits)",
    ),
    typed("event-fields", edited(SEED, "POINT_IN_TIME", "POINT"), SEED, "event_type is a string (`POINT`)"),
    typed(
        "event-fields",
        edited(SEED, '"key": "seed"', '"key": 7'),
        SEED,
        "key is an integer (7)",
        also=("event-missing",),
    ),
    typed(
        "event-fields",
        edited(END, '{"file": "benchmark/train.py", "lineno": 178, "status": "success"}', "[1]"),
        END,
        "metadata is a list of 1",
        also=("metadata-missing", "event-source"),
    ),
    typed("text-before-token", edited(SEED, ":::MLLOG", "rank 0: :::MLLOG"), SEED, "`rank 0:`"),
    typed(
        "text-after-event", with_line(COMPLETED, SEED, LINES[SEED - 1] + " loss: 0.3"), SEED, "`loss: 0.3`"
    ),
    typed(
        "number-size",
        with_value(COMPLETED, "seed", 2**53 + 1),
        SEED,
        "value of `seed` is an integer (9007199254740993)",
    ),
    typed(
        "event-source",
        with_metadata(COMPLETED, "seed", file="/opt/job/train.py"),
        SEED,
        "`seed`: file `/opt/job/train.py`",
    ),
    typed(
        "event-source",
        with_metadata(COMPLETED, "seed", file="../train.py"),
        SEED,
        "`seed`: file `../train.py`",
    ),
    typed(
        "event-source",
        with_metadata(COMPLETED, "seed", lineno=None),
        SEED,
        "`seed`: file a string (`benchmark/train.py`), lineno null",
    ),
]
