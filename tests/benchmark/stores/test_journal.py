"""The journal of a store: records come back, and what is no record tells nothing."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.stores.journal import SceneRecord, open_journal, read_journal

NAMES = [f"S3A_{i}.hdf" for i in range(3)]
RECORDS = [
    SceneRecord(0, "S3A_0.hdf", "0f" * 32, 7, (1.5, 3), (-2.25, 4)),
    SceneRecord(1, "S3A_1.hdf", skipped="dataset bts missing"),
    SceneRecord(2, "S3A_2.hdf", "1e" * 32),
]


@given(order=st.permutations(RECORDS))
def test_records_come_back_from_the_journal_whatever_their_order(tmp_path_factory, order):
    folder = tmp_path_factory.mktemp("journal")
    for record in order:
        with open_journal(folder) as append:
            append(record)
    assert read_journal(folder, NAMES) == dict(enumerate(RECORDS))


def test_a_later_line_of_a_scene_replaces_an_earlier_one(tmp_path):
    again = dataclasses.replace(RECORDS[0], sha256="aa" * 32)
    with open_journal(tmp_path) as append:
        for record in (*RECORDS, again):
            append(record)
    assert read_journal(tmp_path, NAMES)[0] == again


@given(data=st.data())
def test_a_journal_cut_anywhere_keeps_its_complete_lines_and_can_be_continued(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("journal")
    with open_journal(folder) as append:
        for record in RECORDS:
            append(record)
    journal = folder / "scenes.jsonl"
    content = journal.read_bytes()
    end = data.draw(st.integers(0, len(content)))
    os.truncate(journal, end)
    ends = itertools.accumulate(len(line) + 1 for line in content.splitlines())
    whole = sum(end >= line_end - 1 for line_end in ends)  # the line break itself may be missing
    assert read_journal(folder, NAMES) == dict(enumerate(RECORDS[:whole]))
    with open_journal(folder) as append:
        append(RECORDS[2])
    assert read_journal(folder, NAMES) == dict(enumerate(RECORDS[:whole])) | {2: RECORDS[2]}


@given(line=st.binary(max_size=200), first=st.booleans())
def test_a_line_that_is_no_record_tells_nothing(tmp_path_factory, line, first):
    folder = tmp_path_factory.mktemp("journal")
    if first:
        (folder / "scenes.jsonl").write_bytes(line)
    with open_journal(folder) as append:
        append(RECORDS[0])
    if not first:
        with (folder / "scenes.jsonl").open("ab") as file:
            file.write(line)
    assert read_journal(folder, NAMES) == {0: RECORDS[0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"slot": 3},
        {"slot": -1},
        {"slot": True},
        {"slot": 1},  # the place of another scene
        {"scene": "S3A_1.hdf"},
        {"scene": None},
        {"sha256": None},
        {"sha256": 5},
        {"filled": 1.5},
        {"clear": [1.0]},
        {"clear": [float("nan"), 1]},
        {"clear": "ab"},
        {"cloudy": [1.0, -1]},
        {"more": 1},
    ],
)
def test_a_record_that_does_not_belong_here_tells_nothing(tmp_path, changes):
    fields = dataclasses.asdict(RECORDS[0]) | changes
    (tmp_path / "scenes.jsonl").write_text(json.dumps(fields) + "\n")
    assert read_journal(tmp_path, NAMES) == {}


def test_no_journal_tells_nothing(tmp_path):
    assert read_journal(tmp_path, NAMES) == {}
