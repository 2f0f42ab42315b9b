"""The parser: true lines, and every event that can be read."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.subjects import parse
from compliance.subjects.log import LogEvent, is_typed, split_runs
from compliance.subjects.reading import lines
from tests.support.logs.hand_logs import COMPLETED, SEED, TOKEN, parsed


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
