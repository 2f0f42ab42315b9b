"""Contradictions between losses and accuracies, and between epochs that are too similar."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.support.contradictions.consistent_changes import of_method, other
from tests.support.defects.defect import Defect, defect
from tests.support.defects.general.values import counted
from tests.support.logs.log_edits import fields_of, with_metadata, with_value


def repeated_losses(text: str, *keys: str) -> str:
    """Copy the measurements of one epoch to another; neither is the best epoch."""
    first, second = other(text, 0), other(text, 1)
    for key in keys:
        source = fields_of(text, key, first)
        counts = {
            name: source["metadata"][name] for name in ("correct", "pixels") if name in source["metadata"]
        }
        text = with_metadata(with_value(text, key, source["value"], second), key, second, **counts)
    return text


def all_right(text: str) -> str:
    """Give one epoch accuracy 1 and loss 0."""
    number = other(text)
    pixels = fields_of(text, "train_accuracy", number)["metadata"]["pixels"]
    return with_value(counted(text, "train_accuracy", pixels, pixels, number), "train_loss", 0.0, number)


def bad_evaluation(text: str) -> str:
    number = other(text)
    pixels = fields_of(text, "eval_accuracy", number)["metadata"]["pixels"]
    return counted(text, "eval_accuracy", pixels // 10, pixels, number)


def losses() -> Iterator[Defect]:
    def of_epoch(name: str, plant: Callable[[str], str]) -> Defect:
        return defect(f"loss and accuracy: {name}", plant, "loss-accuracy")

    yield of_epoch("a training loss too low", lambda text: with_value(text, "train_loss", 0.01, other(text)))
    yield of_epoch("a training loss too high", lambda text: with_value(text, "train_loss", 8.5, other(text)))
    yield of_epoch("an evaluation loss too high", lambda text: with_value(text, "eval_loss", 13, other(text)))
    yield of_epoch("an evaluation too bad for its loss", bad_evaluation)
    yield of_epoch("a loss of nothing", all_right)
    yield of_epoch(
        "a method with its shared recipe",
        lambda text: with_value(of_method(text, "mscff", recipe="shared"), "train_loss", 0.01, other(text)),
    )
    yield of_epoch(
        "a method with two outputs",
        lambda text: with_value(
            of_method(text, "kappamask", recipe="shared"), "train_loss", 0.01, other(text)
        ),
    )
    yield defect(
        "epochs: one again",
        lambda text: repeated_losses(text, "train_loss", "train_accuracy", "eval_loss", "eval_accuracy"),
        "epochs-differ",
    )
    yield defect(
        "epochs: the losses of one again",
        lambda text: repeated_losses(text, "train_loss", "eval_loss"),
        "epochs-differ",
    )
