"""Keep a log's events in bounded memory, so that a large log with events of every step fits.

The first events of a log, more than any run of the benchmark logs, are kept in full. After that,
events with a key that no rule asks about are kept in outline: with everything that rules on every
event read, but of the metadata only the place in the program that logged them.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from benchmark.record import events as vocabulary
from compliance.subjects.columns import Columns

#: Memory counts the bytes of the log, times 4 if not all are ASCII, plus this much for every value: what
#: Python needs for a value, its name and its place, within a factor of two either way.
VALUE_BYTES = 64
#: Memory for an event in outline, including what the rules need to read it.
OUTLINE_BYTES = 256
#: Events are kept in full up to this much memory: 30 MB of log, 30 times the longest run.
FULL_BYTES = 128 * 1024 * 1024
#: The limit for the events of a log. With the worst content measured (thousands of names, empty
#: objects, text beyond ASCII), the checker then takes less than 1 GiB in all.
EVENTS_BYTES = 512 * 1024 * 1024

#: Keys of which rules need more than an outline has, including some of other benchmarks.
_ASKED = frozenset({*vocabulary.BY_KEY, "block_start", "block_stop", "eval_error", "opt_betas"})
#: The most different keys, and places in the program, of outlines; further events are kept in full.
_MOST = 1000
#: Events with longer keys or file names are kept in full.
_CHARACTERS = 200
#: An outline cuts longer texts, to more than an excerpt shows.
_TEXT = 64
#: Events with larger integers are kept in full.
_LARGEST = 2**64
#: Placeholders for any object or list that is not empty.
_CONTAINERS: dict[type, Any] = {dict: {"…": None}, list: [None]}
#: Types of values that an outline keeps unchanged.
_PLAIN = {float, bool, type(None)}
#: The place in the program that logged an event, from its metadata.
_PLACE = itemgetter("file", "lineno")


def memory_of(text: bytes, start: int = 0) -> int:
    """Return the memory that the events in a text take, from a position on."""
    values = text.count(b":", start)
    if b"[" in text:
        values += text.count(b",", start) + text.count(b"[", start)
    return memory_of_values(text, values) - start


def memory_of_values(text: bytes, values: int) -> int:
    """Return the memory that the events in a text with ``values`` values take."""
    return len(text) * (1 if text.isascii() else 4) + VALUE_BYTES * values


class Outlines:
    """Makes outlines of events, which share equal parts."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._sources: dict[tuple[object, object], dict[str, object]] = {}

    def of(
        self, key: str, value: object, metadata: dict[str, object]
    ) -> tuple[str, Any, dict[str, object]] | None:
        """Return key, value and metadata in outline; None if the event must be kept in full."""
        if key in _ASKED:
            return None
        source = self._source(metadata.get("file"), metadata.get("lineno"))
        if source is None:
            return None
        kind = type(value)
        if isinstance(value, str):
            value = value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
        elif value and kind in _CONTAINERS:
            value = _CONTAINERS[kind]
        elif kind is int and not -_LARGEST < value < _LARGEST:  # type: ignore[operator]
            return None
        if key not in self._keys:
            if len(self._keys) >= _MOST or len(key) > _CHARACTERS:
                return None
            self._keys[key] = key
        return self._keys[key], value, source

    def of_all(
        self, keys: list[str], values: list[Any], metadata: list[dict[str, object]]
    ) -> tuple[list[str], list[dict[str, object]]] | None:
        """Return the keys and metadata of events in outline if all values are floats, booleans or null and
        all keys and places are known; otherwise None.
        """
        if not {*map(type, values)} <= _PLAIN or not self._keys.keys() >= {*keys}:
            return None
        try:
            places = [*map(_PLACE, metadata)]
            sources = [*map(self._sources.get, places)]
        except (KeyError, TypeError):
            return None
        # 1, true and 1.0 are equal, but not the same line
        if None in sources or {type(line) for _, line in places} != {int}:
            return None
        return [*map(self._keys.__getitem__, keys)], sources  # type: ignore[return-value]

    def _source(self, file: object, line: object) -> dict[str, object] | None:
        """Return metadata that say which line of the program logged an event; None if they are not valid."""
        if not (file is None or type(file) is str) or not (line is None or type(line) is int):
            return None
        if (source := self._sources.get((file, line))) is None:
            if len(self._sources) >= _MOST or (file and len(file) > _CHARACTERS):
                return None
            source = {name: value for name, value in (("file", file), ("lineno", line)) if value is not None}
            self._sources[file, line] = source
        return source


class Kept:
    """The events of a log, and roughly how much memory they take."""

    def __init__(self) -> None:
        self.columns = Columns()
        self.memory = 0
        self._outlines = Outlines()

    @property
    def is_full(self) -> bool:
        """Whether the events take more memory than a log's events may."""
        return self.memory > EVENTS_BYTES

    def append(
        self,
        memory: int,
        number: int,
        key: str,
        kind: str,
        time: int | None,
        value: Any,
        metadata: dict[str, object],
    ) -> None:
        """Keep an event on a line; it takes ``memory`` bytes."""
        if self.memory > FULL_BYTES and (outline := self._outlines.of(key, value, metadata)):
            key, value, metadata = outline
            memory = OUTLINE_BYTES
        self.columns.append(number, key, kind, time, value, metadata)
        self.memory += memory

    def extend(
        self,
        block: bytes,
        memory: int,
        numbers: range,
        keys: list[str],
        kinds: list[str],
        times: list[int],
        values: list[Any],
        metadata: list[dict[str, object]],
    ) -> bool:
        """Keep the events of a block, one per line, which take ``memory`` bytes.

        Returns False, and keeps none, if there is no room.
        """
        if self.memory > FULL_BYTES and (outlined := self._outlines.of_all(keys, values, metadata)):
            keys, metadata = outlined
            memory = OUTLINE_BYTES * len(keys)
        elif self.memory > FULL_BYTES:
            outlines = [*map(self._outlines.of, keys, values, metadata)]
            lines = block.split(b"\n") if None in outlines else []
            memory = OUTLINE_BYTES * (len(keys) - outlines.count(None))
            memory += sum(memory_of(line) for line, each in zip(lines, outlines, strict=False) if not each)
            events = zip(outlines, keys, values, metadata, strict=True)
            columns = zip(*(outline or event for outline, *event in events), strict=True)
            keys, values, metadata = map(list, columns)
        if self.memory + memory > EVENTS_BYTES:
            return False
        self.columns.extend(numbers, keys, kinds, times, values, metadata)
        self.memory += memory
        return True
