"""Rules on losses together with accuracies: what the definition of the cross-entropy allows."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compliance.registry import Problem, log_rule, problem
from compliance.subjects.columns import Events
from compliance.subjects.log import Log, count_of
from compliance.subjects.result_fields import lookup
from compliance.subjects.timeline import series
from compliance.wording import show

#: Keras, and with it every method here, clips probabilities like this in its binary cross-entropy.
CLIP = 1e-7
#: The least and the most that a pixel costs, and the cost where the two classes meet: a right pixel costs
#: no more than that, a wrong one no less.
LEAST, MOST, EVEN = -math.log1p(-CLIP), -math.log(CLIP), math.log(2)
#: Methods compute a pixel's probability and cost in float32 for any precision of their layers, and sum a
#: batch of a few million pixels in float32, by trees: off by less than a thousandth. Allow ten times that.
ROUNDING = 0.01

#: The share of the logged loss that is the cross-entropy of the probability of cloud, by method and recipe;
#: the rest is that of another output. Other methods have other losses (a user's file, Dice, squared error).
CROSS_ENTROPY = {
    "benchmark.methods.wieland": {"shared": 1.0},
    "benchmark.methods.rsnet": {"shared": 1.0, "published": 1.0},
    "benchmark.methods.mffsnet": {"shared": 1.0, "published": 1.0},
    "benchmark.methods.mscff": {"shared": 1.0},
    "benchmark.methods.kappamask": {"shared": 0.5},
}
REFERENCE = "benchmark.methods.unet"


def is_reference(log: Log) -> bool:
    """Whether a log is from the reference U-Net, which older logs do not name."""
    return log.text("method_source") == REFERENCE or not log.all("method")


def cross_entropy_share(log: Log) -> float:
    """Return the share of the logged loss that is the cross-entropy of cloud; 0 if it is unknown."""
    if is_reference(log) or log.text("method_kind") == "fitted":
        return 1.0  # the harness measures fitted methods
    recipe = lookup(log.value("method_options"), "recipe")
    return CROSS_ENTROPY.get(log.text("method_source") or "", {}).get(str(recipe), 0.0)


def bounds(accuracy: float, share: float = 1.0) -> tuple[float, float]:
    """Return the least and the most loss with an accuracy if this share of it is a cross-entropy."""
    wrong = 1 - accuracy
    least = share * (wrong * EVEN + accuracy * LEAST)
    most = share * (wrong * MOST + accuracy * EVEN) + (1 - share) * MOST
    return least * (1 - ROUNDING), most * (1 + ROUNDING)


def _impossible(losses: Events, accuracies: Events, share: float) -> Iterator[int]:
    """Yield the epochs, from 0, whose loss and accuracy cannot come from the same pixels."""
    counts = zip(losses.values, accuracies.facts("correct"), accuracies.facts("pixels"), strict=True)
    for epoch, (loss, correct, pixels) in enumerate(counts):
        if loss >= 0 and 0 <= correct <= pixels != 0:  # else other rules report it
            least, most = bounds(correct / pixels, share)
            if not least <= loss <= most:
                yield epoch


@log_rule(
    "loss-accuracy",
    clause="house",
    expected="a loss that the accuracy allows: each wrong pixel costs at least ln 2, each right one at most",
    remedy="log loss and accuracy of the same pixels, as they were computed",
)
def loss_accuracy(log: Log) -> Iterator[Problem]:
    """A cross-entropy must be one that its accuracy allows. A pixel is wrong if its class has a
    probability of one half or less, so it costs from ln 2 to -ln(1e-7), where probabilities are clipped;
    a right one costs at most ln 2. The rule allows one per cent for rounding, and skips methods with other
    losses."""
    share = cross_entropy_share(log)
    if not share:
        return
    for part in ("train", "eval"):
        losses, accuracies = series(log, f"{part}_loss"), series(log, f"{part}_accuracy")
        if len(losses) != len(accuracies):
            continue
        for epoch in _impossible(losses, accuracies, share):
            event, of_pixels = losses[epoch], accuracies[epoch]
            least, most = bounds(count_of(of_pixels, "correct") / count_of(of_pixels, "pixels"), share)
            found = f"`{event.key}` {show(event.value)} with accuracy {show(of_pixels.value)}"
            yield problem(found, event.line, f"from {least:.6g} to {most:.6g}")


@log_rule(
    "epochs-differ",
    clause="house",
    expected="other losses in every epoch",
    remedy="log each epoch as it was measured; find out why the weights did not change",
)
def epochs_differ(log: Log) -> Iterator[Problem]:
    """No two epochs may have the same losses to the last bit. The weights change with every step, and a
    loss is the mean of a few million numbers; a repeated pair shows a copied epoch."""
    train, evaluation = series(log, "train_loss"), series(log, "eval_loss")
    pairs = list(zip(train.values, evaluation.values, strict=False))
    if len(set(pairs)) == len(pairs):
        return
    first: dict[tuple[float, float], int] = {}
    for epoch, pair in enumerate(pairs, start=1):
        if pair in first:
            found = f"epoch {epoch}: the losses of epoch {first[pair]}"
            yield problem(found, evaluation[epoch - 1].line)
        first.setdefault(pair, epoch)
