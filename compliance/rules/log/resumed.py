"""Rules on a run that was interrupted and resumed: the place and the content of its marks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from compliance.registry import Problem, log_rule, problem
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log, count_of
from compliance.subjects.timeline import RESUMED, WORK
from compliance.wording import count

#: Clocks of two nodes may differ by this many milliseconds.
CLOCKS_MS = 1000


def _marks(log: Log) -> Iterator[tuple[LogEvent, LogEvent | None, int]]:
    """Yield every mark, the last event that the run logged before it, and the epochs completed by then."""
    marks = log.sound(RESUMED)
    if not marks:
        return
    stops = [event.place for event in log.all("eval_stop")]
    for mark in marks:
        place = mark.place
        while place and log.events[place - 1].key == RESUMED:
            place -= 1
        yield mark, log.events[place - 1] if place else None, sum(stop < mark.place for stop in stops)


@log_rule(
    "resumed-place",
    clause="house",
    expected="`run_resumed` where the run continues, with the epochs and steps done until then",
    remedy="resume with `python -m benchmark.run --resume`, which writes the mark itself",
)
def resumed_place(log: Log) -> Iterator[Problem]:
    """The mark of a resumed run must agree with the log around it. It is within the run; its
    `epochs` are the epochs whose evaluation has ended; its `step` is above 0 only just after
    `epoch_start`, in an unfinished epoch."""
    start = log.first("run_start")
    for mark, before, epochs in _marks(log):
        if start and mark.place < start.place and (before is None or before.key not in WORK):
            yield problem("outside the run", mark.line, "between `run_start` and `run_stop`")
        elif before and log.has_regular_epochs:  # else other rules report it
            stated, step = count_of(mark, "epochs"), count_of(mark, "step")
            if stated != epochs:
                yield problem(f"epochs {stated}", mark.line, f"{epochs}, as many `eval_stop` are above")
            if step < 0 or (step > 0) != (before.key == "epoch_start"):
                expected = "at least 1" if before.key == "epoch_start" else "0"
                yield problem(f"step {step} after `{before.key}`", mark.line, expected)


@log_rule(
    "resumed-count",
    clause="house",
    expected="how often the run has been resumed: 1 or more, and more at each time",
    remedy="resume with `python -m benchmark.run --resume`; do not remove or repeat marks",
)
def resumed_count(log: Log) -> Iterator[Problem]:
    """Resumptions must be counted. One that was itself cut off before the next checkpoint skips a
    number."""
    marks = log.sound(RESUMED)
    for mark in marks[:1]:
        if (number := _number(mark)) < 1:
            yield problem(f"{number}", mark.line)
    for earlier, mark in pairwise(marks):
        if _number(mark) <= _number(earlier):
            yield problem(f"{_number(mark)} after {_number(earlier)}", mark.line)


def _number(mark: LogEvent) -> int:
    assert isinstance(mark.value, int)
    return mark.value


@log_rule(
    "resumed-lost",
    clause="house",
    expected="a time from 0 to that since the event above",
    remedy="resume with `python -m benchmark.run --resume`, which measures it",
)
def resumed_lost(log: Log) -> Iterator[Problem]:
    """The time that an interruption cost must fit the log. The checkpoint was made after the event
    above the mark, so no more than the time between them can have been lost."""
    for mark, before, _ in _marks(log) if log.is_chronological else ():
        lost = count_of(mark, "lost_ms")
        most = (mark.time_ms or 0) - (before.time_ms or 0) if before else 0
        if lost < 0 or lost > most + CLOCKS_MS:
            yield problem(f"lost_ms {lost}", mark.line, f"from 0 to {most}")


@log_rule(
    "staging-reused",
    severity="warning",
    clause="P-staging, P-preparation",
    expected="every scene staged within the run",
    remedy="give each run an empty --stage-dir; times over the runs leave this one out",
)
def staging_reused(log: Log) -> Iterator[Problem]:
    """A run should stage its scenes itself, since staging counts in its time. If it reuses patches that an
    earlier run staged from the same scenes, it checks them, and its staging time is that of the check."""
    event = log.one("staging_stop")
    if event and (reused := count_of(event, "reused")) > 0:
        yield problem(f"{count(reused, 'scene')} of {count_of(event, 'scenes')} staged before", event.line)
