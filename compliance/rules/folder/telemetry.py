"""Rules on telemetry.csv: samples of the node during the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.subjects.evidence.evidence import Evidence
from compliance.subjects.evidence.telemetry import (
    FREE_MEMORY,
    INTERVAL,
    NODE,
    OF_ACCELERATOR,
    PROCESS_CPU,
    PROCESS_MEMORY,
    Series,
    accelerator_columns,
)
from compliance.subjects.log import LARGEST_INTEGER, Log
from compliance.subjects.timeline import RESUMED
from compliance.wording import count, listing, show

#: A run measures its node before its first event and cleans up after its last, for at most this long each.
MARGIN_MS = 60_000
#: A node's clock is set back by at most this much during a run.
CLOCK_MS = 1000
#: The two clocks of telemetry may differ by this many seconds, plus this share.
CLOCKS_S, CLOCKS_SHARE = 5.0, 0.01
#: This many intervals without a sample are a gap.
GAP_SAMPLES = 12
#: The fewest samples that show how busy a run is.
FEW_SAMPLES = 3
#: A training process keeps a core busy; while it waits for storage or for others, still a twentieth of one.
IDLE_PERCENT = 5.0
#: Loads over a short time are inexact: only a load of a tenth above the whole node counts as too high.
OVERLOAD = 1.1


def span_of(log: Log) -> tuple[int, int | None] | None:
    """Return the times of the first event and, if the run has stopped, of the last."""
    if not log.events or not log.is_chronological:
        return None
    first, last = log.events.times[0], log.events.times[-1]
    return None if first is None else (first, last if log.status is not None else None)


def clock_set(log: Log) -> int:
    """Return by how many milliseconds run_stop says the node's clock was set; 0 if it ran on.

    Samples use the node's clock, events do not.
    """
    stop = log.first("run_stop")
    stated = stop.metadata.get("clock_set_ms") if stop else None
    return abs(stated) if type(stated) is int and abs(stated) <= LARGEST_INTEGER else 0


def is_steady(series: Series) -> bool:
    """Whether the clock of a start ran on, so that its samples can be compared with events."""
    seconds, passed = series.seconds[-1] - series.seconds[0], (series.times[-1] - series.times[0]) / 1000
    return abs(seconds - passed) <= CLOCKS_S + CLOCKS_SHARE * seconds


def of_run(evidence: Evidence) -> list[Series]:
    """Return the series, except those of starts that ended before the log begins.

    A run that was killed before its clock started begins its log again, but continues its telemetry.
    """
    span = span_of(evidence.log)
    margin, series = MARGIN_MS + clock_set(evidence.log), evidence.telemetry.series
    return [each for each in series if span is None or each.times[-1] >= span[0] - margin]


@folder_rule(
    "telemetry-form",
    clause="house",
    expected=f"time, seconds, {listing(NODE)}, and {listing(OF_ACCELERATOR)} of each accelerator",
    remedy=RECORDS,
)
def telemetry_form(evidence: Evidence) -> Iterator[Problem]:
    """Telemetry must have the columns that a run writes, and possible readings in them. No load is negative,
    and no share above 100 %."""
    for file in evidence.telemetry.files:
        for line, found in file.defects:
            yield problem(found, line, path=evidence.shown(file.file))


@folder_rule(
    "telemetry-order",
    clause="house",
    expected="samples in the order of their times",
    remedy=RECORDS,
)
def telemetry_order(evidence: Evidence) -> Iterator[Problem]:
    """Samples must stand in the order in which they were taken. A clock may be corrected by a second, or
    by more if the log says that it was set. A later start of a resumed run continues the table."""
    last: int | None = None
    allowed = CLOCK_MS + clock_set(evidence.log)
    for series in evidence.telemetry.series:
        for line, time in zip(series.lines, series.times, strict=True):
            if last is not None and time < last - allowed:
                yield problem(
                    f"{last - time} ms before the sample above", line, path=evidence.shown(series.file)
                )
            last = time if last is None else max(last, time)


def _outside(evidence: Evidence) -> Iterator[Problem]:
    """Report the samples that were not taken during the run."""
    span = span_of(evidence.log)
    if span is None:
        return
    begin, end = span
    margin = MARGIN_MS + clock_set(evidence.log)
    kept = of_run(evidence)
    for series in kept:
        path = evidence.shown(series.file)
        for line, time in zip(series.lines, series.times, strict=True):
            if time < begin - margin:
                yield problem(f"{(begin - time) / 1000:.3f} s before the first event", line, path=path)
            elif end is not None and time > end + margin:
                yield problem(f"{(time - end) / 1000:.3f} s after run_stop", line, path=path)
    if evidence.telemetry.series and not kept:
        last = evidence.telemetry.series[-1]
        found = f"the last sample {(begin - last.times[-1]) / 1000:.3f} s before the first event"
        yield problem(found, last.lines[-1], path=evidence.shown(last.file))


@folder_rule(
    "telemetry-span",
    clause="house",
    expected="samples of the time from the first event to run_stop",
    remedy=RECORDS,
)
def telemetry_span(evidence: Evidence) -> Iterator[Problem]:
    """Samples must be of the time of the run, a minute before its first and after its last event included.
    A start that was killed before its clock started may have earlier ones, but not all may be earlier."""
    yield from _outside(evidence)


@folder_rule(
    "telemetry-clock",
    severity="warning",
    clause="house",
    expected="as many seconds between samples as between their times",
    remedy="say in the contribution why the clock of the node jumped, or make the run again",
)
def telemetry_clock(evidence: Evidence) -> Iterator[Problem]:
    """The two clocks of telemetry should agree over each start, to 1 % and five seconds. They do not if
    the node slept or its clock was set."""
    for series in evidence.telemetry.series:
        if not is_steady(series):
            seconds, passed = (stamps[-1] - stamps[0] for stamps in (series.seconds, series.times))
            found, expected = f"{seconds:.3f} s", f"{passed / 1000:.3f} s, by the times"
            yield problem(found, series.lines[-1], expected, path=evidence.shown(series.file))


@folder_rule(
    "telemetry-gap",
    severity="warning",
    clause="house",
    expected=f"a sample every {INTERVAL:.0f} seconds or more often, and no {GAP_SAMPLES} times that without",
    remedy="say in the contribution why the node could not be sampled, or make the run again",
)
def telemetry_gap(evidence: Evidence) -> Iterator[Problem]:
    """Samples should cover the run without gaps. Within a start, more than a minute without a sample is a
    gap; the time between the starts of a resumed run is not."""
    series, span = of_run(evidence), span_of(evidence.log)
    if any(True for _ in _outside(evidence)):
        return
    for each in series:
        for line, (before, now) in zip(each.lines, pairwise([0.0, *each.seconds]), strict=True):
            if now - before > INTERVAL * GAP_SAMPLES:
                yield problem(f"{now - before:.0f} s", line, path=evidence.shown(each.file))
    if not series or span is None or span[1] is None or clock_set(evidence.log):
        return
    first, last = series[0], series[-1]
    if first.begin - span[0] > MARGIN_MS and not evidence.log.all(RESUMED):
        found = f"none for {(first.begin - span[0]) / 1000:.0f} s after the first event"
        yield problem(found, first.lines[0], path=evidence.shown(first.file))
    if span[1] - last.times[-1] > MARGIN_MS:
        found = f"none for {(span[1] - last.times[-1]) / 1000:.0f} s before run_stop"
        yield problem(found, last.lines[-1], path=evidence.shown(last.file))


class Work:
    """Samples whose preceding interval lies entirely within training and evaluation."""

    def __init__(self, evidence: Evidence) -> None:
        starts, stops = (evidence.log.all(key).times for key in ("epoch_start", "eval_stop"))
        begin = starts[0] if starts and starts[0] is not None else 0
        end = stops[-1] if stops and stops[-1] is not None else 0
        devices = evidence.telemetry.accelerators
        utilisation = accelerator_columns("utilisation_percent", devices)
        self.line: int | None = None
        self.file = ""
        #: Seconds that the samples cover, and the sum of seconds times load of the process.
        self.seconds = self.load = 0.0
        self.samples = 0
        #: The highest utilisation of any accelerator, None if none was read.
        self.utilisation: float | None = None
        for series in filter(is_steady, of_run(evidence)) if not clock_set(evidence.log) else ():
            loads = series.values[PROCESS_CPU]
            for place, (before, time) in enumerate(pairwise(series.times), start=1):
                if not begin <= before <= time <= end or (load := loads[place]) is None:
                    continue
                passed = series.seconds[place] - series.seconds[place - 1]
                self.samples, self.seconds = self.samples + 1, self.seconds + passed
                self.load += passed * load
                self.line, self.file = series.lines[place], series.file
                for name in utilisation:
                    used = series.values.get(name, [None] * len(loads))[place]
                    if used is not None:
                        self.utilisation = max(used, self.utilisation or 0.0)

    @property
    def mean(self) -> float | None:
        """The mean load of the process in percent of a core; None for too few samples."""
        return self.load / self.seconds if self.samples >= FEW_SAMPLES and self.seconds > 0 else None


@folder_rule(
    "telemetry-work",
    clause="house",
    expected=f"a process that computes: {IDLE_PERCENT:.0f} % of a core or more, or an accelerator in use",
    remedy=RECORDS,
)
def telemetry_work(evidence: Evidence) -> Iterator[Problem]:
    """A run must compute while it trains. From its first epoch to its last evaluation it keeps a twentieth of
    a core or an accelerator busy, and an accelerator if it states that it used one. No process is busier
    than all processors of its node."""
    work = Work(evidence)
    if work.mean is None:
        return
    path, used = evidence.shown(work.file), work.utilisation
    samples = f"over {count(work.samples, 'sample')} of training and evaluation"
    if evidence.log.integer("accelerators_per_node") and used == 0:
        yield problem(f"no accelerator in use {samples}", work.line, path=path)
    elif work.mean < IDLE_PERCENT and not used:
        yield problem(f"{work.mean:.1f} % of a core {samples}", work.line, path=path)
    threads = [facts.data["cpu"]["threads"] for facts in evidence.facts.values() if facts.data]
    if threads and work.mean > 100 * max(threads) * OVERLOAD:
        expected = f"at most {100 * max(threads)} %, by {count(max(threads), 'processor')} of the node"
        yield problem(f"{work.mean:.0f} % of a core {samples}", work.line, expected, path=path)


@folder_rule(
    "telemetry-memory",
    clause="house",
    expected="the memory that the weights need, and no more than the node has",
    remedy=RECORDS,
)
def telemetry_memory(evidence: Evidence) -> Iterator[Problem]:
    """The memory in use must fit the weights and the node. Process and accelerators together hold at least
    the weights that they train; a process takes no more memory than its node has."""
    series = of_run(evidence)
    weights = evidence.weights
    columns = [PROCESS_MEMORY, *accelerator_columns("memory_mb", evidence.telemetry.accelerators)]
    most, found = _highest(series, columns) or _highest(series, columns[:1]), None
    if most is not None and weights is not None and not isinstance(weights, str):
        value, line, file = most
        if value < (needed := weights.bytes / 1e6):
            found = problem(
                f"at most {show(value)} MB", line, f"{needed:.3f} MB or more", path=evidence.shown(file)
            )
            yield found
    nodes = [facts.data["memory"]["total_bytes"] / 1e6 for facts in evidence.facts.values() if facts.data]
    for name in (PROCESS_MEMORY, FREE_MEMORY) if nodes else ():
        highest = _highest(series, [name])
        if highest is not None and highest[0] > max(nodes):
            value, line, file = highest
            expected = f"at most {max(nodes):.0f} MB, as the node has"
            yield problem(f"`{name}` {show(value)}", line, expected, path=evidence.shown(file))


def _highest(series: Sequence[Series], columns: Sequence[str]) -> tuple[float, int, str] | None:
    """Return the highest sum of some columns over all samples, with line and file; None if there is none."""
    sums = (
        (value, line, each.file)
        for each in series
        for value, line in zip(each.summed(columns), each.lines, strict=True)
        if value is not None
    )
    return max(sums, default=None)
