"""Rules on logs of any program for MLCommons Science: what submit.adoc and the policy require, no more.

The four benchmarks are data (`compliance.benchmarks`). A program may log any other keys and data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from benchmark.record.events import OUTCOMES, POINT
from compliance.benchmarks import BENCHMARKS, Benchmark, Measure
from compliance.registry import Problem, log_rule, problem
from compliance.rules.foreign.keys import COUNT, Demand, Ruleset, Values, one_of
from compliance.rules.foreign.published import all_by_key, rules_of
from compliance.rules.log.events import OTHER_COMMIT_KEY
from compliance.rules.log.identity import COMMIT_KEY
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log
from compliance.subjects.timeline import VERSIONS
from compliance.wording import count, excerpt, listing, show

TEXT = Values("a text that is not blank", lambda value: isinstance(value, str) and bool(value.strip()))
OBJECT = Values("an object that is not empty", lambda value: isinstance(value, dict) and bool(value))


def _within(measure: Measure) -> Values:
    most = "" if measure.most == float("inf") else f" and at most {measure.most:g}"

    def hold(value: object) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and 0 <= value <= measure.most  # type: ignore[operator]

    return Values(f"a number, at least 0{most}", hold)


SCIENCE = Ruleset(
    benchmarks=tuple(BENCHMARKS),
    init_minutes={},
    common={
        "submission_benchmark": Demand(),
        # the rules for every submission check which division, status and version
        **dict.fromkeys(
            (f"submission_{name}" for name in ("org", "division", "status", "platform")), Demand(values=TEXT)
        ),
        COMMIT_KEY: Demand(instead=OTHER_COMMIT_KEY),
        **dict.fromkeys(VERSIONS, Demand("any", TEXT)),
        "result": Demand("some", OBJECT),
        "run_stop": Demand("any", metadata=({"status": one_of(*OUTCOMES)},)),
        **dict.fromkeys(("epochs", "num_epochs", "learning_rate", "batch_size"), Demand("any", COUNT)),
    },
    divisions={},
    of_benchmark={
        f"{name}/open": {
            key: Demand("any", _within(measure)) for measure in benchmark.measures for key in measure.keys
        }
        for name, benchmark in BENCHMARKS.items()
    },
)
SCIENCE_RULES = rules_of(
    "science",
    SCIENCE,
    "MLCommons Science",
    "science",
    {
        "benchmark": "S-application, S6.2-benchmarks",
        "missing": "S6.1, S6.result",
        "repeated": "H-names, H-identity, H-status",
        "restated": "H-names, H-identity, H-status",
        "value": "S6.1, S6.result, P-hyperparameters, P-hyperparameters-others",
        "metadata": "H-run",
    },
)

#: Events that S6.1 and the second S6.3 require as points in time.
POINTS = (
    *("submission_benchmark", "submission_org", "submission_division", "submission_status"),
    *("submission_platform", COMMIT_KEY, *VERSIONS, "result"),
)
#: Events by which MLPerf HPC logs a run's progress; the policy makes them optional.
PERFORMANCE = (
    *("cache_clear", "init_start", "init_stop", "run_start", "run_stop", "epoch_start", "epoch_stop"),
    *("eval_start", "eval_stop", "train_samples", "eval_samples"),
)
#: How deep a `result` is searched for names; deeper names describe no measure.
DEPTH = 8

science_rule = partial(log_rule, profiles=("science",))


def benchmark_of(log: Log) -> tuple[str, Benchmark] | None:
    """Return the Science benchmark that a log names, ignoring case, or None."""
    event = next(iter(all_by_key(log).get("submission_benchmark", [])), None)
    name = event.value.casefold() if event and isinstance(event.value, str) else ""
    return (name, BENCHMARKS[name]) if name in BENCHMARKS else None


@science_rule(
    "science-kind",
    clause="S6.1, S6.result",
    expected=POINT,
    remedy="log it with mllogger.event",
)
def kind(log: Log) -> Iterator[Problem]:
    """The records of the submission and the result must be points in time."""
    by_key = all_by_key(log)
    for key in POINTS:
        for event in by_key.get(key, []):
            if event.kind and event.kind != POINT:
                yield problem(f"`{key}` is {event.kind}", event.line)


@science_rule(
    "science-commit",
    clause="S6.3-commit",
    expected="the output of `git rev-parse HEAD`, 40 hexadecimal digits",
    remedy="run from a git checkout and log the commit of the code that ran",
)
def commit(log: Log) -> Iterator[Problem]:
    """The commit must be a commit's hash. A short one of 7 digits and more is accepted with a warning."""
    by_key = all_by_key(log)
    for event in (event for key in (COMMIT_KEY, OTHER_COMMIT_KEY) for event in by_key.get(key, [])):
        if not isinstance(event.value, str) or not re.fullmatch(r"[0-9a-f]{7,40}", event.value):
            yield problem(show(event.value), event.line)


def _names(value: object, depth: int = DEPTH) -> Iterator[str]:
    """Yield the names of all fields of an object, nested ones too, in lower case."""
    if depth and isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name).casefold()
            yield from _names(inner, depth - 1)
    elif depth and isinstance(value, list):
        for inner in value:
            yield from _names(inner, depth - 1)


@science_rule(
    "science-measure",
    severity="warning",
    clause="P-measurement, S6.result",
    expected="a field named after a measure of the benchmark",
    remedy="state the benchmark's measure in `result`, next to what else describes the result",
)
def measure_named(log: Log) -> Iterator[Problem]:
    """The result should name a measure of its benchmark. That is accuracy for CloudMask, NNSE for Earthquake,
    top-1 accuracy and F1 for STEMDL, and the validation loss for UNO."""
    known = benchmark_of(log)
    results = [event for event in all_by_key(log).get("result", []) if isinstance(event.value, dict)]
    if known is None or not results:
        return
    words = [measure.word for measure in known[1].measures]
    names = {name for event in results for name in _names(event.value)}
    if not any(word in name for word in words for name in names):
        found = f"fields {listing(map(excerpt, sorted(names))) or 'without names'}"
        yield problem(found, results[0].line, f"a field on {listing(words, last='or')}")


@science_rule(
    "science-target",
    severity="warning",
    clause="P-target",
    expected="the quality target of the policy",
    remedy="train until the target is reached, or say in the contribution why the result is of interest",
)
def target(log: Log) -> Iterator[Problem]:
    """A run should reach the quality target of its benchmark in at least one evaluation. The division is
    open, so a result below the target can be submitted."""
    known, by_key = benchmark_of(log), all_by_key(log)
    for measure in known[1].measures if known else ():
        events = [event for key in measure.keys for event in by_key.get(key, [])]
        values = [event.value for event in events if _within(measure).hold(event.value)]
        numbers = [value for value in values if isinstance(value, int | float)]
        if numbers and not any(map(measure.reaches, numbers)):
            best = min(numbers) if measure.lower_is_better else max(numbers)
            expected = f"{'at most' if measure.lower_is_better else 'at least'} {measure.target:g}"
            found = f"{measure.word} {best:g}, the best of {count(len(numbers), 'evaluation')}"
            yield problem(found, events[-1].line, expected)


@science_rule(
    "science-number",
    severity="warning",
    clause="house",
    expected="numbers as JSON numbers",
    remedy="log the number itself, not its text; cloudmesh's StopWatch turns every value into text",
)
def number_as_text(log: Log) -> Iterator[Problem]:
    """Numbers should be logged as numbers. A text of digits is no number to a program that reads the log."""
    keys = {key for key, events in log.by_key.items() if str in set(map(type, events.values))}
    texts = [event for event in log.of_keys(keys) if _is_number_text(event)]
    if texts:
        first = texts[0]
        found = f"{excerpt(first.key)} is the text {show(first.value)}; {count(len(texts), 'such event')}"
        yield problem(found, first.line)


def _is_number_text(event: LogEvent) -> bool:
    named = event.key.startswith("submission_") or event.key in VERSIONS
    return (
        isinstance(event.value, str)
        and not named
        and re.fullmatch(r"\s*[-+]?\d{1,30}(\.\d{1,30})?(e[-+]?\d{1,3})?\s*", event.value, re.I) is not None
    )


@science_rule(
    "science-hyperparameters",
    severity="note",
    clause="P-hyperparameters, P-hyperparameters-others",
    expected="the hyperparameters that the policy lists for the benchmark, under its names",
    remedy="log each of them; config.yaml must state them in any case",
)
def hyperparameters(log: Log) -> Iterator[Problem]:
    """A log may state the hyperparameters of its benchmark. The policy lists them by name."""
    known, keys = benchmark_of(log), {key.casefold() for key in all_by_key(log)}
    names = known[1].hyperparameters if known else {}
    absent = [f"`{name}`" for name, others in names.items() if not keys & {name.casefold(), *others}]
    if absent:
        yield problem(f"no {listing(absent, last='and no', most=len(absent))}")


@science_rule(
    "science-performance",
    severity="note",
    clause="P-performance, H-cache, H-init, H-run, H-epoch, H-eval, H-samples",
    expected="the events by which MLPerf HPC times a run",
    remedy="log them for a result on time; without them the result is on accuracy alone",
)
def performance(log: Log) -> Iterator[Problem]:
    """A log may state the course of its run as MLPerf HPC does. Only then can its time be compared."""
    by_key = all_by_key(log)
    absent = [f"`{key}`" for key in PERFORMANCE if key not in by_key]
    if by_key and absent:
        yield problem(f"no {listing(absent, last='and no', most=len(absent))}")
