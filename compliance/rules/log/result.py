"""Rules on the event `result`: it must be complete, and agree with the events of the log.

The rules recompute from the events everything that the log allows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from compliance.registry import Problem, log_rule, problem
from compliance.rules.log.time import milliseconds
from compliance.rules.log.values import is_fraction
from compliance.subjects.columns import LogEvent, is_interleaved
from compliance.subjects.log import Log, number_of
from compliance.subjects.result_fields import (
    ALWAYS,
    FORMAT,
    METRIC,
    OLDER_FORMAT,
    SCORE_FIELDS,
    SOMETIMES,
    TIMING_FIELDS,
    best_epoch_fields,
    faults,
    fields_of,
    holds,
    lookup,
    results,
)
from compliance.subjects.timeline import best_of, series
from compliance.wording import count, listing, show

#: Path of a field -> its true value and where that comes from.
Facts = dict[tuple[str, ...], tuple[object, str]]

_AS_LOGGED = "write the result from the same variables that the events were logged from"


def _compare(log: Log, facts: Facts) -> Iterator[Problem]:
    """Report the fields of the result that have the right type but differ from the facts."""
    for event, value in results(log):
        for path, (fact, source) in facts.items():
            stated, kind = lookup(value, *path), lookup(fields_of(log), *path)
            if isinstance(kind, str) and holds(stated, kind) and stated != fact:
                yield problem(f"`{'.'.join(path)}` {show(stated)}", event.line, f"{show(fact)}, {source}")


def _score(log: Log) -> float | None:
    """Return the value of test_accuracy if it is possible, else None."""
    event = log.one("test_accuracy")
    return number_of(event) if event and is_fraction(event) else None


@log_rule(
    "result-fields",
    clause="house",
    expected="every field of the result, of its type (docs/events.md)",
    remedy="log the result as docs/events.md describes it",
)
def result_fields(log: Log) -> Iterator[Problem]:
    """The result must have all its fields, each of its type."""
    for event, value in results(log):
        wrong = list(faults(value, fields_of(log), "result"))
        wrong += [
            (f"`{name}` {show(value[name])}", "an integer, 0 or more")
            for name in ("parameters", "operations")
            if name in value and not holds(value[name], "count")
        ]
        scores = lookup(value, "scores")
        for reference, parts in scores.items() if isinstance(scores, dict) else ():
            for part in (*ALWAYS, *SOMETIMES):
                if isinstance(score := lookup(parts, part), dict):
                    wrong += faults(score, SCORE_FIELDS, f"result.scores.{reference}.{part}")
        yield from (problem(found, event.line, expected) for found, expected in wrong)


@log_rule(
    "result-format",
    clause="house",
    expected=f"format {FORMAT}, metric {METRIC}, and a meaning in words",
    remedy="log the result as docs/events.md describes it",
)
def result_format(log: Log) -> Iterator[Problem]:
    """The result must say in which format it is, what its value measures, and what that means."""
    for event, value in results(log):
        for field, right in (("format", (FORMAT, OLDER_FORMAT)), ("metric", (METRIC,))):
            if isinstance(value.get(field), str) and value[field] not in right:
                yield problem(f"`{field}` {show(value[field])}", event.line, listing(right, last="or"))
        if isinstance(meaning := value.get("meaning"), str) and not meaning.strip():
            yield problem("`meaning` is blank", event.line, "a sentence")


@log_rule(
    "result-value",
    clause="house",
    expected="the test accuracy and the quality target of the log, and their comparison",
    remedy=_AS_LOGGED,
)
def result_value(log: Log) -> Iterator[Problem]:
    """The result's value must be the score, and whether it reaches the target must be so."""
    score, target = _score(log), log.number("quality_target")
    facts: Facts = {}
    if score is not None:
        facts["value",] = (score, "the value of test_accuracy")
    if target is not None:
        facts["quality_target",] = (target, "the value of quality_target")
    if score is not None and target is not None:
        facts["target_reached",] = (score >= target, f"as {show(score)} against {show(target)}")
    yield from _compare(log, facts)


@log_rule(
    "result-epochs",
    clause="house",
    expected="the epochs of the log, the best of them by eval_loss, and its four values",
    remedy=_AS_LOGGED,
)
def result_epochs(log: Log) -> Iterator[Problem]:
    """The result must name the epochs, the best of them with its values, and what ended the training.
    The best epoch is the first with the lowest eval_loss."""
    losses = series(log, "eval_loss")
    if not losses:
        return
    best = best_of(losses)
    stopped = bool(log.all("early_stop"))
    facts: Facts = {
        ("epochs_run",): (len(losses), "the epochs of the log"),
        ("best_epoch",): (best, "the epoch of the lowest eval_loss"),
        ("stopped_by",): ("early_stop", "as that event says")
        if stopped
        else ("epochs", "without `early_stop`"),
    }
    for _, result in results(log):
        for field, key in best_epoch_fields(result).items():
            if values := series(log, key):
                facts[field,] = (number_of(values[best - 1]), f"the value of epoch {best}")
    yield from _compare(log, facts)


@log_rule(
    "result-baselines",
    clause="house",
    expected="the values of the baseline events, and whether the score is above all of them",
    remedy=_AS_LOGGED,
)
def result_baselines(log: Log) -> Iterator[Problem]:
    """The result's baselines must be those of the log. `beats_baselines` is true only if the score is
    above every one of them."""
    events = list(filter(is_fraction, log.sound("baseline_accuracy")))
    facts: Facts = {}
    for event in events:
        facts["baselines", str(event.metadata["baseline"])] = (number_of(event), f"on line {event.line}")
    score = _score(log)
    if score is not None and events and len(events) == len(log.all("baseline_accuracy")):
        best = max(number_of(event) for event in events)
        facts["beats_baselines",] = (score > best, f"as {show(score)} against {show(best)}")
    yield from _compare(log, facts)


def _scenes(log: Log, event: LogEvent, value: dict[str, object]) -> Iterator[Problem]:
    """Report where the result's training scenes and skipped scenes contradict the events."""
    skipped = [str(scene.value) for scene in log.sound("skipped_scene")]
    stated = lookup(value, "data", "skipped_scenes")
    is_known = len(skipped) == len(log.all("skipped_scene"))  # else a rule on form reports it
    if (
        is_known
        and isinstance(stated, list)
        and holds(stated, "list")
        and Counter(stated) != Counter(skipped)
    ):
        found = f"`data.skipped_scenes`: {listing(map(show, stated)) or 'none'}"
        yield problem(found, event.line, f"{listing(map(show, skipped)) or 'none'}, as the events say")
    staged, share = log.one("staging_stop"), log.number("train_split")
    used = [lookup(value, "data", name) for name in ("training_scenes", "validation_scenes")]
    numbers = [number for number in used if isinstance(number, int) and holds(number, "integer")]
    if staged is None or len(numbers) < 2:
        return
    scenes = sum(numbers)
    if scenes != staged.metadata["scenes"]:
        found = f"`data.training_scenes` {numbers[0]}, `data.validation_scenes` {numbers[1]}"
        yield problem(found, event.line, f"{show(staged.metadata['scenes'])} in all, as staged")
    elif share is not None and 0 < share < 1 and abs(numbers[0] - share * scenes) >= 1 + len(skipped):
        # the split is rounded, and later scenes are skipped in either part
        found = f"`data.training_scenes` {numbers[0]} of {scenes}"
        yield problem(found, event.line, f"about {share * scenes:.1f}, by train_split {show(share)}")


@log_rule(
    "result-data",
    clause="house",
    expected="the data and the precision that the log states",
    remedy=_AS_LOGGED,
)
def result_data(log: Log) -> Iterator[Problem]:
    """The result must describe its data as the events do. That is the kind of data, the numbers of scenes,
    their split, the skipped scenes and the precision. True masks exist only for synthetic scenes."""
    kind, precision, scenes = log.text("data_kind"), log.text("precision"), log.all("scene_accuracy")
    facts: Facts = {}
    if kind is not None:
        facts["data", "kind"] = (kind, "the value of data_kind")
    if precision is not None:
        facts["precision",] = (precision, "the value of precision")
    if scenes:
        facts["data", "inference_scenes"] = (len(scenes), "the scenes that were scored")
    yield from _compare(log, facts)
    for event, value in results(log):
        yield from _scenes(log, event, value)
        if kind == "slstr" and lookup(value, "scores", "truth") is not None:
            yield problem("`scores.truth` of observed scenes", event.line, "none: no true mask is known")


@log_rule(
    "result-weights",
    clause="house",
    expected="64 hexadecimal digits (sha256)",
    remedy="hash the weights that were scored",
)
def result_weights(log: Log) -> Iterator[Problem]:
    """The weights that were scored must be identified by their sha256."""
    for event, value in results(log):
        digest = value.get("weights_sha256")
        if isinstance(digest, str) and not re.fullmatch(r"[0-9a-f]{64}", digest):
            yield problem(f"`weights_sha256` {show(digest)}", event.line)


#: Clocks may differ from the events' times by this share of a duration plus these seconds, but by no more
#: than half of what could be left out of it. The last number is always allowed.
CLOCK_SHARE, CLOCK_SECONDS, CLOCK_LEAST = 0.02, 1.0, 0.1

#: Duration -> the interval whose length it is.
_SINGLE = {"staging_seconds": "staging", "inference_seconds": "inference"}
#: The four ends of an epoch's two intervals, and the pairs of them that a duration sums over all epochs.
_ENDS = ("epoch_start", "epoch_stop", "eval_start", "eval_stop")
_SUMMED = {"training_seconds": (0, 1), "evaluation_seconds": (2, 3)}


def _length(start: LogEvent | None, stop: LogEvent | None) -> float | None:
    """Return an interval's seconds; None if its times are unknown or run back (other rules report it)."""
    begin, end = milliseconds(start), milliseconds(stop)
    if start is None or stop is None or begin is None or end is None:
        return None
    return (end - begin) / 1000 if end >= begin and stop.place > start.place else None


class _Length(NamedTuple):
    """A duration derived from the events: its bounds, what could be left out of it, and its source."""

    name: str
    least: float
    most: float
    part: float
    source: str

    @property
    def allowed(self) -> float:
        """The seconds by which clocks may differ."""
        return max(min(self.most * CLOCK_SHARE + CLOCK_SECONDS, self.part / 2), CLOCK_LEAST)


def _lengths(log: Log) -> Iterator[_Length]:
    """Yield every duration of the result, derived from the events."""
    lengths = {
        name: length
        for name, interval in _SINGLE.items()
        if (length := _length(log.first(f"{interval}_start"), log.first(f"{interval}_stop"))) is not None
    }
    for name, length in lengths.items():
        yield _Length(name, length, length, length, f"from {_SINGLE[name]}_start to {_SINGLE[name]}_stop")
    least, most = (_length(log.first("run_start"), log.first(key)) for key in ("result", "run_stop"))
    if most is not None:
        # measured when the result is composed; the first part that could be left out is the staging
        shortest = most if least is None else least
        part = lengths.get("staging_seconds", most)
        yield _Length("total_seconds", shortest, most, part, "from run_start to run_stop")
    ends = [series(log, key) for key in _ENDS]
    times = [[time or 0 for time in events.times] for events in ends]
    in_order = is_interleaved([events.places for events in ends]) and is_interleaved(times)
    # other rules report epochs that are not in order
    if all(ends) and in_order and None not in (milliseconds(ends[0][0]), milliseconds(ends[-1][-1])):
        for name, (start, stop) in _SUMMED.items():
            length = (sum(times[stop]) - sum(times[start])) / 1000
            source = f"from {_ENDS[start]} to {_ENDS[stop]} over all epochs"
            yield _Length(name, length, length, length, source)
    if (scenes := len(log.all("scene_accuracy"))) and "inference_seconds" in lengths:
        most = lengths["inference_seconds"] / scenes
        yield _Length("seconds_per_scene", 0.0, most, most, f"for each of {count(scenes, 'scene')}")


@log_rule(
    "result-timing",
    clause="house",
    expected="seconds that agree with the events' times",
    remedy="measure with the clock that runs from run_start to run_stop",
)
def result_timing(log: Log) -> Iterator[Problem]:
    """The durations of the result must be those of the events. Staging, inference and the whole run
    last as long as their intervals, training and evaluation as long as the sum of theirs over all epochs,
    a scene no longer than its share of the inference. Clocks may differ by 2 % and one second, but by no
    more than half of the duration, or for the whole run half of the staging."""
    bounds = list(_lengths(log))
    for event, value in results(log):
        stated = {name: lookup(value, "timing", name) for name in TIMING_FIELDS}
        numbers = {name: n for name, n in stated.items() if isinstance(n, int | float) and holds(n, "number")}
        for name, seconds in numbers.items():
            if seconds < 0:
                yield problem(f"`timing.{name}` {show(seconds)}", event.line, "at least 0")
        for length in bounds:
            seconds = numbers.get(length.name, length.least)
            if seconds > length.most + length.allowed:
                expected = f"at most {length.most:.3f} s, {length.source}"
            elif 0 <= seconds < length.least - length.allowed:
                expected = f"at least {length.least:.3f} s, {length.source}"
            else:
                continue
            yield problem(f"`timing.{length.name}` {show(seconds)}", event.line, expected)
