"""The timeline of a run that the rules require: which event may precede which, and how often.

Spelled out here rather than derived from the order in ``benchmark.record.events``: the vocabulary
says what an event looks like, this module when it may occur. A test compares both.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from benchmark.record.events import (
    INTERVALS,
    METHOD,
    OF_EDITION,
    OPTIMIZATION,
    OPTIMIZER_EXTRAS,
    OPTIMIZERS,
    PARAMETERS,
)
from compliance.subjects.columns import Events, LogEvent
from compliance.subjects.log import IDENTITY, LOOP, Log

#: Groups of events in order; within a group the order is free (other rules check it within epochs).
ORDER: tuple[tuple[str, ...], ...] = (
    (*IDENTITY, "cache_clear", "data_location"),
    ("init_start",),
    PARAMETERS,
    ("init_stop",),
    ("run_start",),
    ("staging_start",),
    ("skipped_scene",),
    ("staging_stop",),
    ("train_samples", "eval_samples", "test_samples"),
    (*LOOP[:-1], "epoch_energy", LOOP[-1]),
    ("early_stop",),
    ("inference_start",),
    ("scene_accuracy",),
    ("test_accuracy",),
    ("inference_stop",),
    ("whole_scene_agreement",),
    ("baselines_start",),
    ("baseline_accuracy",),
    ("baselines_stop",),
    ("result",),
    ("run_stop",),
)

#: Logged whenever a run continues after an interruption (rules/log/resumed.py).
RESUMED = "run_resumed"

#: The number of each event's group.
PHASE: dict[str, int] = {key: phase for phase, group in enumerate(ORDER) for key in group}

#: Events that the clock must cover: everything between run_start and run_stop.
WORK = frozenset(key for key, phase in PHASE.items() if PHASE["run_start"] < phase < PHASE["run_stop"])

VERSIONS = ("submissiom_version", "submission_version")
CONTACT = ("submission_poc_name", "submission_poc_email")

#: Events that may be absent, or whose absence another rule reports.
NOT_REQUIRED = frozenset(
    {
        *(*VERSIONS, *CONTACT, *LOOP[1:], *METHOD, *OPTIMIZER_EXTRAS),
        *("skipped_scene", "epoch_energy", "early_stop", "baseline_accuracy", "run_stop"),
        *("whole_scene_agreement", "training_margin", "experiment", "rules_edition"),
    }
)
#: Settings of all optimizers; a log states those of the optimizer that it used.
SETTINGS = frozenset(key for keys in OPTIMIZERS.values() for key in keys)
#: Events that a run of masks lacks because it learns nothing.
LEARNING = frozenset(
    {*LOOP, "train_samples", "eval_samples", "baselines_start", "baseline_accuracy", "baselines_stop"}
)
#: Events that may occur more than once.
REPEATABLE = frozenset(
    {"cache_clear", "skipped_scene", "epoch_energy", "scene_accuracy", "baseline_accuracy", *LOOP}
)

#: Intervals that occur once: start -> stop.
SINGLE_INTERVALS: dict[str, str] = {start: stop for start, stop in INTERVALS.items() if start not in LOOP}


def not_required(log: Log) -> frozenset[str]:
    """Return the events that may be absent from this log: those of other optimizers and kinds of methods;
    if it names no edition of the rules, also those introduced with the first named edition."""
    kind = log.text("method_kind") or "network"
    optimizer = (log.text("opt_name") or "").strip().lower() or "adam"
    optional = NOT_REQUIRED if log.all("rules_edition") else NOT_REQUIRED | set(OF_EDITION)
    if kind == "network":
        return optional | (SETTINGS - set(OPTIMIZERS.get(optimizer, ())))
    unused = optional | SETTINGS | set(OPTIMIZATION)
    return unused | LEARNING if kind == "masks" else unused


def reached(log: Log) -> int:
    """Return the phase up to which a log must be complete.

    A run that claims success has reached every phase. One that was aborted, or whose log just
    ends, is not blamed for what it never reached: only the phases before that of its last event
    count.
    """
    if log.completed:
        return len(ORDER)
    phases = [PHASE[key] for key in log.by_key if key in PHASE and key != "run_stop"]
    return max(phases, default=0) - 1


def series(log: Log, key: str) -> Events:
    """Return a key's event for every epoch from 1; empty unless each epoch has exactly one sound event."""
    sound = log.sound(key)
    if key in LOOP and log.has_regular_epochs:
        return sound
    if len(sound) != len(log.all(key)):
        return Events()
    # As many events as epochs, numbered 1, 2, ...: one for each.
    numbers = list(range(1, len(sound) + 1))
    return sound if sound.facts("epoch_num") == log.epoch_numbers == numbers else Events()


def best_of(losses: Events) -> int:
    """Return the epoch with the lowest evaluation loss, the first of equals."""
    return 1 + losses.values.index(min(losses.values))


def where_it_belongs(key: str) -> str:
    """Say in words between which events of every run an event belongs."""
    always = [group for group in ORDER if key in group or group not in (("skipped_scene",), ("early_stop",))]
    place = next(n for n, group in enumerate(always) if key in group)
    after = [f"after `{always[place - 1][-1]}`"] if place else []
    before = [f"before `{always[place + 1][0]}`"] if place + 1 < len(always) else []
    return f"`{key}` {' and '.join(after + before)}"


def out_of_place(ranks: Sequence[int]) -> list[int]:
    """Return the fewest positions whose removal leaves ``ranks`` in non-descending order.

    They are the complement of a longest non-descending subsequence. So one event in the wrong
    place is reported as one event, not as disorder in all that follow.
    """
    ends: list[int] = []  # ends[n]: position of the smallest possible last rank of a sequence of n + 1
    last_ranks: list[int] = []
    before: list[int | None] = []
    for position, rank in enumerate(ranks):
        length = bisect_right(last_ranks, rank)
        before.append(ends[length - 1] if length else None)
        ends[length : length + 1] = [position]
        last_ranks[length : length + 1] = [rank]
    kept = set()
    position_or_none = ends[-1] if ends else None
    while position_or_none is not None:
        kept.add(position_or_none)
        position_or_none = before[position_or_none]
    return [position for position in range(len(ranks)) if position not in kept]


def disorder(events: Sequence[LogEvent], ranks: Sequence[int]) -> Iterator[tuple[LogEvent, str]]:
    """Yield the events in the wrong place, each with the nearest event that shows it."""
    greater_before = _nearest_greater(ranks)
    # reversed and with signs changed, smaller and after becomes greater and before
    smaller_after = [
        None if place is None else len(ranks) - 1 - place
        for place in reversed(_nearest_greater([-rank for rank in reversed(ranks)]))
    ]
    for position in out_of_place(ranks):
        event, before, after = events[position], greater_before[position], smaller_after[position]
        if before is not None:
            yield event, f"`{event.key}` after `{events[before].key}` on line {events[before].line}"
        elif after is not None:
            yield event, f"`{event.key}` before `{events[after].key}` on line {events[after].line}"


def _nearest_greater(ranks: Sequence[int]) -> list[int | None]:
    """Return for every position the nearest one before it with a greater rank, in linear time."""
    nearest: list[int | None] = []
    candidates: list[int] = []
    for position, rank in enumerate(ranks):
        while candidates and ranks[candidates[-1]] <= rank:
            candidates.pop()
        nearest.append(candidates[-1] if candidates else None)
        candidates.append(position)
    return nearest
