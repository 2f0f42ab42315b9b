"""YAML from elsewhere: what is read, what is refused and in which words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmark.core.plain_yaml import DEPTH, YamlDefect, parse_mapping, parse_yaml, read_yaml


def refused(text: str, **options: bool) -> str:
    with pytest.raises(YamlDefect) as caught:
        parse_yaml(text, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("--- {a: [1, 2.5, yes, null, x]}\n...", {"a": [1, 2.5, True, None, "x"]}),
        ("a: 1e-3\nb: 0x1f\nc: -0.5", {"a": 1e-3, "b": 31, "c": -0.5}),
        ("day: 2024-02-30\nat: 2024-02-01 10:00:00", {"day": "2024-02-30", "at": "2024-02-01 10:00:00"}),
        ("'1': '2'\n3: \"4\\n\"", {"1": "2", 3: "4\n"}),
        ("a: |\n  one\n  two\nb: =", {"a": "one\ntwo\n", "b": "="}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("[" * DEPTH + "]" * DEPTH, None),
    ],
)
def test_plain_yaml_is_read_as_it_is_meant(text: str, value: object) -> None:
    assert value is None or parse_yaml(text) == value
    parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('zzz: !!bool "x"', "the tag !!bool in line 1"),
        ('a: 1\nzzz: !!timestamp "x"', "the tag !!timestamp in line 2"),
        ("!!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os.system in line 1"),
        ("! x", "the tag ! in line 1"),
        ("a: &a 1", "an anchor (&name) in line 1"),
        ("a: *a", "an alias (*name) in line 1"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "key 'c' twice in line 4"),
        ("1: a\ntrue: b", "key True twice in line 2"),
        (f"{'k' * 200}: 1\n{'k' * 200}: 1", f"key '{'k' * 95}… in line 2"),
        ("? [1]\n: 2", "a list or mapping as a key in line 1"),
        ("min_sst: .inf", "the number .inf in line 1"),
        ("a: .nan", "the number .nan in line 1"),
        ("a: 1e999", "the number 1e999 in line 1"),
        ("a: " + "9" * 5000, "a number of 5000 characters in line 1"),
        ("a: 0b_", "'0b_', which is not a number in line 1"),
        ("[" * 20_000, "lists or mappings more than 50 deep in line 1"),
        ("- " * 20_000, "lists or mappings more than 50 deep in line 1"),
        ("? " * 20_000, "lists or mappings more than 50 deep in line 1"),
        ("{a: " * 10_000, "lists or mappings more than 50 deep in line 1"),
        ("a: 1\n--- 2", "a second document in line 2"),
        ("a: [1", "while parsing a flow sequence: expected ',' or ']', but got '<stream end>' in line 1"),
        ("a: 1\nb: \x1b[31m", "the character U+001B in line 2"),
        ("# " + "x" * 65_535, "more than 65536 characters"),
    ],
)
def test_everything_else_is_refused_in_a_sentence(text: str, found: str) -> None:
    assert refused(text) == found


def test_a_mapping_of_many_keys_is_read_and_the_last_one_may_not_repeat_the_first() -> None:
    text = "".join(f"k{number}: {number}\n" for number in range(20_000))
    assert parse_yaml(text, 10**6) == {f"k{number}": number for number in range(20_000)}
    with pytest.raises(YamlDefect, match="key 'k0' twice in line 20001"):
        parse_yaml(f"{text}k0: 1", 10**6)


def test_another_program_may_use_aliases_merges_and_infinity() -> None:
    text = "base: &b {a: 1, c: [2]}\nx: {<<: *b, a: 3}\ny: {<<: [*b, {d: 4}]}\nz: [*b, -.inf]"
    base = {"a": 1, "c": [2]}
    merged = {"x": {"a": 3, "c": [2]}, "y": {"a": 1, "c": [2], "d": 4}}
    assert parse_yaml(text, foreign=True) == {"base": base, **merged, "z": [base, float("-inf")]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: *b", "the alias *b of nothing before it in line 1"),
        ("a: &a [*a]", "the alias *a of nothing before it in line 1"),
        ("a: {<<: 1}", "a merge (<<) of what is no mapping in line 1"),
        (
            "x0: &x0 [1, 1]\n" + "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 40)),
            "aliases for more than 20000 values in line 13",
        ),
    ],
)
def test_aliases_of_another_program_stay_bounded(text: str, found: str) -> None:
    assert refused(text, foreign=True) == found


def test_a_configuration_is_a_mapping() -> None:
    assert parse_mapping("a: 1") == {"a": 1}
    with pytest.raises(YamlDefect, match="list instead of a mapping"):
        parse_mapping("- a")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("ä: é")
    assert read_yaml(path) == {"ä": "é"}
    for content, found in (
        (b"a: \xff", "byte 0xff is not valid UTF-8"),
        ("é".encode() * 200, "more than 100 characters"),
        ("𝄞".encode() * 101, "more than 100 characters"),
    ):
        path.write_bytes(content)
        with pytest.raises(YamlDefect) as caught:
            read_yaml(path, 100)
        assert str(caught.value) == found


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, found in (
        (tmp_path / "pipe", "a pipe"),
        (Path("/dev/zero"), "a device"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(OSError, match=found):
            read_yaml(path)


#: PyYAML writes this line break as it is, and does not read it back.
texts = st.text(st.characters(exclude_characters="\x85")).filter(
    lambda text: not re.fullmatch(r"[-+]?\d[\d_]*[eE][-+]?\d+", text)  # to PyYAML 1e3 is no number
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_yaml_writes_is_read_again(value: object) -> None:
    assert parse_yaml(yaml.safe_dump(value, allow_unicode=True)) == value


def is_plain(value: object) -> bool:
    """Whether a value consists of what YAML can only say in plain words."""
    if isinstance(value, dict):
        return all(map(is_plain, [*value, *value.values()]))
    if isinstance(value, list):
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def read_or_refused(text: str, *, foreign: bool = False) -> object:
    """What is read of a text; the reason where it is refused."""
    try:
        return parse_yaml(text, foreign=foreign)
    except YamlDefect as defect:
        return str(defect)


@given(st.text(alphabet="ab01:-?[]{},&*!<> \n'\"|>#%.e~=", max_size=60), st.booleans())
def test_any_text_is_read_as_plain_values_or_refused(text: str, foreign: bool) -> None:
    assert is_plain(read_or_refused(text, foreign=foreign))


@given(st.text(max_size=60))
def test_any_characters_are_read_as_plain_values_or_refused(text: str) -> None:
    assert is_plain(read_or_refused(text))
