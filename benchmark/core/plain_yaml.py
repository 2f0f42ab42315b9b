"""The one reader for YAML from outside: plain, bounded, every key once. It executes nothing.

Plain means a single document of mappings, lists and scalars: no tags, and neither anchors nor aliases unless
another program wrote the file. Numbers are finite; a date stays text.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.files import open_regular

if TYPE_CHECKING:
    import yaml

#: Limits far above any configuration.
CHARACTERS = 64 * 1024
DEPTH = 50
NUMBER_CHARACTERS = 100
#: Longest quotation in a message.
FOUND_CHARACTERS = 100
#: Most values in a document with aliases, counting a value once per use.
VALUES = 20_000

#: What a file should contain, for messages.
PLAIN = "plain YAML: every key once, finite numbers, no tags, anchors and aliases"

_TAG = "tag:yaml.org,2002:"


class YamlDefect(Exception):
    """A text that is not plain YAML."""


def read_yaml(path: Path, characters: int = CHARACTERS) -> Any:
    """Return the values in a file of at most ``characters`` characters. Raises OSError and YamlDefect."""
    with open_regular(path) as file:
        content = file.read(4 * characters + 1)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        if len(content) > 4 * characters:  # perhaps cut within a character
            raise YamlDefect(f"more than {characters} characters") from None
        raise YamlDefect(f"byte 0x{content[error.start]:02x} is not valid UTF-8") from None
    return parse_yaml(text, characters)


def parse_yaml(text: str, characters: int = CHARACTERS, *, foreign: bool = False) -> Any:
    """Return the values in plain YAML text, in time that grows with its length. Raises YamlDefect.

    ``foreign``: the text comes from another program, which may use aliases, merged mappings and infinite
    numbers.
    """
    if len(text) > characters:
        raise YamlDefect(f"more than {characters} characters")

    import yaml  # most checks never need it, and importing it takes longer than the rest of the start-up

    try:
        return _Document(text, foreign).read()
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        context = f"{error.context}: " if error.context else ""
        raise YamlDefect(f"{context}{error.problem}{line}") from None
    except yaml.reader.ReaderError as error:
        number = text.count("\n", 0, error.position) + 1
        raise YamlDefect(f"the character U+{ord(text[error.position]):04X} in line {number}") from None


def parse_mapping(text: str, *, foreign: bool = False) -> dict[Any, Any]:
    """Return a configuration, which is a mapping. Raises YamlDefect."""
    data = parse_yaml(text, foreign=foreign)
    if not isinstance(data, dict):
        raise YamlDefect(f"{type(data).__name__} instead of a mapping")
    return data


class _Document:
    """Builds the values of one document from parser events."""

    def __init__(self, text: str, foreign: bool) -> None:
        self._loader = _loader()(text)
        self._foreign = foreign
        #: Number of values so far; and for each anchor, its value and how many values that contains.
        self._values = 0
        self._anchors: dict[str, tuple[Any, int]] = {}

    def read(self) -> Any:
        import yaml

        events = self._loader
        events.get_event()  # the start of the stream
        if events.check_event(yaml.StreamEndEvent):
            return None
        events.get_event()  # the start of the document
        value = self._value(0)
        events.get_event()  # its end
        if not events.check_event(yaml.StreamEndEvent):
            raise _defect("a second document", events.get_event())
        return value

    def _value(self, depth: int) -> Any:
        import yaml

        event = self._loader.get_event()
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            raise _defect(f"the tag {event.tag.replace(_TAG, '!!')}", event)
        if event.anchor is not None and not self._foreign:
            raise _defect("an anchor (&name)", event)
        if depth > DEPTH:
            raise _defect(f"lists or mappings more than {DEPTH} deep", event)
        before = self._values
        self._values += 1
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not self._loader.check_event(yaml.SequenceEndEvent):
                value.append(self._value(depth + 1))
            self._loader.get_event()
        else:
            value = self._mapping(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._values - before
        return value

    def _mapping(self, depth: int) -> dict[Any, Any]:
        import yaml

        mapping: dict[Any, Any] = {}
        merged: list[Any] = []
        while not self._loader.check_event(yaml.MappingEndEvent):
            start = self._loader.peek_event()
            is_merge = self._foreign and isinstance(start, yaml.ScalarEvent) and start.value == "<<"
            key = self._value(depth + 1)
            if isinstance(key, list | dict):
                raise _defect("a list or mapping as a key", start)
            if key in mapping:
                raise _defect(f"key {key!r} twice", start)
            value = self._value(depth + 1)
            if is_merge:
                merged += value if isinstance(value, list) else [value]
            else:
                mapping[key] = value
        end = self._loader.get_event()
        for other in merged:
            if not isinstance(other, dict):
                raise _defect("a merge (<<) of what is no mapping", end)
            mapping = other | mapping
        return mapping

    def _alias(self, event: yaml.AliasEvent) -> Any:
        if not self._foreign:
            raise _defect("an alias (*name)", event)
        if event.anchor not in self._anchors:
            raise _defect(f"the alias *{event.anchor} of nothing before it", event)
        value, count = self._anchors[event.anchor]
        self._values += count
        if self._values > VALUES:
            raise _defect(f"aliases for more than {VALUES} values", event)
        return value

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        """Return the value as YAML 1.1 reads it, except that dates stay text as in YAML 1.2."""
        import yaml

        tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        name = tag.removeprefix(_TAG)
        if name not in ("null", "bool", "int", "float"):
            return event.value
        if len(event.value) > NUMBER_CHARACTERS:
            raise _defect(f"a number of {len(event.value)} characters", event)
        try:
            value = self._loader.yaml_constructors[tag](self._loader, yaml.ScalarNode(tag, event.value))
        except ValueError:
            raise _defect(f"{event.value!r}, which is not a number", event) from None
        if isinstance(value, float) and not math.isfinite(value) and not self._foreign:
            raise _defect(f"the number {event.value}", event)
        return value


def _defect(found: str, event: yaml.Event) -> YamlDefect:
    found = found if len(found) <= FOUND_CHARACTERS else f"{found[:FOUND_CHARACTERS]}…"
    assert event.start_mark is not None  # the parser sets all marks
    return YamlDefect(f"{found} in line {event.start_mark.line + 1}")


@functools.cache
def _loader() -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        """SafeLoader that reads 1e-3 as a number.

        YAML 1.1 reads it as text; JSON and everyone who writes configurations read a number.
        """

    Loader.add_implicit_resolver(
        f"{_TAG}float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
    )
    return Loader
