"""A log as the rules see it: its events with their line numbers in the file, and the parser's defects.

Rules that compute use *sound* events and values only: those whose value and metadata have the types
of ``benchmark.record.events`` and usable numbers. The rules about form report what is not sound, once;
no other rule reports it again.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from operator import lt, sub
from typing import Any, NamedTuple

from benchmark.record import events as vocabulary
from benchmark.record.json_types import has_json_type
from compliance.subjects.columns import Events, LogEvent, is_ascending
from compliance.subjects.sets.outcome import Outcome, outcome

#: Largest meaningful magnitude of an integer in a log (2**53: exact in any JSON reader).
LARGEST_INTEGER = 2**53

IDENTITY: tuple[str, ...] = tuple(
    event.key for event in vocabulary.EVENTS[: vocabulary.EVENTS.index(vocabulary.BY_KEY["cache_clear"])]
)
#: The events of one epoch with its evaluation; the values may come in either order.
LOOP = (
    *("epoch_start", "train_loss", "train_accuracy", "epoch_stop"),
    *("eval_start", "eval_loss", "eval_accuracy", "eval_stop"),
)
EPOCH_KEYS = frozenset(event.key for event in vocabulary.EVENTS if "epoch_num" in event.metadata)
_ONCE = frozenset(
    event.key for event in vocabulary.EVENTS if not {"epoch_num", "scene"} & set(event.metadata)
)
_BEFORE_INIT = frozenset(IDENTITY) | {"cache_clear", "data_location"}
#: The events that mark the end of a run or the start of another.
_BOUNDS = _BEFORE_INIT | {"init_start", "run_start", "run_stop"}
_NO_EVENTS = Events()


class Defect(NamedTuple):
    """A defect that the parser noticed at a line; the rule of the same id reports it."""

    line: int | None
    found: str


@dataclass
class Defects:
    """Defects by rule: the first of each are kept, all are counted."""

    kept: dict[str, list[Defect]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, rule: str, line: int | None, found: str, *, most: int = 100) -> None:
        self.counts[rule] += 1
        if self.counts[rule] <= most:
            self.kept[rule].append(Defect(line, found))


@dataclass
class Log:
    """The events of the log's first run, in file order, and the defects of the file.

    ``after_run`` holds the events after the first run's ``run_stop``, ``second_run`` the first
    event of another run in the same file; neither is part of ``events``.
    """

    path: str
    events: Events = field(default_factory=Events)
    defects: Defects = field(default_factory=Defects)
    lines: int = 0
    bytes: int = 0
    sha256: str = ""
    after_run: Events = field(default_factory=Events)
    second_run: LogEvent | None = None
    #: Set if the events of epochs and scenes have been left out (`condense`).
    outcome: Outcome | None = None
    _sound: dict[str, Events] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def by_key(self) -> dict[str, Events]:
        """The events of each key, in file order."""
        return self.events.by_key()

    @cached_property
    def all_by_key(self) -> dict[str, Events]:
        """The events of each key, including those after the run."""
        if not self.after_run:
            return self.by_key
        first, after = self.events.places, self.after_run.places
        if isinstance(first, range) and isinstance(after, range) and first.stop == after.start:
            return Events(self.events.file, range(first.start, after.stop)).by_key()
        return Events(self.events.file, [*first, *after]).by_key()

    @cached_property
    def is_chronological(self) -> bool:
        """Whether every event has a time, and no time is earlier than that of the event before."""
        times = [time for time in self.events.times if time is not None]
        return len(times) == len(self.events) and is_ascending(times)

    @cached_property
    def epochs(self) -> dict[int, dict[str, list[LogEvent]]]:
        """The events of every epoch by number, in order of first appearance, and by key.

        An event without a usable ``epoch_num`` (another rule reports it) belongs to the
        epoch of the event before it.
        """
        epochs: dict[int, dict[str, list[LogEvent]]] = defaultdict(lambda: defaultdict(list))
        number = 1
        for event in self.events:
            if event.key in EPOCH_KEYS:
                stated = event.metadata.get("epoch_num")
                if type(stated) is int and abs(stated) <= LARGEST_INTEGER:
                    number = stated
                epochs[number][event.key].append(event)
        return dict(epochs)

    @cached_property
    def has_regular_epochs(self) -> bool:
        """Whether the epochs are 1, 2, 3, ..., with each event once and in its place."""
        columns = [self.sound(key) for key in LOOP]
        epochs = range(1, len(columns[0]) + 1)
        numbers = list(epochs)
        if any(events.facts("epoch_num") != numbers for events in columns):
            return False
        if any(len(events) != len(self.all(key)) for key, events in zip(LOOP, columns, strict=True)):
            return False
        others = [number for key in EPOCH_KEYS - set(LOOP) for number in self.all(key).facts("epoch_num")]
        if any(number not in epochs for number in others):
            return False
        start, loss, accuracy, stop, eval_start, eval_loss, eval_accuracy, eval_stop = (
            events.places for events in columns
        )
        steps = [(start, loss), (start, accuracy), (loss, stop), (accuracy, stop), (stop, eval_start)]
        steps += [(eval_start, eval_loss), (eval_start, eval_accuracy), (eval_loss, eval_stop)]
        steps += [(eval_accuracy, eval_stop), (eval_stop, start[1:])]
        return all(all(map(lt, before, after)) for before, after in steps)

    @cached_property
    def epoch_numbers(self) -> list[int]:
        """The epoch numbers, in order of first appearance."""
        return list(range(1, len(self.all(LOOP[0])) + 1)) if self.has_regular_epochs else list(self.epochs)

    def all(self, key: str) -> Events:
        """Return every event with this key."""
        return self.by_key.get(key, _NO_EVENTS)

    def first(self, key: str) -> LogEvent | None:
        """Return the first event with this key, or None."""
        return self.all(key).first

    def sound(self, key: str) -> Events:
        """Return the events with this key that rules can compute with."""
        if key not in self._sound:
            self._sound[key] = self._find_sound(key)
        return self._sound[key]

    def _find_sound(self, key: str) -> Events:
        known = vocabulary.BY_KEY.get(key)
        events = self.all(key)
        if known is None or not events:
            return _NO_EVENTS
        if len(events.places) == 1 and _is_sound(events[0], known):  # the usual case
            return events
        if not are_typed(events.values, known.value):
            events = events.where(is_typed(value, known.value) for value in events.values)
        for name, kind in known.metadata.items():
            if kind.endswith("null"):  # a missing field differs from null
                events = events.where(name in metadata for metadata in events.metadata)
            if not are_typed(events.facts(name), kind):
                events = events.where(is_typed(fact, kind) for fact in events.facts(name))
        return events

    @cached_property
    def doubtful(self) -> Events:
        """The events of those vocabulary keys that have an unsound event."""
        known = vocabulary.BY_KEY.keys() & self.by_key.keys()
        return self.of_keys({key for key in known if len(self.sound(key)) != len(self.all(key))})

    def of_keys(self, keys: Set[str]) -> Events:
        """Return the events of some keys, in file order."""
        return self.events.where(map(keys.__contains__, self.events.keys)) if keys else _NO_EVENTS

    def one(self, key: str) -> LogEvent | None:
        """Return the first sound event with this key, or None."""
        return self.sound(key).first

    def value(self, key: str) -> object:
        """Return the value of the first sound event with this key, or None."""
        event = self.one(key)
        return event.value if event else None

    def integer(self, key: str) -> int | None:
        """Return the value of the first sound event with this key if it is an integer, else None."""
        value = self.value(key)
        return value if isinstance(value, int) else None

    def number(self, key: str) -> float | None:
        """Return the value of the first sound event with this key if it is a number, else None."""
        value = self.value(key)
        return value if isinstance(value, int | float) else None

    def text(self, key: str) -> str | None:
        """Return the value of the first sound event with this key if it is a string, else None."""
        value = self.value(key)
        return value if isinstance(value, str) else None

    @property
    def status(self) -> str | None:
        """The status that ``run_stop`` states, or None."""
        stop = self.first("run_stop")
        status = stop.metadata.get("status") if stop else None
        return status if isinstance(status, str) else None

    @property
    def completed(self) -> bool:
        """Whether the log claims a completed run."""
        return self.status == "success"


def is_typed(value: object, type_name: str) -> bool:
    """Whether a value has a type of the vocabulary and, if a number, is finite and of possible size."""
    if type(value) is int:
        return type_name in ("integer", "number") and -LARGEST_INTEGER <= value <= LARGEST_INTEGER
    if type(value) is float:
        return type_name == "number" and math.isfinite(value)
    return has_json_type(value, type_name)


def _is_sound(event: LogEvent, known: vocabulary.Event) -> bool:
    """Whether value and metadata have the vocabulary's types. Metadata that may be null must be present."""
    metadata = event.metadata
    return is_typed(event.value, known.value) and all(
        name in metadata and is_typed(metadata[name], kind) for name, kind in known.metadata.items()
    )


def are_typed(values: list[Any], type_name: str) -> bool:
    """Whether all values have a type as in ``is_typed``. Fast, so it may say no although they do."""
    types = set(map(type, values))
    if types == {int} and type_name in ("integer", "number"):
        return -LARGEST_INTEGER <= min(values) <= max(values) <= LARGEST_INTEGER
    if types == {float}:
        return type_name == "number" and all(map(math.isfinite, values))
    return types <= {str, type(None), bool, dict} and all(is_typed(kind(), type_name) for kind in types)


def count_of(event: LogEvent, name: str) -> int:
    """Return an integer from the metadata of a sound event."""
    value = event.metadata[name]
    assert isinstance(value, int)
    return value


def number_of(event: LogEvent) -> float:
    """Return the value of a sound event whose value is a number."""
    assert isinstance(event.value, int | float)
    return event.value


_OUTCOME = ("train_loss", "train_accuracy", "eval_loss", "eval_accuracy", "scene_accuracy")


def outcome_of(log: Log) -> Outcome:
    """Return what set rules need to know about a log's epochs and scenes."""
    if log.outcome is not None:
        return log.outcome
    in_order = log.has_regular_epochs
    losses = [log.sound(key).values if in_order else [] for key in ("train_loss", "eval_loss")]
    ends = [log.all(key).times for key in ("epoch_start", "epoch_stop", "eval_start", "eval_stop")]
    lengths = []
    if in_order and not any(None in times for times in ends):
        lengths = [*map(sub, ends[1], ends[0]), *map(sub, ends[3], ends[2])]
    scenes = log.sound("scene_accuracy")
    names, pixels, digests = (scenes.facts(name) for name in ("scene", "pixels", "mask_sha256"))
    measured = [log.sound(key).values for key in _OUTCOME]
    return outcome(measured, losses, lengths, (names, pixels, digests))


def condense(log: Log) -> Log:
    """Return the log without the events of epochs and scenes: all that set rules need, in less memory."""
    places = sorted(place for key in _ONCE for place in log.all(key).places)
    kept = Events.of([*Events(log.events.file, places)])
    return dataclasses.replace(log, events=kept, after_run=Events(), outcome=outcome_of(log))


def split_runs(events: Sequence[LogEvent]) -> tuple[Events, Events, LogEvent | None]:
    """Divide a file's events into those of its first run, those after it, and the start of a second.

    A second run begins with another ``init_start`` if the first run has got past its parameters
    or another identity has been logged, or with another ``run_start`` after ``run_stop``. It
    includes the identity events just before. A start that merely occurs twice in a row is a
    repeated event, not a second run.
    """
    events = Events.of(events)
    stop: int | None = None
    initialising = beyond = False
    for event in events.where(map(_BOUNDS.__contains__, events.keys)):
        place, key = event.place, event.key
        again = key == "init_start" and beyond and (initialising or stop is not None)
        if again or (key == "run_start" and stop is not None):
            begin = place
            while begin > 0 and events.keys[begin - 1] in _BEFORE_INIT:
                begin -= 1
            end = begin if stop is None else stop + 1
            return events[:end], events[end:begin], events[begin]
        if key == "run_stop" and stop is None:
            stop = place
        initialising = initialising or key == "init_start"
        beyond = beyond or key in ("run_start", "run_stop") or (initialising and key in _BEFORE_INIT)
    if stop is None:
        return events, Events(), None
    return events[: stop + 1], events[stop + 1 :], None
