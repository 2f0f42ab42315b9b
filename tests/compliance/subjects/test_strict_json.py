"""A system description is read with the line of what is wrong in it."""

from __future__ import annotations

from compliance.subjects.strict_json import read_json


def test_a_description_is_read_with_the_line_of_what_is_wrong(tmp_path) -> None:
    path = tmp_path / "system.json"
    path.write_text('{"a": 1,\n"b": }')
    assert read_json(path).defects == ((2, "expecting value at column 6"),)
    path.write_bytes(b'{"a":\n"\xff"}')
    assert read_json(path).defects == ((2, "byte 0xff is not valid UTF-8"),)
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
