"""Defects in epochs, their numbers, and resumptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from compliance.subjects.timeline import LOOP
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import (
    OF_EPOCHS,
    epochs_of,
    events_of,
    last_epoch,
    moved,
    renumbered,
    require,
    with_metadata,
    with_value,
    without,
    without_all,
    without_epoch,
)


def swapped_epochs(text: str, *, numbers: bool) -> str:
    """Swap the first two epochs, either their numbers or their positions."""
    if numbers:
        return renumbered(text, lambda number: {1: 2, 2: 1}.get(number, number))
    rows = text.split("\n")
    epochs = epochs_of(text)
    first, second = [rows[place] for place in epochs[1]], [rows[place] for place in epochs[2]]
    begin, end = epochs[1][0], epochs[2][-1]
    rows[begin : end + 1] = second + first
    return "\n".join(rows)


def doubled_epoch(text: str, number: int) -> str:
    rows = text.split("\n")
    places = epochs_of(text)[number]
    rows[places[-1] + 1 : places[-1] + 1] = [rows[place] for place in places]
    return "\n".join(rows)


def shifted_from(number: int, by: int) -> Callable[[str], str]:
    return lambda text: renumbered(text, lambda epoch: epoch + by if epoch >= number else epoch)


def epochs() -> Iterator[Defect]:
    numbers = "epoch-numbers"
    yield defect("epochs: the first missing", lambda text: without_epoch(text, 0), numbers)
    yield defect("epochs: the second missing", lambda text: without_epoch(text, 1), numbers)
    yield defect(
        "epochs: the last missing",
        lambda text: without_epoch(text, -1),
        "result-epochs",
        *("training-complete", "stopping-early", "stopping-event", "result-timing"),
    )
    yield defect(
        "epochs: all missing", lambda text: without_all(text, *OF_EPOCHS), "event-missing", "resumed-place"
    )
    yield defect("epochs: one doubled", lambda text: doubled_epoch(text, 2), "epoch-complete", "time-order")
    yield defect("epochs: counted from 0", shifted_from(1, -1), numbers)
    yield defect("epochs: counted from 2", shifted_from(1, 1), numbers)
    yield defect("epochs: a gap in the numbers", shifted_from(2, 1), numbers)
    yield defect("epochs: one number twice", shifted_from(2, -1), "epoch-complete")
    yield defect("epochs: negative", lambda text: renumbered(text, lambda epoch: -epoch), numbers)
    yield defect("epochs: all the same", lambda text: renumbered(text, lambda epoch: 1), "epoch-complete")
    yield defect("epochs: numbers swapped", lambda text: swapped_epochs(text, numbers=True), numbers)
    yield defect(
        "epochs: places swapped", lambda text: swapped_epochs(text, numbers=False), numbers, "time-order"
    )
    yield defect("epochs: numbers as texts", lambda text: renumbered(text, str), "metadata-type")
    yield defect("epochs: numbers as floats", lambda text: renumbered(text, float), "metadata-type")
    for key in LOOP:
        yield defect(
            f"epochs: {key} of another epoch",
            lambda text, key=key: with_metadata(text, key, 1, epoch_num=1),
            "epoch-complete",
        )
    yield defect(
        "epochs: evaluated at the end only",
        lambda text: without_evaluations(text),
        "epoch-complete",
    )
    yield defect(
        "epochs: more than stated",
        lambda text: with_value(text, "epochs", last_epoch(text) - 1),
        "epochs-limit",
    )
    yield defect("epochs: fewer than stated", fewer_than_stated, "training-complete")
    for place in ("eval_start", "train_loss", "epoch_start"):
        yield defect(
            f"epochs: epoch_energy before {place}",
            lambda text, place=place: moved(text, "epoch_energy", place, 1, 1),
            "epoch-energy",
        )
    yield defect(
        "epochs: epoch_energy below zero", lambda text: with_value(text, "epoch_energy", -0.5), "epoch-energy"
    )
    yield defect(
        "epochs: epoch_energy of another epoch",
        lambda text: with_metadata(text, "epoch_energy", 1, epoch_num=1),
        "epoch-energy",
    )
    yield defect(
        "epochs: epoch_energy of no epoch",
        lambda text: with_metadata(text, "epoch_energy", 1, epoch_num=99),
        "epoch-numbers",
    )


def resumptions() -> Iterator[Defect]:
    for name, metadata in (
        ("of more epochs", {"epochs": 2}),
        ("of fewer epochs", {"epochs": 0}),
        ("of an epoch under way that is not", {"step": 5}),
        ("of less than no step", {"step": -1}),
    ):
        yield defect(
            f"resumed: {name}",
            lambda text, metadata=metadata: with_metadata(text, "run_resumed", **metadata),
            "resumed-place",
        )
    for place in ("init_start", "run_start"):
        yield defect(
            f"resumed: before {place}",
            lambda text, place=place: moved(text, "run_resumed", place),
            "resumed-place",
            "time-order",
        )
    for value in (0, -3):
        yield defect(
            f"resumed: for the {value}th time",
            lambda text, value=value: with_value(text, "run_resumed", value),
            "resumed-count",
        )
    for milliseconds in (-1, 3_600_000):
        yield defect(
            f"resumed: {milliseconds} ms lost",
            lambda text, lost=milliseconds: with_metadata(text, "run_resumed", lost_ms=lost),
            "resumed-lost",
        )


def without_evaluations(text: str) -> str:
    for _ in range(last_epoch(text) - 1):
        for key in ("eval_start", "eval_loss", "eval_accuracy", "eval_stop"):
            text = without(text, key)
    return text


def fewer_than_stated(text: str) -> str:
    require("early_stop" not in [fields.get("key") for _, fields in events_of(text)])
    return with_value(text, "epochs", last_epoch(text) + 3)
