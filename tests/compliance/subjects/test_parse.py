"""The parser: true lines, every event that can be read, and no failure on any bytes."""

from __future__ import annotations

import hashlib
import io
import json
import math
import tracemalloc
from collections.abc import Iterator
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.record.events import EVENTS
from compliance.subjects import parse
from compliance.subjects.columns import Events, is_ascending, is_interleaved
from compliance.subjects.log import LogEvent, is_typed, split_runs
from compliance.subjects.parse import parse_log
from compliance.subjects.reading import lines, outline
from compliance.subjects.strict_json import read_json
from tests.support.hand_logs import COMPLETED, TOKEN, findings, parsed

SEED = (
    '{"namespace": "", "time_ms": 5, "event_type": "POINT_IN_TIME", '
    '"key": "seed", "value": 1, "metadata": {}}'
)


def keys(text: str | bytes) -> list[str]:
    return [event.key for event in parsed(text).events]


def test_an_event_is_read_with_its_line_kind_time_value_and_metadata() -> None:
    log = parsed(COMPLETED)
    assert log.events[5] == LogEvent(
        place=5,
        line=6,
        key="submission_github_commit_version",
        kind="POINT_IN_TIME",
        time_ms=1732428000002,
        value="3f2a9c04d1e85b7766af0c9e12b4d8805a6e7f31",
        metadata={"file": "benchmark/train.py", "lineno": 66, "dirty": False},
    )
    assert (len(log.events), log.lines, log.bytes) == (179, 179, len(COMPLETED))
    assert log.defects.counts.total() == 0


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = f"hello\n\n{TOKEN}{SEED}\r\nEpoch 1\n{TOKEN}{SEED}"
    assert [event.line for event in parsed(text).events] == [3, 5]
    assert parsed(text).lines == 5


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_chunks_of_any_size_give_the_same_events(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = parsed(COMPLETED)
    monkeypatch.setattr(lines, "CHUNK_BYTES", size)
    assert parsed(COMPLETED) == whole


LINES = [line for line in COMPLETED.splitlines() if "[" not in line]
NUMBERS = ["18446744073709551616", "-9223372036854775809", "9007199254740993", "1e400", "-0", "1.0e2", "NaN"]
SPELLINGS = [*NUMBERS, "01", '"\\ud800"', '"\\u0041"', "{}", '{"a": [{}', "[1]", "tru", '"a:b"', '"\t"']


@given(st.data())
def test_a_block_of_events_is_read_as_its_lines_are_one_by_one(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=6))
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(lines) - 1))
        line, column = lines[place], data.draw(st.integers(0, len(lines[place])))
        lines[place] = data.draw(
            st.sampled_from(
                [
                    line[:column] + line[column + 1 :],
                    line[:column] + data.draw(st.sampled_from(':,{}[]"\\ \r\x00é')) + line[column:],
                    line[:column] + "\n" + line[column:],
                    line.replace("null", data.draw(st.sampled_from(SPELLINGS))),
                    line.replace('"lineno": ', f'"lineno": {data.draw(st.sampled_from(SPELLINGS))}, "n": '),
                    line + ", " + line.removeprefix(TOKEN),
                    line[:-1] + ', "key": "seed"}',
                ]
            )
        )
    text = "\n".join(lines) + "\n"
    whole = parsed(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse._Parser, "_plain_block", lambda self, block: False)
        # NaN is not equal to itself
        assert repr(parsed(text)) == repr(whole)


@given(st.text("[x\n", max_size=30))
def test_a_block_is_parted_around_its_brackets_without_losing_a_line(text: str) -> None:
    parts = [*lines.parted(text.encode())]
    assert b"\n".join(parts).decode() == text
    assert [b"[" in part for part in parts].count(True) == ("[" in text)
    assert len(parts) <= 3


def test_the_events_around_the_result_of_a_run_are_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = COMPLETED.splitlines(keepends=True)
    seen: list[int] = []
    one_by_one = parse._Parser._any_block

    def counted(self: parse._Parser, block: bytes) -> None:
        seen.append(self.log.lines + 1)
        one_by_one(self, block)

    monkeypatch.setattr(parse._Parser, "_any_block", counted)
    assert [event.line for event in parsed(COMPLETED).events] == [*range(1, len(lines) + 1)]
    assert seen == [number for number, line in enumerate(lines, start=1) if "[" in line]


EVENTS_OF_A_FILE = [
    LogEvent(
        place, 2 * place, key, "POINT_IN_TIME", place, place / 2, {"epoch_num": place} if place % 3 else {}
    )
    for place, key in enumerate(["seed", *["epoch_start", "train_loss", "epoch_stop"] * 4, "seed", "result"])
]


@given(st.lists(st.booleans(), min_size=len(EVENTS_OF_A_FILE), max_size=len(EVENTS_OF_A_FILE)), st.data())
def test_columns_of_events_are_what_a_list_of_the_events_is(mask: list[bool], data: st.DataObject) -> None:
    events = Events.of(EVENTS_OF_A_FILE).where(mask)
    listed = [event for event, chosen in zip(EVENTS_OF_A_FILE, mask, strict=True) if chosen]
    part = data.draw(st.slices(len(listed)))
    assert (len(events), [*events], events.first) == (len(listed), listed, listed[0] if listed else None)
    assert events[part] == listed[part]
    assert [events[place] for place in range(-len(listed), len(listed))] == listed * 2
    assert Events.of(listed).values == events.values == [event.value for event in listed]
    assert events.facts("epoch_num") == [event.metadata.get("epoch_num") for event in listed]
    by_key = {key: [event for event in listed if event.key == key] for key in events.keys}
    assert events.by_key() == by_key
    assert {key: each.times for key, each in events.by_key().items()} == {
        key: [event.time_ms for event in each] for key, each in by_key.items()
    }


def test_a_slice_of_all_events_may_run_backwards() -> None:
    assert Events.of(EVENTS_OF_A_FILE)[::-2].values == [event.value for event in EVENTS_OF_A_FILE[::-2]]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1))
def test_columns_are_interleaved_where_their_rows_ascend(rows: list[tuple[int, int, int]]) -> None:
    for case in (rows, sorted((row, row + 1, row + 2) for row, *_ in rows), [(n, n, n) for n in range(9)]):
        flat = [number for row in case for number in row]
        assert is_interleaved([*zip(*case, strict=True)]) is is_ascending(flat) is (flat == sorted(flat))


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


def test_both_events_of_a_line_are_read() -> None:
    assert keys(f"{TOKEN}{SEED}{TOKEN}{SEED.replace('seed', 'epochs')}\n") == ["seed", "epochs"]


def test_the_event_after_a_cut_one_on_the_same_line_is_read() -> None:
    log = parsed(f"{TOKEN}{SEED[:40]}{TOKEN}{SEED}\n")
    assert [event.key for event in log.events] == ["seed"]
    assert log.defects.counts == {"event-json": 1}


def test_a_token_inside_a_string_is_no_event() -> None:
    text = SEED.replace("{}", json.dumps({"note": "written after :::MLLOG {}"}))
    assert keys(f"{TOKEN}{text}\n") == ["seed"]
    assert parsed(f"{TOKEN}{text}\n").defects.counts.total() == 0


def test_a_colon_in_a_string_hides_no_repeated_key() -> None:
    # The fast path counts colons; here two of them stand in strings, and one key is lost.
    text = SEED.replace('"metadata": {}', '"metadata": {"file": "a:b", "file": "c:d"}')
    assert parsed(f"{TOKEN}{text}\n").defects.counts == {"duplicate-json-key": 1}


@pytest.mark.parametrize(
    "text",
    [
        SEED.replace(": ", ":"),
        SEED.replace(", ", " , ").replace(": ", " : "),
        SEED + "   ",
        json.dumps(dict(reversed(json.loads(SEED).items()))),
        SEED.replace('"seed"', '"\\u0073eed"'),
    ],
    ids=["no spaces", "many spaces", "spaces after", "other order", "escaped letter"],
)
def test_any_correct_spelling_of_the_json_is_read_without_a_defect(text: str) -> None:
    log = parsed(f"{TOKEN}{text}\n")
    assert [(event.key, event.value) for event in log.events] == [("seed", 1)]
    assert log.defects.counts.total() == 0


def test_nan_and_infinity_are_no_sound_values() -> None:
    text = SEED.replace('"seed"', '"train_loss"').replace("{}", '{"epoch_num": 1}')
    log = parsed(f"{TOKEN}{text.replace('1,', '-Infinity,', 1)}\n")
    (event,) = log.events
    assert math.isnan(event.value)  # type: ignore[arg-type]
    assert log.sound("train_loss") == []


@pytest.mark.parametrize(
    ("value", "type_name", "typed"),
    [
        (1, "integer", True),
        (True, "integer", False),
        (2**53, "integer", True),
        (2**53 + 1, "integer", False),
        (1.5, "number", True),
        (math.inf, "number", False),
        (10**400, "number", False),
        (None, "null", True),
        ("", "string", True),
    ],
)
def test_a_typed_value_is_one_that_can_be_computed_with(value: object, type_name: str, typed: bool) -> None:
    assert is_typed(value, type_name) is typed


def test_a_start_that_stands_twice_in_a_row_is_no_second_run() -> None:
    start = LogEvent(0, 1, "run_start", "INTERVAL_START", 1, None, {})
    again = start._replace(place=1, line=2)
    assert split_runs([start, again]) == ([start, again], [], None)


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


def test_a_description_is_read_with_the_line_of_what_is_wrong(tmp_path) -> None:
    path = tmp_path / "system.json"
    path.write_text('{"a": 1,\n"b": }')
    assert read_json(path).defects == ((2, "expecting value at column 6"),)
    path.write_bytes(b'{"a":\n"\xff"}')
    assert read_json(path).defects == ((2, "byte 0xff is no UTF-8"),)
    path.write_text('{"a": 1, "a": NaN}')
    assert [found for _, found in read_json(path).defects] == [
        "non-finite-number: NaN",
        "duplicate-json-key: `a`",
    ]
    path.write_text("[" * 100_000)
    assert read_json(path).defects == ((None, "objects or lists nested too deeply"),)
    path.write_text('{"a": [1, "é"]}')
    assert read_json(path).data == {"a": [1, "é"]}
    assert read_json(path).defects == ()
