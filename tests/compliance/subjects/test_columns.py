"""Events by columns are what a list of the events is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compliance.subjects.columns import Events, is_ascending, is_interleaved
from compliance.subjects.log import LogEvent

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
