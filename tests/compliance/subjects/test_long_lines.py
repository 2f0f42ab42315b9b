"""Long and hostile lines are read piece by piece, in bounded memory and in time."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.record.events import EVENTS
from compliance.subjects.parse import parse_log
from compliance.subjects.reading import lines, outline
from tests.support.logs.hand_logs import COMPLETED, SEED, TOKEN, findings, parsed

PIECES = [
    "x" * 40,
    " " * 30,
    "\r",
    "50 %\r",
    "é█",
    "\ufeff",
    "\0",
    b"\xe2\x96",
    b"\xff",
    ":::MLPv0.5.0 a",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map(
    lambda pieces: b"".join(each if isinstance(each, bytes) else each.encode() for each in pieces)
)
ENDS = [b"", *(f"{TOKEN}{SEED}{rest}".encode() for rest in ("", "\r", " x", f"{TOKEN}{SEED}", f"{TOKEN}{{,"))]


@given(st.lists(st.tuples(TEXTS, st.sampled_from(ENDS)), min_size=1, max_size=4), st.integers(1, 50))
def test_a_line_read_piece_by_piece_is_what_it_is_read_at_once(
    drawn: list[tuple[bytes, bytes]], size: int
) -> None:
    text = b"\n".join(before + events for before, events in drawn)
    whole = parsed(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK_BYTES", size)
        patch.setattr(lines, "LINE_BYTES", 450)  # as long as the longest end
        piecewise = parsed(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK_BYTES", size)
        patch.setattr(lines.Lines, "blocks", every_line_is_long)
        assert repr(parsed(text)) == repr(piecewise) == repr(whole)


def every_line_is_long(self: lines.Lines) -> Iterator[lines.LongLine]:
    """All lines of a stream as long ones, in chunks."""
    content = self.stream.read()
    self.bytes = len(content)
    self.digest.update(content)
    self.is_cut_off = bool(content) and not content.endswith(b"\n")
    for line in content.removesuffix(b"\n").split(b"\n") if content else ():
        long = lines.LongLine()
        for start in range(0, len(line), lines.CHUNK_BYTES):
            long.add(line[start : start + lines.CHUNK_BYTES])
        yield long.ended()


PROGRESS = "".join(f"\r{number:7} / 400000 [####   ]" for number in range(400_000))  # 11 MB


def test_a_progress_bar_of_megabytes_is_no_fault_and_the_event_after_it_is_read() -> None:
    head, tail = COMPLETED.split("\n", 1)
    assert findings(f"{head}\n{PROGRESS}\n{tail}") == findings(f"{head}\n{PROGRESS}\r\n{tail}")[1:] == []
    (found,) = findings(f"{head}\n{PROGRESS}\r{tail}")
    assert (found.rule, found.severity, found.line) == ("line-end", "warning", 2)
    assert found.found == "1 event after text that ends with CR"
    log = parsed(f"{head}\n{PROGRESS}{tail}")
    assert [event.line for event in log.events] == [*range(1, COMPLETED.count("\n") + 1)]
    assert log.defects.counts == {"text-before-token": 1}


def test_a_long_line_takes_the_memory_of_a_few_chunks() -> None:
    class Stream(io.RawIOBase):
        left = 64

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"x\r" * (lines.CHUNK_BYTES // 2) if self.left >= 0 else b""

    tracemalloc.start()
    log = parse_log(cast(BinaryIO, Stream()), "x")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (log.lines, log.bytes, log.defects.counts["last-line"]) == (1, 64 * lines.CHUNK_BYTES, 1)
    assert most < 8 * lines.LINE_BYTES


def test_an_overlong_event_is_left_out_and_the_next_line_keeps_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "LINE_BYTES", 1000)
    monkeypatch.setattr(lines, "CHUNK_BYTES", 64)
    log = parsed(
        f"{TOKEN}{SEED}\n{TOKEN}{SEED.replace('{}', json.dumps({'x': 'x' * 5000}))}\n{TOKEN}{SEED}\n"
    )
    assert [event.line for event in log.events] == [1, 3]
    assert log.defects.kept["line-length"] == [(2, "more than 1000 bytes from the first event on")]


def test_reading_ends_where_the_events_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    line = f"{TOKEN}{SEED}\n"
    monkeypatch.setattr(outline, "EVENTS_BYTES", 10 * (len(SEED) + 6 * outline.VALUE_BYTES) - 1)
    log = parsed(line * 100)
    assert (len(log.events), log.lines, log.bytes) == (10, 100, 100 * len(line))
    assert log.sha256 == hashlib.sha256(line.encode() * 100).hexdigest()
    assert log.defects.counts == {"log-size": 1}
    assert log.defects.kept["log-size"][0].line == 10


def test_hostile_lines_take_time_in_proportion_to_their_length() -> None:
    # Each would take minutes where reading is quadratic; here together well under a second.
    for text in (
        ":::MLLOG " * 100_000,
        (TOKEN + "[") * 100_000,
        TOKEN + '{"a":' * 100_000,
        TOKEN + '"' * 1_000_000,
    ):
        assert parse_log(io.BytesIO(text.encode()), "x").events == []


@pytest.mark.parametrize(
    "keys",
    [
        [event.key for event in reversed(EVENTS)] * 200,
        ["run_stop"] * 8_000 + ["seed"] * 8_000,
        ["seed"] * 8_000 + ["submission_org"] * 8_000,
        ["submission_org", "seed"] * 8_000,
        [f"train_los{number}" for number in range(16_000)],
        ["eval_loss"] * 16_000,
    ],
    ids=["backwards", "after the run", "two blocks", "in turn", "unknown keys", "an epoch each"],
)
def test_hostile_logs_are_judged_in_time_in_proportion_to_their_length(keys: list[str]) -> None:
    # Each would take minutes with a rule that is quadratic in events, keys or epochs.
    event = json.loads(SEED)
    lines = [
        TOKEN + json.dumps(event | {"key": key, "value": 0.5, "metadata": {"epoch_num": number}})
        for number, key in enumerate(keys, start=1)
    ]
    assert findings("\n".join(lines) + "\n")
