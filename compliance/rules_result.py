"""Rules on the event `result`: complete, and equal to what the events of the log say.

Everything that the log allows to recompute is recomputed here from the events.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from compliance.log import Log, number_of
from compliance.registry import Problem, problem, rule
from compliance.result import (
    ALWAYS,
    FIELDS,
    FORMAT,
    METRIC,
    SCORE_FIELDS,
    SOMETIMES,
    TIMING_FIELDS,
    faults,
    holds,
    lookup,
    results,
)
from compliance.rules_timeline import milliseconds
from compliance.timeline import best_of, series
from compliance.wording import listing, show

EPOCH_VALUES = ("train_loss", "train_accuracy", "eval_loss", "eval_accuracy")

#: Path of a field -> its true value and where that comes from.
Facts = dict[tuple[str, ...], tuple[object, str]]

_AS_LOGGED = "write the result from the same variables that the events were logged from"


def _compare(log: Log, facts: Facts) -> Iterator[Problem]:
    """Problems for the fields of the result that are of their type but differ from the facts."""
    for event, value in results(log):
        for path, (fact, source) in facts.items():
            stated, kind = lookup(value, *path), lookup(FIELDS, *path)
            if isinstance(kind, str) and holds(stated, kind) and stated != fact:
                yield problem(f"`{'.'.join(path)}` {show(stated)}", event.line, f"{show(fact)}, {source}")


@rule(
    "result-fields",
    scope="log",
    severity="error",
    clause="S6.3",
    expected="every field of the result, of its type (docs/events.md)",
    remedy="log the result as docs/events.md describes it",
)
def result_fields(log: Log) -> Iterator[Problem]:
    """The result must have all its fields, each of its type."""
    for event, value in results(log):
        wrong = list(faults(value, FIELDS, "result"))
        scores = lookup(value, "scores")
        for reference, parts in scores.items() if isinstance(scores, dict) else ():
            for part in (*ALWAYS, *SOMETIMES):
                if isinstance(score := lookup(parts, part), dict):
                    wrong += faults(score, SCORE_FIELDS, f"result.scores.{reference}.{part}")
        yield from (problem(found, event.line, expected) for found, expected in wrong)


@rule(
    "result-format",
    scope="log",
    severity="error",
    clause="S6.3",
    expected=f"format {FORMAT}, metric {METRIC}, and a meaning in words",
    remedy="log the result as docs/events.md describes it",
)
def result_format(log: Log) -> Iterator[Problem]:
    """The result must say in which format it is, what its value measures, and what that means."""
    for event, value in results(log):
        for field, right in (("format", FORMAT), ("metric", METRIC)):
            if isinstance(value.get(field), str) and value[field] != right:
                yield problem(f"`{field}` {show(value[field])}", event.line, right)
        if isinstance(meaning := value.get("meaning"), str) and not meaning.strip():
            yield problem("`meaning` is blank", event.line, "a sentence")


@rule(
    "result-value",
    scope="log",
    severity="error",
    clause="S6.3",
    expected="the test accuracy and the quality target of the log, and their comparison",
    remedy=_AS_LOGGED,
)
def result_value(log: Log) -> Iterator[Problem]:
    """The result's value must be the score, and whether it reaches the target must be so."""
    score, target = log.number("test_accuracy"), log.number("quality_target")
    facts: Facts = {}
    if score is not None:
        facts["value",] = (score, "the value of test_accuracy")
    if target is not None:
        facts["quality_target",] = (target, "the value of quality_target")
    if score is not None and target is not None:
        facts["target_reached",] = (score >= target, f"as {show(score)} against {show(target)}")
    yield from _compare(log, facts)


@rule(
    "result-epochs",
    scope="log",
    severity="error",
    clause="S6.3",
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
    for key in EPOCH_VALUES:
        if values := series(log, key):
            facts[key,] = (number_of(values[best - 1]), f"the value of epoch {best}")
    yield from _compare(log, facts)


@rule(
    "result-baselines",
    scope="log",
    severity="error",
    clause="S6.3",
    expected="the values of the baseline events, and whether the score is above all of them",
    remedy=_AS_LOGGED,
)
def result_baselines(log: Log) -> Iterator[Problem]:
    """The result's baselines must be those of the log. `beats_baselines` is true only if the score is
    above every one of them."""
    events = log.sound("baseline_accuracy")
    facts: Facts = {}
    for event in events:
        facts["baselines", str(event.metadata["baseline"])] = (number_of(event), f"on line {event.line}")
    score = log.number("test_accuracy")
    if score is not None and events:
        best = max(number_of(event) for event in events)
        facts["beats_baselines",] = (score > best, f"as {show(score)} against {show(best)}")
    yield from _compare(log, facts)


@rule(
    "result-data",
    scope="log",
    severity="error",
    clause="S6.3",
    expected="the data and the precision that the log states",
    remedy=_AS_LOGGED,
)
def result_data(log: Log) -> Iterator[Problem]:
    """The result must describe its data as the events do. That is the kind of the data, the numbers of
    scenes, the skipped scenes and the precision. True masks exist for synthetic scenes
    only."""
    kind, precision, scenes = log.text("data_kind"), log.text("precision"), log.all("scene_accuracy")
    facts: Facts = {}
    if kind is not None:
        facts["data", "kind"] = (kind, "the value of data_kind")
    if precision is not None:
        facts["precision",] = (precision, "the value of precision")
    if scenes:
        facts["data", "inference_scenes"] = (len(scenes), "the scenes that were scored")
    yield from _compare(log, facts)
    skipped = [str(event.value) for event in log.sound("skipped_scene")]
    for event, value in results(log):
        stated = lookup(value, "data", "skipped_scenes")
        if isinstance(stated, list) and holds(stated, "list") and Counter(stated) != Counter(skipped):
            found = f"`data.skipped_scenes`: {listing(map(show, stated)) or 'none'}"
            yield problem(found, event.line, f"{listing(map(show, skipped)) or 'none'}, as the events say")
        staged = log.one("staging_stop")
        used = [lookup(value, "data", name) for name in ("training_scenes", "validation_scenes")]
        numbers = [number for number in used if isinstance(number, int) and holds(number, "integer")]
        if staged and len(numbers) == 2 and sum(numbers) != staged.metadata["scenes"]:
            found = f"`data.training_scenes` {numbers[0]}, `data.validation_scenes` {numbers[1]}"
            yield problem(found, event.line, f"{show(staged.metadata['scenes'])} in all, as staged")
        if kind == "slstr" and lookup(value, "scores", "truth") is not None:
            yield problem("`scores.truth` of observed scenes", event.line, "none: no true mask is known")


@rule(
    "result-weights",
    scope="log",
    severity="error",
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


#: What bounds a duration: the interval that it is a part of, else the run.
_WITHIN = {
    "staging_seconds": ("staging_start", "staging_stop"),
    "inference_seconds": ("inference_start", "inference_stop"),
    "seconds_per_scene": ("inference_start", "inference_stop"),
}


@rule(
    "result-timing",
    scope="log",
    severity="error",
    clause="T",
    expected="seconds of at least 0 that fit into their interval by the events' times",
    remedy="measure with the clock that runs from run_start to run_stop",
)
def result_timing(log: Log) -> Iterator[Problem]:
    """The durations of the result must be possible. They are not negative, and not longer than the
    interval of events that they are a part of, or else the run (2 % and one second are allowed for
    clocks)."""
    for event, value in results(log):
        for name in TIMING_FIELDS:
            seconds = lookup(value, "timing", name)
            if not isinstance(seconds, int | float) or not holds(seconds, "number"):
                continue
            start_key, stop_key = _WITHIN.get(name, ("run_start", "run_stop"))
            start, stop = milliseconds(log.first(start_key)), milliseconds(log.first(stop_key))
            if seconds < 0:
                yield problem(f"`timing.{name}` {show(seconds)}", event.line, "at least 0")
            elif start is not None and stop is not None and seconds > (stop - start) / 1000 * 1.02 + 1:
                expected = f"at most {(stop - start) / 1000:.3f} s, from {start_key} to {stop_key}"
                yield problem(f"`timing.{name}` {show(seconds)}", event.line, expected)
