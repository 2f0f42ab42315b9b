"""Rules on the epochs of a run: their numbers, and that each is trained and evaluated once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from compliance.registry import Problem, log_rule, problem
from compliance.subjects.columns import LogEvent, is_ascending
from compliance.subjects.log import Log, count_of, number_of
from compliance.subjects.timeline import LOOP, disorder
from compliance.wording import listing


def _irregular(log: Log) -> dict[int, dict[str, list[LogEvent]]]:
    """Return the epochs to check one by one; none if all are in order."""
    return {} if log.has_regular_epochs else log.epochs


@log_rule(
    "epoch-numbers",
    clause="T-epochs",
    expected="epochs counted 1, 2, 3, ...",
    remedy="log every epoch, and count from 1",
)
def epoch_numbers(log: Log) -> Iterator[Problem]:
    """Epochs must be counted from 1 without gaps. A gap hides an epoch that was trained."""
    for place, (number, events) in enumerate(_irregular(log).items(), start=1):
        if number != place:
            line = min(event.line for group in events.values() for event in group)
            yield problem(f"epoch {number}", line, f"epoch {place}")
            return


def _is_numbered(event: LogEvent) -> bool:
    return type(event.metadata.get("epoch_num")) is int


def _faults(log: Log) -> dict[int, list[str]]:
    """Return for every incomplete epoch which events it lacks or has more than once.

    Skips the epochs from the first misnumbered one on, epochs that include events without a
    usable number, and the last epoch of a run that did not complete.
    """
    epochs = _irregular(log)
    faults: dict[int, list[str]] = {}
    for place, (number, events) in enumerate(epochs.items(), start=1):
        if number != place or (place == len(epochs) and not log.completed):
            break
        times = {key: len(events[key]) for key in LOOP}
        if set(times.values()) == {1} or not all(map(_is_numbered, chain(*events.values()))):
            continue
        if set(times.values()) == {times["epoch_start"]}:
            faults[number] = [f"all its events {times['epoch_start']} times"]
        else:
            faults[number] = [
                f"`{key}` {each} times" if each else f"no `{key}`" for key, each in times.items() if each != 1
            ]
    return faults


@log_rule(
    "epoch-complete",
    clause="house",
    expected="one epoch interval with train_loss and train_accuracy, one eval interval with its two",
    remedy="evaluate after every epoch and log each value once, with the number of its epoch",
)
def epoch_complete(log: Log) -> Iterator[Problem]:
    """Every epoch must have exactly one training and one evaluation, and its four values once."""
    epochs = _irregular(log)
    for number, faults in _faults(log).items():
        line = max(event.line for group in epochs[number].values() for event in group)
        yield problem(f"epoch {number}: {listing(faults)}", line)


#: Order of the events of an epoch; events of equal rank may come in either order.
_RANK = {key: rank for rank, key in enumerate(LOOP)} | {"train_accuracy": 1, "eval_accuracy": 5}


@log_rule(
    "epoch-order",
    clause="house",
    expected="epoch_start, the train values, epoch_stop, eval_start, the eval values, eval_stop",
    remedy="log the values of an epoch where they are computed, inside their interval",
)
def epoch_order(log: Log) -> Iterator[Problem]:
    """The events of an epoch must stand in order. First comes the training with its values, then the
    evaluation with its values, and only then the next epoch. The checker reports the fewest events
    that explain the disorder."""
    previous: LogEvent | None = None
    for number, by_key in _irregular(log).items():
        if any(len(by_key[key]) != 1 for key in LOOP):
            continue
        events = sorted(by_key[key][0] for key in LOOP)  # by place
        ranks = [_RANK[event.key] for event in events]
        if not is_ascending(ranks):
            for event, found in disorder(events, ranks):
                yield problem(f"epoch {number}: {found}", event.line)
        start = by_key["epoch_start"][0]
        if previous and start.place < previous.place:
            yield problem(f"epoch {number} begins before `eval_stop` on line {previous.line}", start.line)
        previous = by_key["eval_stop"][0]


@log_rule(
    "epoch-energy",
    clause="house",
    expected="at most one `epoch_energy` of an epoch, between its `eval_start` and `eval_stop`, 0 or more",
    remedy="log the energy once, when the evaluation of the epoch is done",
)
def epoch_energy(log: Log) -> Iterator[Problem]:
    """The energy of an epoch must be stated at most once, when the epoch's evaluation is done, and is
    never negative. The log of a machine that does not let it be read has none."""
    if not log.has_regular_epochs:
        return
    starts, stops = log.all("eval_start"), log.all("eval_stop")
    seen: set[int] = set()
    for event in log.sound("epoch_energy"):
        number = count_of(event, "epoch_num")
        if number in seen:
            yield problem(f"epoch {number}: again", event.line)
        elif not starts[number - 1].place < event.place < stops[number - 1].place:
            yield problem(f"epoch {number}: outside its evaluation", event.line)
        elif number_of(event) < 0:
            yield problem(f"epoch {number}: {number_of(event)} J", event.line)
        seen.add(number)
