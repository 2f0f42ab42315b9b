"""Rules on single events: which must occur, how often, and in what form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import itemgetter

from benchmark.record.events import BY_KEY
from benchmark.record.json_types import has_json_type
from compliance.registry import LISTED, Problem, log_rule, problem
from compliance.subjects.log import LARGEST_INTEGER, Log, are_typed
from compliance.subjects.timeline import LOOP, PHASE, REPEATABLE, SINGLE_INTERVALS, not_required, reached
from compliance.wording import count, describe, excerpt, listing, nearest

#: The spelling of the commit's key in other benchmarks; another rule reports it.
OTHER_COMMIT_KEY = "github_commit_version"

_REQUIRED = {event.key: event.metadata for event in BY_KEY.values() if event.metadata}

_PARTNERS = SINGLE_INTERVALS | {stop: start for start, stop in SINGLE_INTERVALS.items()}


@log_rule(
    "event-missing",
    clause="house",
    expected="every event of the timeline (docs/events.md)",
    remedy="make the run with this benchmark's `python -m benchmark.run`; do not remove events from a log",
)
def event_missing(log: Log) -> Iterator[Problem]:
    """Every event of a run must be in its log. A run that was aborted, or whose log just ends, need
    not have events that it never reached. Other rules cover the start or stop of an interval whose
    other end is present, the two spellings of the version, the contact, the method, the events of
    epochs and the baselines. A log needs the settings of the optimizer that `opt_name` names; a method
    that is not trained in steps has none."""
    optional, come_to = not_required(log), reached(log)
    for key, phase in PHASE.items():
        if phase > come_to or key in optional or log.all(key):
            continue
        if key in _PARTNERS and log.all(_PARTNERS[key]):
            continue
        if key in LOOP and any(log.all(other) for other in LOOP):
            continue
        if key == "submission_github_commit_version" and log.all(OTHER_COMMIT_KEY):
            continue
        yield problem(f"no event `{key}`", expected=f"`{key}`: {BY_KEY[key].meaning}")


@log_rule(
    "event-repeated",
    clause="H-identity, H-run, H-samples",
    expected="the event once",
    remedy="let one process log it, once; do not append to an existing log",
)
def event_repeated(log: Log) -> Iterator[Problem]:
    """Events that state a fact of the whole run must occur once. These are the identity,
    hyperparameters, samples, the ends of init, run, staging and inference, the score and the result."""
    for key in PHASE:
        events = log.all(key)
        if key not in REPEATABLE and len(events) > 1:
            for event in events[1:]:
                yield problem(f"`{key}` again; first on line {events[0].line}", event.line)


@log_rule(
    "event-unknown",
    severity="warning",
    clause="house",
    expected="keys of this benchmark's vocabulary (docs/events.md)",
    remedy="correct the key's spelling, or remove the event from the program",
)
def event_unknown(log: Log) -> Iterator[Problem]:
    """Events should have keys of the vocabulary. Other keys are allowed and not judged, but an
    event with a misspelt key counts as missing."""
    unknown = [key for key in log.by_key if key not in BY_KEY and key != OTHER_COMMIT_KEY]
    for number, key in enumerate(unknown):
        # comparing words is slow, and findings that are not listed need no suggestion
        meant = nearest(key.casefold(), BY_KEY) if number < LISTED else None
        events = log.all(key)
        yield problem(
            f"{excerpt(key)}, {count(len(events), 'time')}",
            events[0].line,
            expected=f"`{meant}`, which is probably meant" if meant else None,
        )


@log_rule(
    "event-kind",
    clause="S6.1, S6.result, L-kinds",
    expected="the kind that the vocabulary gives the event",
    remedy="log it with mllogger.event, .start or .end as its kind says",
)
def event_kind(log: Log) -> Iterator[Problem]:
    """Every event must be of its kind. Facts are POINT_IN_TIME, the ends of intervals are INTERVAL_START
    and INTERVAL_END. The published reference starts its run with an INTERVAL_END."""
    known = BY_KEY.keys() & log.by_key.keys()
    for event in log.of_keys({key for key in known if set(log.all(key).kinds) != {_KIND_OF[key]}}):
        if event.kind in _KINDS and event.kind != _KIND_OF[event.key]:
            yield problem(f"`{event.key}` is {event.kind}", event.line, expected=_KIND_OF[event.key])


_KIND_OF = {event.key: event.kind for event in BY_KEY.values()}
_KINDS = frozenset(_KIND_OF.values())


@log_rule(
    "value-type",
    clause="house",
    expected="a value of the event's type",
    remedy="log the value itself, not a text of it or null",
)
def value_type(log: Log) -> Iterator[Problem]:
    """The value of an event must be of its type. A number is not a string, a boolean is not a number,
    and the ends of intervals have no value (null)."""
    for event in log.doubtful:
        known = BY_KEY.get(event.key)
        if known and not has_json_type(event.value, known.value):
            yield problem(f"`{event.key}` is {describe(event.value)}", event.line, expected=known.value)


@log_rule(
    "metadata-missing",
    clause="house",
    expected="the metadata that the vocabulary requires",
    remedy="pass the fact as metadata when logging the event",
)
def metadata_missing(log: Log) -> Iterator[Problem]:
    """Events must carry their metadata. That is epoch_num on all events of an epoch, status on
    run_stop, pixel counts on accuracies, and so on."""
    for event in log.doubtful:
        required = _REQUIRED.get(event.key)
        if required and not event.metadata.keys() >= required.keys():
            names = listing(f"`{name}`" for name in required if name not in event.metadata)
            yield problem(f"`{event.key}` without {names}", event.line)


@log_rule(
    "metadata-type",
    clause="house",
    expected="metadata of the type that the vocabulary gives it",
    remedy="log the fact itself, not a text of it or null",
)
def metadata_type(log: Log) -> Iterator[Problem]:
    """Required metadata must be of its type."""
    for event in log.doubtful:
        for name, kind in _REQUIRED.get(event.key, {}).items():
            if name in event.metadata and not has_json_type(event.metadata[name], kind):
                found = f"`{name}` of `{event.key}` is {describe(event.metadata[name])}"
                yield problem(found, event.line, expected=kind)


@log_rule(
    "number-size",
    clause="J-range",
    expected="numbers below 2**53 in magnitude as integers, below 1.8e308 else",
    remedy="find where the number comes from; no quantity of a run is that large",
)
def number_size(log: Log) -> Iterator[Problem]:
    """Numbers must be of a size that every JSON reader keeps exactly. A number with too large an
    exponent becomes infinite when read; many readers round integers from 2**53 on."""
    others = {
        key for key in log.by_key.keys() - BY_KEY.keys() if not are_typed(log.all(key).values, "number")
    }
    for event in log.of_keys(others | {*log.doubtful.keys}):
        if _is_oversized(event.value):
            yield problem(f"value of {excerpt(event.key)} is {describe(event.value)}", event.line)
        for name in _REQUIRED.get(event.key, ()):
            if _is_oversized(number := event.metadata.get(name)):
                yield problem(f"{name} of {excerpt(event.key)} is {describe(number)}", event.line)


@log_rule(
    "event-source",
    severity="warning",
    clause="L-source",
    expected="metadata `file`, relative to the repository, and `lineno`, from 1",
    remedy="log with mlperf_logging.mllog and its root_dir set to the repository",
)
def event_source(log: Log) -> Iterator[Problem]:
    """Every event should say which line of the program logged it. The file is relative to the repository:
    an absolute path tells others nothing and may contain a user's name."""
    for event in () if _are_sources(log) else log.events:
        file, line = event.metadata.get("file"), event.metadata.get("lineno")
        if not file or not isinstance(file, str) or not isinstance(line, int) or line < 1:
            yield problem(f"{excerpt(event.key)}: file {describe(file)}, lineno {describe(line)}", event.line)
        elif _is_outside(file):
            yield problem(f"{excerpt(event.key)}: file {excerpt(file)}", event.line)


def _are_sources(log: Log) -> bool:
    """Whether every event names a place in the program. Fast, as a few places log many events."""
    try:
        places = [*map(itemgetter("file", "lineno"), log.events.metadata)]
        different = set(places)
    except (KeyError, TypeError):  # an event has none, or a list or an object
        return False
    if not {type(line) for _, line in places} <= {int}:  # check all: 1, true and 1.0 are equal
        return False
    return all(isinstance(file, str) and line > 0 and not _is_outside(file) for file, line in different)


def _is_outside(file: str) -> bool:
    return not file or file.startswith("/") or "\\" in file or ".." in file.split("/")


def _is_oversized(number: object) -> bool:
    if type(number) is float:
        return math.isinf(number)
    return type(number) is int and not -LARGEST_INTEGER <= number <= LARGEST_INTEGER
