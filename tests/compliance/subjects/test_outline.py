"""Large logs: an event in outline is, to every rule, what the event is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain

import pytest

from compliance import registry
from compliance.finding import Finding
from compliance.rules.foreign.keys import HPC, TRAINING, Demand
from compliance.rules.foreign.science import SCIENCE
from compliance.rules.profiles import PROFILES
from compliance.selection import Selection
from compliance.subjects.parse import _Parser
from compliance.subjects.reading import lines, outline
from compliance.subjects.reading.outline import Kept, Outlines
from tests.support.logs.hand_logs import COMPLETED, LOGS, TOKEN, findings, line_of, parsed, with_line

TEXTS = {
    path.stem: path.read_text()
    for path in sorted([*LOGS.rglob("*.txt"), *(LOGS.parent / "foreign").glob("*.log")])
}
SOURCE = {"file": "benchmark/train.py", "lineno": 7}


def step(number: int, key: str = "train_step", value: object = 0.5, **metadata: object) -> str:
    """The line of an event of a step, of a key that no rule asks about."""
    return TOKEN + json.dumps(
        {
            **{"namespace": "", "time_ms": 1732428009330, "event_type": "POINT_IN_TIME"},
            **{"key": key, "value": value, "metadata": SOURCE | {"epoch_num": 1, "step": number} | metadata},
        }
    )


def with_steps(steps: int) -> str:
    """A log that meets every rule, with events of steps in its first epoch."""
    line = line_of(COMPLETED, "epoch_start")
    return with_line(COMPLETED, line, COMPLETED.splitlines()[line - 1], *map(step, range(steps)))


def judged(text: str, profile: str) -> list[Finding]:
    return registry.run("log", parsed(text), Selection().rules(profile))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", TEXTS)
def test_the_findings_are_the_same_where_every_event_that_may_be_is_in_outline(
    name: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = judged(TEXTS[name], profile)
    monkeypatch.setattr(outline, "FULL_BYTES", -1)
    assert judged(TEXTS[name], profile) == before
    monkeypatch.setattr(_Parser, "_plain_block", lambda self, block: False)
    assert judged(TEXTS[name], profile) == before


def demands() -> Iterator[tuple[str, Demand]]:
    """Everything that the rule files of other benchmarks ask of a key."""
    for rules in (HPC, TRAINING, SCIENCE):
        further = chain.from_iterable(each.values() for each in rules.of_choice.values())
        for each in (rules.common, *rules.divisions.values(), *rules.of_benchmark.values(), *further):
            yield from each.items()


VALUES = [None, True, 0, 3, 2**64 - 1, 0.5, "", "bf16", "x" * 500, [], [1], [1, 2], {}, {"a": 1}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_an_outline_meets_what_any_rule_file_asks_exactly_where_the_event_does(value: object) -> None:
    outlines = Outlines()
    for key, demand in demands():
        if short := outlines.of(key, value, {}):
            assert not demand.metadata
            for values in filter(None, (demand.values, demand.reached)):
                assert values.hold(short[1]) == values.hold(value), key


def test_an_outline_has_the_place_in_the_program_and_equal_parts_are_one_object() -> None:
    outlines = Outlines()
    first, second = (
        outlines.of("".join(("st", "ep")), number / 2, SOURCE | {"step": number}) for number in range(2)
    )
    assert first == ("step", 0.0, SOURCE)
    assert second == ("step", 0.5, SOURCE)
    assert first[0] is second[0]
    assert first[2] is second[2]
    assert outlines.of("step", "x" * 500, {}) == ("step", "x" * 64 + "…", {})


@pytest.mark.parametrize(
    ("key", "value", "metadata"),
    [
        ("train_loss", 0.5, SOURCE),
        ("block_start", None, SOURCE),
        ("step", 2**70, SOURCE),
        ("k" * 201, 1, SOURCE),
        ("step", 1, {"file": "x" * 201}),
        ("step", 1, {"file": ["a"]}),
        ("step", 1, {"lineno": True}),
        ("step", 1, {"lineno": 1.0}),
    ],
)
def test_what_a_rule_may_ask_more_of_has_no_outline(key: str, value: object, metadata: dict) -> None:
    assert Outlines().of(key, value, metadata) is None


@pytest.mark.parametrize("value", [0.5, True, None])
def test_outlines_of_a_block_are_those_of_its_events(value: object) -> None:
    outlines = Outlines()
    events = [("train_step", value, {**SOURCE, "step": number}) for number in range(3)]
    keys, values, metadata = map(list, zip(*events, strict=True))
    assert outlines.of_all(keys, values, metadata) is None  # neither key nor place is known
    one_by_one = [outlines.of(*event) for event in events]
    outlined = outlines.of_all(keys, values, metadata)
    assert outlined is not None
    assert [*zip(outlined[0], values, outlined[1], strict=True)] == one_by_one
    for other in ({"lineno": 7.0}, {"lineno": True}, {"lineno": [7]}, {"file": "other.py"}):
        assert outlines.of_all(keys, values, [*metadata[1:], SOURCE | other]) is None
    assert outlines.of_all(["epoch_start", *keys[1:]], values, metadata) is None
    assert outlines.of_all(keys, ["text", *values[1:]], metadata) is None
    assert outlines.of_all(keys, values, [{}, *metadata[1:]]) is None


def test_outlines_of_ever_new_keys_or_places_end(monkeypatch: pytest.MonkeyPatch) -> None:
    outlines = Outlines()
    assert [outlines.of(f"key{number}", 1, {}) for number in range(1001)].count(None) == 1
    assert [outlines.of("key1", 1, {"lineno": number}) for number in range(1001)].count(None) == 2
    assert outlines.of("key1", 1, {"lineno": 1})


def test_a_log_of_steps_is_read_to_its_end_in_the_memory_of_outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = with_steps(5000)
    monkeypatch.setattr(lines, "CHUNK_BYTES", 2**14)  # of a block, all events or none are in outline
    monkeypatch.setattr(outline, "FULL_BYTES", 2**17)
    monkeypatch.setattr(outline, "EVENTS_BYTES", 2**17 + 2**19 + 5000 * outline.OUTLINE_BYTES)
    log = parsed(text)
    lines_of_it = len(text.splitlines())
    assert (log.status, len(log.events), log.lines) == ("success", lines_of_it, lines_of_it)
    assert [finding.rule for finding in findings(text)] == ["event-unknown"]
    assert log.all("train_step")[0].metadata == SOURCE | {"epoch_num": 1, "step": 0}
    assert log.all("train_step")[4999].metadata == SOURCE
    monkeypatch.setattr(outline, "FULL_BYTES", 2**30)
    log = parsed(text)
    assert log.defects.counts["log-size"] == 1
    assert len(log.events) < 2500


def test_the_memory_of_a_block_is_that_of_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "FULL_BYTES", -1)
    kept = []
    for plain in (True, False):
        parser = _Parser("x")
        events = [step(1), step(2, key="train_loss"), step(3, value="a"), step(4, key="seed")]
        block = "\n".join(events).encode()
        assert parser._plain_block(block) if plain else parser._any_block(block) is None
        kept.append(parser.kept)
    assert isinstance(kept[0], Kept)
    assert kept[0].columns == kept[1].columns
    full = [len(line) + outline.VALUE_BYTES * (6 + 4) for line in (events[0], events[1], events[3])]
    assert kept[0].memory == pytest.approx(sum(full) + outline.OUTLINE_BYTES, rel=0.2)
    assert kept[1].memory == pytest.approx(kept[0].memory, rel=0.2)
