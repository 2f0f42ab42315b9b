"""Events stored as columns: one list for every field of an event.

A log may hold a hundred thousand events. Rules compute with whole columns; an event is built from
its fields only on request, for example to report it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, pairwise
from operator import le
from typing import Any, NamedTuple, TypeVar, overload

Field = TypeVar("Field")


class LogEvent(NamedTuple):
    """One event of a log.

    ``place`` is its position among the events of the file, from 0; ``time_ms`` is None if
    the log gives no usable time.
    """

    place: int
    line: int
    key: str
    kind: str
    time_ms: int | None
    value: object
    metadata: dict[str, object]


@dataclass
class Columns:
    """The events of a file: a list for each field of `LogEvent` except its place, all of the same length."""

    lines: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    metadata: list[dict[str, object]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[list[Any]]:
        return iter((self.lines, self.keys, self.kinds, self.times, self.values, self.metadata))

    def append(self, *fields: object) -> None:
        """Add an event by its fields."""
        for column, value in zip(self, fields, strict=True):
            column.append(value)

    def extend(self, *fields: Iterable[Any]) -> None:
        """Add events by columns of their fields."""
        for column, values in zip(self, fields, strict=True):
            column.extend(values)


class Events(Sequence[LogEvent]):
    """Some events of a file, in file order: all, those of one key, or those that a rule chooses."""

    def __init__(self, file: Columns | None = None, places: Sequence[int] = ()) -> None:
        self.file = Columns() if file is None else file
        self.places = places
        self._facts: dict[str, list[Any]] = {}

    @classmethod
    def of(cls, events: Sequence[LogEvent]) -> Events:
        """Convert events to columns; return them unchanged if they already are."""
        if isinstance(events, Events):
            return events
        return cls(Columns(*([*column] for column in [*zip(*events, strict=True)][1:])), range(len(events)))

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[LogEvent]:
        return map(LogEvent._make, zip(self.places, *map(self._chosen, self.file), strict=True))

    @overload
    def __getitem__(self, index: int) -> LogEvent: ...
    @overload
    def __getitem__(self, index: slice) -> Events: ...
    def __getitem__(self, index: int | slice) -> LogEvent | Events:
        if isinstance(index, slice):
            return Events(self.file, self.places[index])
        place, file = self.places[index], self.file
        fields = file.lines[place], file.keys[place], file.kinds[place], file.times[place]
        return LogEvent(place, *fields, file.values[place], file.metadata[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Events | list) and [*self] == [*other]

    def __repr__(self) -> str:
        return f"Events.of({[*self]})"

    @cached_property
    def first(self) -> LogEvent | None:
        """The first event, which is the one that most rules read."""
        return self[0] if self else None

    @cached_property
    def keys(self) -> list[str]:
        return self._chosen(self.file.keys)

    @cached_property
    def kinds(self) -> list[str]:
        return self._chosen(self.file.kinds)

    @cached_property
    def times(self) -> list[int | None]:
        return self._chosen(self.file.times)

    @cached_property
    def values(self) -> list[Any]:
        return self._chosen(self.file.values)

    @cached_property
    def metadata(self) -> list[dict[str, object]]:
        return self._chosen(self.file.metadata)

    def facts(self, name: str) -> list[Any]:
        """Return this metadata field of every event; None for an event without it."""
        if name not in self._facts:
            self._facts[name] = [metadata.get(name) for metadata in self.metadata]
        return self._facts[name]

    def _chosen(self, column: list[Field]) -> list[Field]:
        """Return these events' part of a column of the file."""
        places = self.places
        if isinstance(places, range) and places.step > 0:
            return column[places.start : places.stop : places.step]
        return [column[place] for place in places]

    def where(self, chosen: Iterable[object]) -> Events:
        """Return the events for which ``chosen``, with one value per event, is true."""
        return Events(self.file, [*compress(self.places, chosen)])

    def by_key(self) -> dict[str, Events]:
        """Return the events of each key, keys in order of first appearance."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, key in zip(self.places, self.keys, strict=True):
            places[key].append(place)
        return {key: Events(self.file, _spaced(each)) for key, each in places.items()}


def _spaced(places: list[int]) -> Sequence[int]:
    """Return evenly spaced places, such as those of an epoch's key, as a range: slices are fast."""
    if len(places) == 1:
        return places
    step = places[1] - places[0]
    spaced = range(places[0], places[-1] + 1, step)
    return spaced if places == [*spaced] else places


def is_ascending(numbers: Sequence[int]) -> bool:
    """Whether no number is less than the one before it."""
    return [*numbers] == sorted(numbers)  # faster than comparing neighbours if they ascend


def is_interleaved(columns: Sequence[Sequence[int]]) -> bool:
    """Whether the numbers of columns of the same length ascend when read row by row."""
    return all(all(map(le, before, after)) for before, after in pairwise([*columns, columns[0][1:]]))
