"""Contradictions inside a log: each planted in a good log so that everything else in it agrees.

Unlike a defect (tests/support/defects) none may break another rule than its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import accumulate

from benchmark.record.events import BASELINES, POINT
from compliance.subjects.result_fields import COUNTS, ratios
from tests.support.defects.defect import Defect, defect
from tests.support.defects.general_method import added, stated
from tests.support.defects.general_values import counted
from tests.support.log_edits import (
    Fields,
    before,
    best_epoch,
    each_event,
    edit,
    events_of,
    fields_of,
    last_epoch,
    place_of,
    require,
    retimed,
    row_of,
    value_of,
    with_metadata,
    with_result,
    with_value,
    without_all,
)

HOUR_MS = 3_600_000


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ---- what is not in every good log


def with_masks(text: str) -> str:
    """The text with the digest of every scene's mask."""

    def change(_: int, fields: Fields) -> None:
        if fields.get("key") == "scene_accuracy":
            fields["metadata"]["mask_sha256"] = digest(fields["metadata"]["scene"])

    return each_event(text, change)


def with_field(text: str, name: str, value: object) -> str:
    """The text with another field of its result, or one more."""
    return edit(text, "result", lambda fields: fields["value"].update({name: value}))


def of_method(text: str, source: str, **options: object) -> str:
    """The text of a run of another network, which states its options."""
    text = with_value(with_facts(text), "method_source", f"benchmark.methods.{source}")
    return with_value(with_value(text, "method", source), "method_options", options)


def with_facts(text: str) -> str:
    """The text with what a log states of its method, where it does not."""
    return text if "method" in keys_of(text) else stated(text)


def in_experiment(text: str, seeds: str | None = None, sha256: str | None = None, name: str = "five") -> str:
    """The text of a run that belongs to an experiment."""
    seeds = f"{value_of(text, 'seed')} 101 102" if seeds is None else seeds
    text = without_all(text, "experiment")
    return added(text, "config_digest", "experiment", name, seeds=seeds, sha256=sha256 or digest(name))


# ---- changes that leave the rest as it should be


def other(text: str, which: int = 0) -> int:
    """The number, from 0, of an epoch that is not the best."""
    return [n for n in range(last_epoch(text)) if n + 1 != best_epoch(text)][which]


def later(text: str, key: str, milliseconds: int, number: int = 0) -> str:
    """The text with an event and all after it later, and a result that says so of the whole run."""
    begin = [place for place, _ in events_of(text)].index(place_of(text, key, number))
    text = retimed(text, lambda n, time: time + milliseconds * (n >= begin))
    if key in ("init_stop", "run_start", "run_stop"):
        return text
    return with_result(text, "timing.total_seconds", lambda seconds: seconds + milliseconds / 1000)


def longer(text: str, interval: str, milliseconds: int, number: int) -> str:
    """The text with a longer epoch or evaluation, and a result that says so."""
    name = {"epoch": "training", "eval": "evaluation"}[interval]
    text = later(text, f"{interval}_stop", milliseconds, number)
    return with_result(text, f"timing.{name}_seconds", lambda seconds: seconds + milliseconds / 1000)


def rescored(text: str, reference: str, part: str, *change: int) -> str:
    """The text with so many more hits, false alarms, misses and correct negatives in a set of scores."""

    def replace(score: Fields) -> Fields:
        counts = [score[name] + more for name, more in zip(COUNTS, change, strict=True)]
        return dict(zip(COUNTS, counts, strict=True)) | ratios(*counts)

    return with_result(text, f"scores.{reference}.{part}", replace)


def keys_of(text: str) -> list[str]:
    return [fields["key"] for _, fields in events_of(text)]


# ---- losses and accuracies


def repeated_losses(text: str, *keys: str) -> str:
    """The text with what was measured in an epoch again in another; neither is the best."""
    first, second = other(text, 0), other(text, 1)
    for key in keys:
        source = fields_of(text, key, first)
        counts = {
            name: source["metadata"][name] for name in ("correct", "pixels") if name in source["metadata"]
        }
        text = with_metadata(with_value(text, key, source["value"], second), key, second, **counts)
    return text


def all_right(text: str) -> str:
    """The text with an epoch in which every pixel is right and none costs anything."""
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


# ---- digests


def digests() -> Iterator[Defect]:
    for name, value in {
        "zeros": "0" * 64,
        "two digits again and again": "ab" * 32,
        "all digits in order": "0123456789abcdef" * 4,
        "of no bytes": digest(""),
    }.items():
        for field, plant in {
            "weights_sha256": lambda text, value=value: with_field(text, "weights_sha256", value),
            "config_digest": lambda text, value=value: with_value(text, "config_digest", value),
        }.items():
            yield defect(f"digest: {field} {name}", plant, "digest-plausible")
    for field, plant in {
        "method_sha256": lambda text: with_value(with_facts(text), "method_sha256", "f" * 64),
        "commit": lambda text: with_value(text, "submission_github_commit_version", "0" * 40),
        "mask_sha256": lambda text: with_metadata(with_masks(text), "scene_accuracy", mask_sha256="0" * 64),
        "experiment's sha256": lambda text: in_experiment(text, sha256="1" * 64),
    }.items():
        yield defect(f"digest: {field} of one digit", plant, "digest-plausible")
    yield defect(
        "masks: one without a digest",
        lambda text: edit(
            with_masks(text), "scene_accuracy", lambda fields: fields["metadata"].pop("mask_sha256")
        ),
        "mask-digest",
    )
    for name, value in {"short": digest("x")[:63], "in capitals": digest("x").upper(), "a number": 7}.items():
        yield defect(
            f"masks: a digest that is {name}",
            lambda text, value=value: with_metadata(with_masks(text), "scene_accuracy", mask_sha256=value),
            "mask-digest",
        )
    yield defect("masks: of another scene", mask_of_another, "mask-own")


def mask_of_another(text: str) -> str:
    text = with_masks(text)
    first = fields_of(text, "scene_accuracy")["metadata"]["mask_sha256"]
    return with_metadata(text, "scene_accuracy", 1, mask_sha256=first)


# ---- scenes and patches


def moved_pixels(text: str) -> str:
    """The text with pixels of a scene counted as those of another, right ones."""
    for number, more in ((0, -1000), (1, 1000)):
        metadata = fields_of(text, "scene_accuracy", number)["metadata"]
        counts = metadata["correct"] + more, metadata["pixels"] + more
        text = counted(text, "scene_accuracy", *counts, number)
    return text


def unused_scene(text: str) -> str:
    """The text of a run that staged a scene more than it used, and says that it trained on it."""
    staged = fields_of(text, "staging_stop")["metadata"]
    scenes, each = staged["scenes"], staged["patches"] // staged["scenes"]
    text = with_metadata(text, "staging_stop", scenes=scenes + 1, patches=staged["patches"] + each)
    return with_result(text, "data.training_scenes", lambda number: number + 1)


def other_parts(text: str) -> str:
    """The text of a result with a scene less to train on, and one more to validate on."""
    require("skipped_scene" in keys_of(text))  # which leaves the split room
    text = with_result(text, "data.training_scenes", lambda number: number - 1)
    return with_result(text, "data.validation_scenes", lambda number: number + 1)


def skipped(text: str, name: str, split: str = "training") -> str:
    """The text with one more skipped scene, of which its result knows."""
    event = fields_of(text, "staging_stop") | {"event_type": POINT, "key": "skipped_scene", "value": name}
    source = {key: event["metadata"][key] for key in ("file", "lineno")}
    event["metadata"] = {**source, "split": split, "reason": "bayes is missing"}
    text = before(text, "staging_stop", row_of(event))
    return with_result(text, "data.skipped_scenes", lambda names: [*names, name])


def scored_and_skipped(text: str) -> str:
    return skipped(text, fields_of(text, "scene_accuracy")["metadata"]["scene"] + ".hdf")


def counts() -> Iterator[Defect]:
    yield defect("scenes: pixels of another", moved_pixels, "scene-pixels")
    yield defect(
        "scenes: a patch more of one",
        lambda text: with_metadata(
            text, "staging_stop", patches=fields_of(text, "staging_stop")["metadata"]["patches"] + 1
        ),
        "scene-patches",
    )
    yield defect("scenes: one staged and not used", unused_scene, "scene-patches")
    yield defect("scenes: other ones trained on", other_parts, "scene-patches")
    yield defect("skipped: and scored", scored_and_skipped, "skipped-scenes")
    yield defect("skipped: of no split", lambda text: skipped(text, "S3A_none.hdf", "test"), "skipped-scenes")
    yield defect(
        "skipped: twice, as the result says",
        lambda text: skipped(skipped(text, "S3A_none.hdf"), "S3A_none"),
        "skipped-scenes",
    )


# ---- masks and labels


def other_truth(text: str) -> str:
    """The text with more hits against truth, in every part, where misses were."""
    for part in ("all", "day", "without_borders"):
        text = rescored(text, "truth", part, 1000, 0, -1000, 0)
    return text


def other_majority(text: str) -> str:
    metadata = fields_of(text, "baseline_accuracy")["metadata"]
    require(metadata["baseline"] == BASELINES[0])
    right, pixels = metadata["correct"] + 1000, metadata["pixels"]
    text = counted(text, "baseline_accuracy", right, pixels)
    return with_result(text, f"baselines.{BASELINES[0]}", lambda _: right / pixels)


def without_truth(text: str) -> str:
    require("truth" not in value_of(text, "result")["scores"])
    return text


def all_but_borders(text: str) -> str:
    """The text with a hit more without borders than in all."""
    scores = value_of(without_truth(text), "result")["scores"]["bayes"]
    more = scores["all"]["true_positive"] + 1 - scores["without_borders"]["true_positive"]
    return rescored(text, "bayes", "without_borders", more, 0, 0, -more)


def agreeing(text: str, **metadata: object) -> str:
    """The text with other metadata of whole scenes, and the agreement that they give."""
    text = with_metadata(text, "whole_scene_agreement", **metadata)
    counts = fields_of(text, "whole_scene_agreement")["metadata"]
    return with_value(text, "whole_scene_agreement", counts["correct"] / counts["pixels"])


def masks() -> Iterator[Defect]:
    yield defect("masks: others against truth", other_truth, "masks-agree")
    yield defect(
        "masks: others against truth without borders",
        lambda text: rescored(text, "truth", "without_borders", 0, 1000, 0, -1000),
        "masks-agree",
    )
    yield defect(
        "parts: more hits by day",
        lambda text: rescored(without_truth(text), "bayes", "day", 1000, 0, 0, -1000),
        "parts-agree",
    )
    yield defect(
        "parts: more hits by day against truth",
        lambda text: rescored(text, "truth", "day", 500, -500, 0, 0),
        "parts-agree",
    )
    yield defect("parts: more hits without borders", all_but_borders, "parts-agree")
    yield defect("labels: of another majority", other_majority, "labels-agree")
    for name, change in {
        "the masks, but for the label": {"correct": 3_600_000},
        "the masks in a pixel more": {"correct": 3_528_001},
        "the label in a part of a pixel": {"accuracy": 0.91250001},
        "the label more than the masks allow": {"accuracy": 0.99},
    }.items():
        yield defect(
            f"whole scenes: as {name}",
            lambda text, change=change: agreeing(text, **change),
            "whole-scenes-agree",
        )


# ---- time


def unexplained(text: str, key: str, number: int) -> str:
    """The text with an hour before an event, where the run was not resumed."""
    keys = keys_of(text)
    require(
        keys[[place for place, _ in events_of(text)].index(place_of(text, key, number)) - 1] != "run_resumed"
    )
    return later(text, key, HOUR_MS, number)


def uneven(text: str, milliseconds: int) -> str:
    require(last_epoch(text) > 2)
    return longer(text, "epoch", milliseconds, 1)


def short_epoch(text: str) -> str:
    """The text with an epoch of a second among longer ones."""
    begin, stop = (fields_of(text, key, 1)["time_ms"] for key in ("epoch_start", "epoch_stop"))
    require(stop - begin > 10_000)
    return compressed(text, begin, stop, 1000)


def compressed(text: str, begin: int, stop: int, length: int) -> str:
    """The text with the events between two times within so many milliseconds from the first."""
    lost = stop - begin - length

    def clock(_: int, time: int) -> int:
        if time <= begin:
            return time
        return begin + (time - begin) * length // (stop - begin) if time < stop else time - lost

    text = retimed(text, clock)
    for name in ("training_seconds", "total_seconds"):
        text = with_result(text, f"timing.{name}", lambda seconds: seconds - lost / 1000)
    return text


def without_staging(text: str) -> str:
    """The text with a staging of half a second that the whole run leaves out."""
    require("skipped_scene" not in keys_of(text))
    length = fields_of(text, "staging_stop")["time_ms"] - fields_of(text, "staging_start")["time_ms"]
    text = later(text, "staging_stop", 500 - length)
    text = with_result(text, "timing.staging_seconds", lambda _: 0.5)
    return with_result(text, "timing.total_seconds", lambda seconds: seconds - 0.5)


def slow_evaluations(text: str) -> str:
    for number in range(last_epoch(text)):
        text = longer(text, "eval", 60_000, number)
    return text


def times() -> Iterator[Defect]:
    for name, milliseconds in {"three hours": 3 * HOUR_MS, "two minutes": 120_000}.items():
        yield defect(
            f"clock: {name} before it starts",
            lambda text, milliseconds=milliseconds: later(text, "run_start", milliseconds),
            "clock-start",
        )
    for key, number in (("epoch_start", 0), ("eval_start", 1), ("epoch_start", 1), ("inference_start", 0)):
        yield defect(
            f"clock: an hour before {key} {number}",
            lambda text, key=key, number=number: unexplained(text, key, number),
            "clock-idle",
        )
    yield defect(
        "clock: an hour before it stops", lambda text: later(text, "run_stop", HOUR_MS), "clock-idle"
    )
    yield defect("clock: an hour in an epoch", lambda text: uneven(text, HOUR_MS), "epochs-even")
    yield defect(
        "clock: an hour in an evaluation", lambda text: longer(text, "eval", HOUR_MS, 1), "epochs-even"
    )
    yield defect("clock: an epoch of a second", short_epoch, "epochs-even")
    yield defect("timing: all but a short staging", without_staging, "result-timing")
    yield defect(
        "timing: scenes of three times their share",
        lambda text: with_result(
            text,
            "timing.seconds_per_scene",
            lambda _: (
                3 * value_of(text, "result")["timing"]["inference_seconds"] / value_of(text, "test_samples")
            ),
        ),
        "result-timing",
    )


# ---- rates and schedules


def sped_up(text: str, factor: int) -> str:
    """The text with everything from the first epoch on so many times as fast, and a result that says so.

    Every interval lasts a millisecond more, so that none has no length.
    """
    begin = fields_of(text, "epoch_start")["time_ms"]
    stops = [*accumulate(fields["key"].endswith("_stop") for _, fields in events_of(text))]
    text = retimed(
        text, lambda n, time: begin + (time - begin) // factor + stops[n] if time > begin else time
    )
    for interval, name in (("epoch", "training"), ("eval", "evaluation"), ("inference", "inference")):
        ends = {f"{interval}_start": -1, f"{interval}_stop": 1}
        length = sum(ends.get(fields["key"], 0) * fields["time_ms"] for _, fields in events_of(text))
        text = with_result(text, f"timing.{name}_seconds", lambda _, length=length: length / 1000)
    whole = fields_of(text, "result")["time_ms"] - fields_of(text, "run_start")["time_ms"]
    text = with_result(text, "timing.total_seconds", lambda _: whole / 1000)
    return with_result(text, "timing.seconds_per_scene", lambda _: 0.0)


def on_an_old_node(text: str, factor: int) -> str:
    """The text of a run in float32 without accelerators, so many times as fast."""
    require(value_of(text, "accelerators_per_node") == 0)
    text = with_result(with_value(text, "precision", "float32"), "precision", lambda _: "float32")
    return sped_up(text, factor)


def large(text: str, operations: int) -> str:
    """The text of a run of another network that computes more."""
    return with_field(of_method(text, "rsnet", recipe="published"), "operations", operations)


def rates() -> Iterator[Defect]:
    yield defect("rate: a thousand times as fast", lambda text: on_an_old_node(text, 2000), "rate-possible")
    yield defect("rate: of a network too large", lambda text: large(text, 10**15), "rate-possible")
    yield defect(
        "rate: of scenes alone",
        lambda text: with_result(text, "timing.seconds_per_scene", lambda _: 1e-6),
        "rate-possible",
    )
    yield defect("rate: of evaluations alone", slow_evaluations, "rates-agree")
    yield defect(
        "reference: other weights", lambda text: with_field(text, "parameters", 1_000_000), "reference-size"
    )
    yield defect(
        "reference: fewer operations", lambda text: with_field(text, "operations", 10**9), "reference-size"
    )
    yield defect("schedule: only warm-up", only_warmup, "warmup-possible")


def only_warmup(text: str) -> str:
    steps = value_of(text, "train_samples") // value_of(text, "global_batch_size") * value_of(text, "epochs")
    return with_value(text, "opt_learning_rate_warmup_steps", 2 * steps + 1)


# ---- experiments


def experiments() -> Iterator[Defect]:
    for name, stated_seeds in {
        "without the run's": "201 202 203",
        "with one twice": "1 7 7 1",
        "in words": "one two",
        "of none": "",
        "with commas": "1,7",
    }.items():
        yield defect(
            f"experiment: seeds {name}",
            lambda text, seeds=stated_seeds: in_experiment(text, seeds),
            "experiment-seeds",
        )
    yield defect(
        "experiment: a short digest", lambda text: in_experiment(text, sha256="1f40fc92"), "experiment-seeds"
    )
    yield defect("experiment: blank", lambda text: in_experiment(text, name=" "), "experiment-seeds")


def contradictions() -> Iterator[Defect]:
    """All of them."""
    for group in (losses, digests, counts, masks, times, rates, experiments):
        yield from group()
