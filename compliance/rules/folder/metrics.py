"""Rules on metrics.csv: every epoch's measurements must be those of the log."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.rules.folder.steps import steps_of
from compliance.subjects.evidence.evidence import METRICS, Evidence
from compliance.subjects.evidence.tables import METRICS as COLUMNS
from compliance.subjects.evidence.tables import Epoch
from compliance.subjects.log import Log
from compliance.subjects.timeline import series
from compliance.wording import count, listing, show

#: Seconds that are sums of milliseconds may differ by rounding.
ROUNDING = 0.0005
_SECONDS = {"training_seconds": "epoch", "evaluation_seconds": "eval"}


def _rows(evidence: Evidence) -> Iterator[Epoch]:
    """Yield the rows of epochs that are also in the log; none if they are not numbered from 1."""
    rows = evidence.metrics.epochs if evidence.metrics else []
    if all(row.number == place for place, row in enumerate(rows, start=1)):
        yield from rows[: len(series(evidence.log, "eval_stop"))]


@folder_rule(
    "metrics-form",
    clause="house",
    expected=f"a header with {listing(COLUMNS, most=9)}, and a number in each column",
    remedy=RECORDS,
)
def metrics_form(evidence: Evidence) -> Iterator[Problem]:
    """The table of metrics must have the columns that a run writes, and a number in each of them."""
    for line, found in evidence.metrics.defects if evidence.metrics else ():
        yield problem(found, line, path=evidence.shown(METRICS))


@folder_rule(
    "metrics-epochs",
    clause="house",
    expected="a row for each epoch of the log, in their order",
    remedy=RECORDS,
)
def metrics_epochs(evidence: Evidence) -> Iterator[Problem]:
    """The table of metrics must have one row for each epoch of the log, counted from 1."""
    metrics = evidence.metrics
    if metrics is None or metrics.defects:
        return
    path, stops = evidence.shown(METRICS), len(series(evidence.log, "eval_stop"))
    for place, row in enumerate(metrics.epochs, start=1):
        if row.number != place:
            yield problem(f"epoch {row.number}", row.line, f"epoch {place}", path=path)
            return
    if evidence.log.completed and stops and len(metrics.epochs) != stops:
        yield problem(count(len(metrics.epochs), "epoch"), None, f"{stops}, as the log has", path=path)


@folder_rule(
    "metrics-agree",
    clause="house",
    expected="the values of the log's events, to the last digit",
    remedy=RECORDS,
)
def metrics_agree(evidence: Evidence) -> Iterator[Problem]:
    """Losses and accuracies in the table of metrics must be those of the log. A run writes both from the same
    numbers, with all digits."""
    logged = {key: series(evidence.log, key) for key in COLUMNS[1:5]}
    for row in _rows(evidence):
        for key, events in logged.items():
            value = events[row.number - 1].value if events else None
            if isinstance(value, int | float) and row.values[key] != value:
                found, expected = f"`{key}` {show(row.values[key])}", f"{show(value)}, as the log has"
                yield problem(
                    f"{found} in epoch {row.number}", row.line, expected, path=evidence.shown(METRICS)
                )


@folder_rule(
    "metrics-rate",
    clause="house",
    expected="the learning rate of the epoch's last step by the schedule that the log states",
    remedy=RECORDS,
)
def metrics_rate(evidence: Evidence) -> Iterator[Problem]:
    """Learning rates in the table of metrics must follow from the schedule. Peak, warm-up, form and number
    of steps determine it; a method that is not trained in steps has rate 0."""
    for row in _rows(evidence):
        rate = _last_rate(evidence.log, row.number)
        stated = row.values["learning_rate"]
        # another mathematical library may round a cosine differently
        if rate is not None and not math.isclose(stated, rate, rel_tol=1e-9, abs_tol=1e-18):
            found, expected = f"{show(stated)} in epoch {row.number}", show(rate)
            yield problem(found, row.line, expected, path=evidence.shown(METRICS))


def _last_rate(log: Log, epoch: int) -> float | None:
    """Return the learning rate of an epoch's last step; None if the log does not state enough."""
    from benchmark.config.schedule import rate_of

    if log.text("method_kind") == "fitted":
        return 0.0
    peak, rising = log.number("opt_base_learning_rate"), log.integer("opt_learning_rate_warmup_steps")
    schedule, steps = log.text("opt_learning_rate_decay_schedule"), steps_of(log)
    if peak is None or rising is None or schedule is None or steps is None:
        return None
    return rate_of(epoch * steps.epoch - 1, peak, schedule, rising, steps.planned)


@folder_rule(
    "metrics-seconds",
    clause="house",
    expected="the length of the interval in the log, to the millisecond",
    remedy=RECORDS,
)
def metrics_seconds(evidence: Evidence) -> Iterator[Problem]:
    """Seconds in the table of metrics must be the lengths of the log's intervals. A run computes them from
    the times in the log."""
    for column, interval in _SECONDS.items():
        starts, stops = (series(evidence.log, f"{interval}_{end}").times for end in ("start", "stop"))
        for row in _rows(evidence) if starts and stops else ():
            start, stop = starts[row.number - 1], stops[row.number - 1]
            if start is None or stop is None:
                continue
            length, stated = (stop - start) / 1000, row.values[column]
            if abs(stated - length) > ROUNDING:
                found, expected = f"`{column}` {show(stated)}", f"{show(length)}, as the log has"
                yield problem(
                    f"{found} in epoch {row.number}", row.line, expected, path=evidence.shown(METRICS)
                )
