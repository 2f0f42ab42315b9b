"""Rules on how training ended: after all epochs, or by early stopping on the logged losses."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.registry import Problem, log_rule, problem
from compliance.subjects.log import Log, count_of
from compliance.subjects.timeline import best_of, series
from compliance.wording import count


@log_rule(
    "epochs-limit",
    clause="house",
    expected="at most `epochs` epochs",
    remedy="log the epochs of the configuration that the run used",
)
def epochs_limit(log: Log) -> Iterator[Problem]:
    """A run must not train more epochs than it states. An epoch that is logged twice counts once."""
    limit = log.integer("epochs")
    starts = log.all("epoch_start")
    trained = min(len(starts), len(log.epoch_numbers))
    if limit is not None and 0 < limit < trained:
        yield problem(count(trained, "epoch"), starts[limit].line, f"at most {limit}")


@log_rule(
    "training-complete",
    clause="house",
    expected="all `epochs` epochs, or `early_stop` after the last one",
    remedy="log early_stop where patience ran out; a run that ended otherwise was aborted",
)
def training_complete(log: Log) -> Iterator[Problem]:
    """A run must train all its epochs unless early stopping ended it. Another rule reports epochs
    missing from the middle."""
    limit = log.integer("epochs")
    trained = max(len(log.epoch_numbers), len(log.all("epoch_start")), max(log.epoch_numbers, default=0))
    if limit is None or not log.completed or log.all("early_stop") or not 0 < trained < limit:
        return
    yield problem(f"{count(trained, 'epoch')} of {limit}, and no `early_stop`", log.events[-1].line)


@log_rule(
    "stopping-late",
    clause="house",
    expected="a stop as soon as patience has run out",
    remedy="log the patience that the run used, or stop where it runs out",
)
def stopping_late(log: Log) -> Iterator[Problem]:
    """Training must end where patience runs out. That is once `early_stopping_patience` epochs have passed
    without a lower eval_loss."""
    patience, losses = log.integer("early_stopping_patience"), series(log, "eval_loss")
    if patience is None or patience < 1:
        return
    best = 0
    for index, loss in enumerate(losses.values):
        if index - best > patience:
            found = f"epoch {index + 1} was trained"
            expected = f"the end after epoch {index}, {count(patience, 'epoch')} after the best, {best + 1}"
            yield problem(found, losses[index].line, expected)
            return
        if loss < losses.values[best]:
            best = index


@log_rule(
    "stopping-early",
    clause="house",
    expected="`early_stop` only where patience has run out",
    remedy="log the patience that the run used, or train on until it runs out",
)
def stopping_early(log: Log) -> Iterator[Problem]:
    """Early stopping must not end the training before patience has run out. That is once
    `early_stopping_patience` epochs have passed without a lower eval_loss."""
    event, losses = log.first("early_stop"), series(log, "eval_loss")
    patience = log.integer("early_stopping_patience")
    if event is None or not losses or patience is None or patience < 1:
        return
    waited = len(losses) - best_of(losses)
    if waited < patience:
        found = f"{count(waited, 'epoch')} after the best, {best_of(losses)}"
        yield problem(found, event.line, f"{count(patience, 'epoch')} after the best")


@log_rule(
    "stopping-event",
    clause="house",
    expected="the last epoch as value, and the epoch of the lowest eval_loss as best_epoch",
    remedy="log what the loop knows when it stops",
)
def stopping_event(log: Log) -> Iterator[Problem]:
    """`early_stop` must name the last epoch and the best."""
    event, losses = log.one("early_stop"), series(log, "eval_loss")
    if event is None or not losses:
        return
    stated = (event.value, count_of(event, "best_epoch"))
    true = (len(losses), best_of(losses))
    if stated != true:
        found = f"value {stated[0]}, best_epoch {stated[1]}"
        yield problem(found, event.line, f"value {true[0]}, best_epoch {true[1]}")
