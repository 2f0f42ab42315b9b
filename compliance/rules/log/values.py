"""Rules on losses and accuracies, and on the pixels and patches from which they are computed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from compliance.registry import Problem, log_rule, problem
from compliance.subjects.columns import Events, LogEvent
from compliance.subjects.log import Log, count_of, number_of
from compliance.wording import count, show

ACCURACIES = (
    *("train_accuracy", "eval_accuracy", "scene_accuracy", "test_accuracy"),
    *("whole_scene_agreement", "baseline_accuracy"),
)
LOSSES = ("train_loss", "eval_loss")

_FROM_COUNTS = "log correct / pixels of the integer counts, unrounded"


def is_fraction(event: LogEvent) -> bool:
    """Whether a sound event's value is a possible accuracy (else accuracy-range reports it)."""
    return 0 <= number_of(event) <= 1


def has_possible_counts(event: LogEvent) -> bool:
    """Whether a sound accuracy's counts are possible (else accuracy-counts reports them)."""
    return 0 <= count_of(event, "correct") <= count_of(event, "pixels") != 0


@log_rule(
    "accuracy-range",
    clause="house",
    expected="from 0 to 1",
    remedy="log the accuracy as a fraction of pixels, not in percent",
)
def accuracy_range(log: Log) -> Iterator[Problem]:
    """An accuracy must lie between 0 and 1."""
    for key in ACCURACIES:
        events = log.sound(key)
        for event in events.where(not 0 <= value <= 1 for value in events.values):
            yield problem(f"`{key}` {show(event.value)}", event.line)


def _inexact(events: Events) -> Events:
    """Return the sound accuracies that are not the ratio of their counts."""
    counts = zip(events.values, events.facts("correct"), events.facts("pixels"), strict=True)
    return events.where(not 0 <= n <= pixels != 0 or value != n / pixels for value, n, pixels in counts)


@log_rule(
    "accuracy-counts",
    clause="house",
    expected="correct / pixels, with 0 <= correct <= pixels and pixels above 0",
    remedy=_FROM_COUNTS,
)
def accuracy_counts(log: Log) -> Iterator[Problem]:
    """An accuracy must be exactly the ratio of its own pixel counts. Averages of averages and
    accuracies of unfinished pipelines (the reference reports half the true value) fail this."""
    for event in chain.from_iterable(_inexact(log.sound(key)) for key in ACCURACIES):
        correct, pixels = count_of(event, "correct"), count_of(event, "pixels")
        if not has_possible_counts(event):
            yield problem(f"`{event.key}` with {correct} correct of {pixels} pixels", event.line)
        elif is_fraction(event):
            expected = f"{correct} / {pixels} = {correct / pixels!r}"
            yield problem(f"`{event.key}` {show(event.value)}", event.line, expected)


@log_rule(
    "loss-range",
    clause="house",
    expected="at least 0",
    remedy="log the mean binary cross-entropy",
)
def loss_range(log: Log) -> Iterator[Problem]:
    """A loss must not be negative: binary cross-entropy never is."""
    for key in LOSSES:
        events = log.sound(key)
        for event in events.where(value < 0 for value in events.values):
            yield problem(f"`{key}` {show(event.value)}", event.line)


@log_rule(
    "train-pixels",
    clause="house",
    expected="whole patches: all of train_samples but the last, incomplete batch",
    remedy="count every pixel of every training step once",
)
def train_pixels(log: Log) -> Iterator[Problem]:
    """The training accuracy must be that of an epoch's patches. Its pixels are whole patches, without
    the margin that training leaves out: as many as train_samples minus those that do not fill a batch, or
    all of them for a method that is fitted once."""
    patch, samples = log.integer("patch_size"), log.integer("train_samples")
    batch = log.integer("global_batch_size")
    if not patch or not samples or not batch or min(patch, samples, batch) < 1:
        return
    size = patch - 2 * (log.integer("training_margin") or 0)
    if size < 1:
        return  # training-margin reports it
    by_steps = (log.text("method_kind") or "network") == "network"
    trained = samples - samples % batch if by_steps else samples
    area, events = size * size, log.sound("train_accuracy")
    for event in filter(
        has_possible_counts, events.where(n != trained * area for n in events.facts("pixels"))
    ):
        patches, rest = divmod(count_of(event, "pixels"), area)
        found = f"{count_of(event, 'pixels')} pixels: {patches} patches and {rest} pixels"
        yield problem(found, event.line, f"{trained} patches of {size} x {size} pixels")


@log_rule(
    "eval-pixels",
    clause="house",
    expected="eval_samples x patch_size x patch_size pixels",
    remedy="evaluate every validation patch once, the last batch too",
)
def eval_pixels(log: Log) -> Iterator[Problem]:
    """Every evaluation must cover every validation patch exactly once."""
    patch, samples = log.integer("patch_size"), log.integer("eval_samples")
    if patch is None or samples is None or min(patch, samples) < 1:
        return
    true, events = samples * patch * patch, log.sound("eval_accuracy")
    for event in filter(has_possible_counts, events.where(n != true for n in events.facts("pixels"))):
        expected = f"{samples} x {patch} x {patch} = {true} pixels"
        yield problem(f"{count_of(event, 'pixels')} pixels", event.line, expected)


@log_rule(
    "staged-patches",
    clause="P-staging, P-preparation",
    expected="at least train_samples + eval_samples patches",
    remedy="stage all patches that are trained and evaluated on, within the run",
)
def staged_patches(log: Log) -> Iterator[Problem]:
    """Staging must have written, or checked, at least the patches that are used. Fewer would mean that
    input was prepared outside it. Its scenes include those that were staged before."""
    event, train, validation = (
        log.one("staging_stop"),
        log.integer("train_samples"),
        log.integer("eval_samples"),
    )
    if event is None or train is None or validation is None:
        return
    staged = count_of(event, "patches")
    if staged < train + validation:
        yield problem(count(staged, "patch", "patches"), event.line, f"at least {train} + {validation}")
    reused, scenes = count_of(event, "reused"), count_of(event, "scenes")
    if not 0 <= reused <= scenes:
        yield problem(f"reused {reused} of {count(scenes, 'scene')}", event.line, f"from 0 to {scenes}")
