"""Rules on energy and accelerators in telemetry.csv, and what the log states about them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise

from benchmark.record.energy import ACCELERATORS, CPU
from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.rules.folder.telemetry import clock_set, is_steady, of_run
from compliance.subjects.evidence.evidence import TELEMETRY, Evidence
from compliance.subjects.evidence.telemetry import CPU_ENERGY, Series, accelerator_columns
from compliance.subjects.log import count_of, number_of
from compliance.subjects.timeline import series
from compliance.wording import count

#: Both telemetry and log read their counters within this many milliseconds after the stated time.
READING_MS = 2000
#: Accelerators update their counters a few times a second: tolerance in joules, and as a share of the whole.
SLACK_J, SLACK_SHARE = 5.0, 0.02


@folder_rule(
    "telemetry-counters",
    clause="house",
    expected="counters of energy that never fall",
    remedy=RECORDS,
)
def telemetry_counters(evidence: Evidence) -> Iterator[Problem]:
    """Counters of energy must never fall while a start lasts. They count joules and millijoules."""
    columns = [CPU_ENERGY, *accelerator_columns("energy_mj", evidence.telemetry.accelerators)]
    for each in evidence.telemetry.series:
        for name in columns:
            readings = [
                (value, line)
                for value, line in zip(each.values.get(name, ()), each.lines, strict=False)
                if value is not None
            ]
            for (before, _), (value, line) in pairwise(readings):
                if value < before:
                    found = f"`{name}` {value} after {before}"
                    yield problem(found, line, path=evidence.shown(each.file))


@folder_rule(
    "telemetry-energy",
    clause="house",
    expected="the difference of the counters in telemetry over the epoch",
    remedy=RECORDS,
)
def telemetry_energy(evidence: Evidence) -> Iterator[Problem]:
    """The energy of an epoch must be what the counters in telemetry gained meanwhile. It is no less than from
    the first sample of the epoch to the last, and no more than from the sample before it to the one after
    (within 5 J and 2 %). Telemetry samples every source that the log names."""
    log, found = evidence.log, of_run(evidence)
    starts, stops = series(log, "epoch_start").times, series(log, "eval_stop").times
    devices = evidence.telemetry.accelerators
    for event in log.sound("epoch_energy") if found and starts and stops else ():
        epoch, joules = count_of(event, "epoch_num"), number_of(event)
        sources = str(event.metadata["sources"]).split(", ")
        if ACCELERATORS in sources and not devices:
            expected = "columns of the accelerators, which the log names as a source"
            yield problem("no column of an accelerator", None, expected, path=evidence.shown(TELEMETRY))
            return
        if not 1 <= epoch <= len(stops):
            continue
        begin, end = starts[epoch - 1] or 0, stops[epoch - 1] or 0
        for each in filter(is_steady, found) if not clock_set(log) else ():
            least, most = _bounds(_joules(each, sources, devices), each.times, begin, end)
            slack = SLACK_J + SLACK_SHARE * joules
            if least is not None and joules < least - slack:
                expected = f"{joules} J as the log has"
                yield problem(
                    f"{least:.3f} J or more in epoch {epoch}", None, expected, path=_path(evidence, each)
                )
            elif most is not None and joules > most + slack:
                expected = f"{joules} J as the log has"
                yield problem(
                    f"{most:.3f} J or less in epoch {epoch}", None, expected, path=_path(evidence, each)
                )


def _path(evidence: Evidence, each: Series) -> str:
    return evidence.shown(each.file)


def _joules(each: Series, sources: list[str], devices: int) -> list[float | None]:
    """Return the sum of some sources' counters for every sample; None if one is unknown."""
    cpu = each.values[CPU_ENERGY] if CPU in sources else [0.0] * len(each.times)
    names = accelerator_columns("energy_mj", devices) if ACCELERATORS in sources else []
    accelerators = each.summed(names) if names else [0.0] * len(each.times)
    return [
        None if joules is None or millijoules is None else joules + millijoules / 1000
        for joules, millijoules in zip(cpu, accelerators, strict=True)
    ]


def _bounds(
    joules: list[float | None], times: list[int], begin: int, end: int
) -> tuple[float | None, float | None]:
    """Return the least and the most that counters gained from ``begin`` to ``end``; None if unknown."""
    inside = bisect_left(times, begin), bisect_right(times, end - READING_MS) - 1
    around = bisect_right(times, begin - READING_MS) - 1, bisect_left(times, end)
    return _gain(joules, *inside), _gain(joules, *around)


def _gain(joules: list[float | None], first: int, last: int) -> float | None:
    if not 0 <= first < last < len(joules):
        return None
    before, after = joules[first], joules[last]
    return None if before is None or after is None else after - before


@folder_rule(
    "telemetry-accelerators",
    clause="house",
    expected="columns of as many accelerators as the run used, and of no more than its node has",
    remedy=RECORDS,
)
def telemetry_accelerators(evidence: Evidence) -> Iterator[Problem]:
    """The accelerators in telemetry must be those of the log and of the node. A run samples all that it may
    use, if the node lets it see them."""
    if not evidence.telemetry.series:
        return
    sampled, used = evidence.telemetry.accelerators, evidence.log.integer("accelerators_per_node")
    path = evidence.shown(TELEMETRY)
    nodes = [len(facts.data["accelerators"]) for facts in evidence.facts.values() if facts.data]
    if used and sampled < used and (sampled or max(nodes, default=0)):
        expected = f"{count(used, 'accelerator')}, which the run used on each node"
        yield problem(f"columns of {count(sampled, 'accelerator')}", None, expected, path=path)
    elif nodes and sampled > max(nodes):
        expected = f"{count(max(nodes), 'accelerator')}, as the node has"
        yield problem(f"columns of {count(sampled, 'accelerator')}", None, expected, path=path)
