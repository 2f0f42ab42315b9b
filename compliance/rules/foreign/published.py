"""Rules on logs of MLPerf HPC and MLPerf Training.

What is the same for both is one rule. Where their rule files (`compliance.rules.foreign.keys`)
differ, each has its own rule, with the name of its profile in the id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from compliance.registry import Check, Problem, Rule, log_rule, problem
from compliance.rules.foreign.keys import DIVISIONS, HPC, TRAINING, Demand, Demands, Metadata, Ruleset, Values
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log
from compliance.wording import count, describe, excerpt, listing, nearest, show

BOTH = ("hpc", "training")
MINUTE_MS = 60 * 1000

#: An event must not precede the first event of its entry in COMES_AFTER, nor follow those of COMES_BEFORE.
COMES_AFTER = {
    "init_stop": "init_start",
    "run_start": "init_stop",
    "run_stop": "run_start",
    "block_start": "run_start",
    "staging_stop": "staging_start",
}
COMES_BEFORE = {"init_start": ("init_stop", "run_start"), "init_stop": ("run_start",)}


def all_by_key(log: Log) -> Mapping[str, Sequence[LogEvent]]:
    """Return the events of each key. Published logs continue after ``run_stop``; these events count too."""
    return log.all_by_key


def _word(by_key: Mapping[str, Sequence[LogEvent]], key: str, known: tuple[str, ...]) -> str | None:
    """Return the value of a key's first event if it is one of the known words, else None."""
    value = by_key[key][0].value if key in by_key else None
    return value if isinstance(value, str) and value in known else None


def demands_on(log: Log, ruleset: Ruleset) -> Demands:
    """Return a ruleset's demands on a log, by key; a more specific demand replaces a general one.

    The log's words only select among the ruleset's own; others select nothing.
    """
    by_key = all_by_key(log)
    division = _word(by_key, "submission_division", DIVISIONS)
    benchmark = _word(by_key, "submission_benchmark", ruleset.benchmarks)
    special = f"{benchmark}/{division}"
    demands = {
        **ruleset.common,
        **ruleset.divisions.get(division or "", {}),
        **ruleset.of_benchmark.get(special, {}),
    }
    for (key, value), further in ruleset.of_choice.get(special, {}).items():
        if any(event.value == value for event in by_key.get(key, [])):
            demands |= further
    return demands


def _asked(log: Log, ruleset: Ruleset) -> Iterator[tuple[str, Demand, Sequence[LogEvent]]]:
    """Yield every required key, the demand on it, and the log's events of it; nothing without any events."""
    by_key = all_by_key(log)
    for key, demand in demands_on(log, ruleset).items() if by_key else ():
        yield key, demand, by_key.get(key, [])


@log_rule(
    "foreign-division",
    clause="H-names, K-names",
    expected=listing(map(show, DIVISIONS), last="or"),
    remedy="log the division in lower case, as the rules write it",
    profiles=BOTH,
)
def division(log: Log) -> Iterator[Problem]:
    """The division must be one of the two that there are. Other requirements depend on it."""
    events = all_by_key(log).get("submission_division", [])
    for event in events[:1]:
        if event.value not in DIVISIONS:
            yield problem(show(event.value), event.line)


@log_rule(
    "foreign-order",
    clause="H-init, H-run, H-staging, H-block",
    expected="init_start, init_stop, run_start and run_stop in this order, and staging_start before its stop",
    remedy="log events when they happen; do not move lines",
    profiles=BOTH,
)
def order(log: Log) -> Iterator[Problem]:
    """Initialisation and the run must follow each other. Several processes may start the initialisation;
    the first to end it ends it for all."""
    by_key = all_by_key(log)
    first = {key: events[0] for key, events in by_key.items()}
    for key, before in COMES_AFTER.items():
        for event in by_key.get(key, []):
            if before in first and event.place < first[before].place:
                yield problem(f"`{key}` before `{before}` on line {first[before].line}", event.line)
            elif before not in first and before == "staging_start":  # other rules require the others
                yield problem(f"`{key}` without `{before}`", event.line)
    for key, others in COMES_BEFORE.items():
        for event in by_key.get(key, [])[1:]:  # if the first is late, COMES_AFTER has reported it
            late = [each for each in others if each in first and event.place > first[each].place]
            if late:
                yield problem(f"`{key}` after `{late[0]}` on line {first[late[0]].line}", event.line)


@log_rule(
    "foreign-cache-clear",
    severity="warning",
    clause="T-cache",
    expected="true",
    remedy="log whether the caches were cleared",
    profiles=BOTH,
)
def cache_clear(log: Log) -> Iterator[Problem]:
    """The event `cache_clear` should say by its value that the caches were cleared. Most published logs
    leave the value empty."""
    silent = [event for event in all_by_key(log).get("cache_clear", []) if event.value is not True]
    if silent:
        yield problem(f"{describe(silent[0].value)}, {count(len(silent), 'time')}", silent[0].line)


@log_rule(
    "foreign-epoch-open",
    severity="warning",
    clause="L-interval",
    expected="as many ends as starts",
    remedy="close an interval on every path that leaves it, also where the target is reached within",
    profiles=BOTH,
)
def epoch_open(log: Log) -> Iterator[Problem]:
    """Every epoch, block and evaluation that starts should stop. Published logs leave the last one open
    if the target was reached within it."""
    by_key = all_by_key(log)
    for interval in ("block", "epoch", "eval"):
        starts, stops = (by_key.get(f"{interval}_{end}", []) for end in ("start", "stop"))
        # if either is missing altogether, another rule reports it
        if starts and stops and len(starts) != len(stops):
            found = f"`{interval}_start` {count(len(starts), 'time')}, `{interval}_stop` {len(stops)}"
            yield problem(found, max(starts[-1].line, stops[-1].line))


def _all_equal(events: Sequence[LogEvent]) -> bool:
    return all(event.value == events[0].value for event in events)


def _carries(event: LogEvent, metadata: Mapping[str, Values | None]) -> bool:
    return all(
        name in event.metadata and (values is None or values.hold(event.metadata[name]))
        for name, values in metadata.items()
    )


def _in_words(alternatives: Metadata) -> str:
    """Say ``epoch_num``, or ``epoch_count (above 0) and first_epoch_num or samples_count (at least 0)``."""
    return listing(
        (
            listing(f"`{name}`{f' ({values.words})' if values else ''}" for name, values in metadata.items())
            for metadata in alternatives
        ),
        last="or",
    )


def rules_of(
    profile: str, ruleset: Ruleset, name: str, prefix: str, clauses: Mapping[str, str]
) -> tuple[Rule, ...]:
    """Make the rules that differ between rulesets, for the profile that applies this one.

    Their ids begin with ``prefix``; only rules with an entry in ``clauses`` are made.
    """

    def profile_rule(id: str, **facts: Any) -> Callable[[Check], Rule]:
        return log_rule(f"{prefix}-{id}", clause=clauses.get(id, ""), profiles=(profile,), **facts)

    @profile_rule(
        "benchmark",
        expected=f"a benchmark of {name}: {listing(ruleset.benchmarks, last='or', most=99)}",
        remedy="log the name as the rules write it, or choose the profile that the log belongs to",
    )
    def benchmark(log: Log) -> Iterator[Problem]:
        """The benchmark must be one of those that the rounds have had. Other requirements depend on it."""
        for event in all_by_key(log).get("submission_benchmark", [])[:1]:
            if event.value not in ruleset.benchmarks:
                near = nearest(event.value, ruleset.benchmarks) if isinstance(event.value, str) else None
                yield problem(
                    show(event.value), event.line, f"`{near}`, which is probably meant" if near else None
                )

    @profile_rule(
        "missing",
        expected=f"every key that {name} asks for in this division and benchmark",
        remedy="log the key as the clause describes it",
    )
    def missing(log: Log) -> Iterator[Problem]:
        """Every key that the rules ask for must be in the log. Epochs may be logged as blocks of epochs. If
        a file has a second run, only the first has been read, so nothing counts as missing there."""
        if log.second_run:
            return
        told = set()
        for key, demand, events in _asked(log, ruleset):
            either = frozenset({key, demand.instead} - {""})
            if demand.often == "any" or events or demand.instead in all_by_key(log) or either in told:
                continue
            told.add(either)
            yield problem(f"no {listing((f'`{each}`' for each in sorted(either)), last='and no')}")

    @profile_rule(
        "repeated",
        expected="one value",
        remedy="log a fact once, when it is decided",
    )
    def repeated(log: Log) -> Iterator[Problem]:
        """A key that states a fact of the whole run must not have two values."""
        for key, demand, events in _asked(log, ruleset):
            if demand.often == "once" and not _all_equal(events):
                other = next(event for event in events if event.value != events[0].value)
                yield problem(f"`{key}` {show(events[0].value)}, then {show(other.value)}", other.line)

    @profile_rule(
        "restated",
        severity="warning",
        expected="one event",
        remedy="let one process write the log",
    )
    def restated(log: Log) -> Iterator[Problem]:
        """A key that states a fact of the whole run should be logged once. In published logs, every process
        states some, with the same value."""
        for key, demand, events in _asked(log, ruleset):
            if demand.often == "once" and len(events) > 1 and _all_equal(events):
                yield problem(f"`{key}` {count(len(events), 'time')}", events[1].line)

    @profile_rule(
        "value",
        expected=f"a value that {name} allows",
        remedy="look up what the division leaves free; log the value itself, not a text of it",
    )
    def value(log: Log) -> Iterator[Problem]:
        """The value of a key must be one that the rules allow in this division and benchmark."""
        for key, demand, events in _asked(log, ruleset):
            for event in events if demand.values else ():
                if demand.values and not demand.values.hold(event.value):
                    yield problem(f"`{key}` {describe(event.value)}", event.line, demand.values.words)

    @profile_rule(
        "metadata",
        expected="the metadata that tell which epochs or samples an event is of, and how a run ended",
        remedy="pass the fact as metadata when logging the event",
    )
    def metadata(log: Log) -> Iterator[Problem]:
        """Events of epochs and the end of the run must carry their metadata."""
        for key, demand, events in _asked(log, ruleset):
            for event in events if demand.metadata else ():
                if not any(_carries(event, each) for each in demand.metadata):
                    with_names = listing(map(excerpt, event.metadata)) or "none"
                    yield problem(f"`{key}` with {with_names}", event.line, _in_words(demand.metadata))

    @profile_rule(
        "init-duration",
        expected=listing(
            (f"less than {minutes} minutes ({each})" for each, minutes in ruleset.init_minutes.items())
        ),
        remedy="do less before the clock starts",
    )
    def init_duration(log: Log) -> Iterator[Problem]:
        """Initialisation must not take longer than the rules allow, counted from the first that starts."""
        by_key = all_by_key(log)
        minutes = ruleset.init_minutes[_word(by_key, "submission_division", DIVISIONS) or "closed"]
        starts = [event.time_ms for event in by_key.get("init_start", []) if event.time_ms is not None]
        for stop in by_key.get("init_stop", []):
            if starts and stop.time_ms is not None and stop.time_ms - min(starts) >= minutes * MINUTE_MS:
                yield problem(f"{(stop.time_ms - min(starts)) / MINUTE_MS:.1f} minutes", stop.line)

    rules = benchmark, missing, repeated, restated, value, metadata, init_duration
    return tuple(each for each in rules if each.clause)


_HPC_FACTS = "H-names, H-identity, H-status, H-init, H-run, H-samples, H-closed"
HPC_RULES = rules_of(
    "hpc",
    HPC,
    "MLPerf HPC",
    "foreign-hpc",
    {
        "benchmark": "H-names",
        "missing": f"{_HPC_FACTS}, H-cache, H-epoch, H-block, H-eval, H-target",
        "repeated": _HPC_FACTS,
        "restated": _HPC_FACTS,
        "value": "H-identity, H-status, H-samples, H-closed",
        "metadata": "H-run, H-epoch, H-block, H-eval, H-target",
        "init-duration": "H-init-duration",
    },
)
TRAINING_RULES = rules_of(
    "training",
    TRAINING,
    "MLPerf Training",
    "foreign-training",
    {
        "benchmark": "K-names",
        "missing": "K-names, K-keys, K-epoch",
        "repeated": "K-names, K-keys",
        "restated": "K-names, K-keys",
        "value": "K-keys, K-disclosures",
        "metadata": "K-keys, K-epoch",
        "init-duration": "T-init, K-init",
    },
)


@log_rule(
    "foreign-hpc-target",
    clause="H-target",
    expected="the quality that the benchmark's rules set",
    remedy="train until the target is reached; a run that did not reach it is no result",
    profiles=("hpc",),
)
def target(log: Log) -> Iterator[Problem]:
    """A run must reach the quality of its benchmark in at least one evaluation."""
    for key, demand, events in _asked(log, HPC):
        if demand.reached and events and not any(demand.reached.hold(event.value) for event in events):
            found = f"`{key}` {show(events[-1].value)} at the last of {count(len(events), 'evaluation')}"
            yield problem(found, events[-1].line, demand.reached.words)


@log_rule(
    "foreign-training-disclosed",
    severity="warning",
    clause="T-disclosures, K-disclosures",
    expected="precision, parallelism, micro batch and configuration of the run",
    remedy="log each of them; from round 6.1 on a log without them fails upstream's checker",
    profiles=("training",),
)
def disclosed(log: Log) -> Iterator[Problem]:
    """A log should disclose precision, parallelism and configuration. The rules require them since
    round 6.1, so no earlier log has them."""
    by_key = all_by_key(log)
    absent = [f"`{key}`" for key in TRAINING.disclosed if key not in by_key]
    if by_key and absent:
        yield problem(f"no {listing(absent, most=len(absent))}")
