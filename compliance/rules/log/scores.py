"""Rules on the score: its scenes, its baselines, its target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from benchmark.core.files import names_digest
from benchmark.record.events import BASELINES, OBSERVED_NAME, OBSERVED_TEST_NAMES, OBSERVED_TEST_SCENES
from compliance.registry import Problem, log_rule, problem
from compliance.rules.log.values import has_possible_counts, is_fraction
from compliance.subjects.log import Log, count_of, number_of
from compliance.wording import count, excerpt, listing, show

PERIODS = ("day", "night")


@log_rule(
    "scene-count",
    clause="P-test-data, P-same-fashion, T-open-eval-data",
    expected="a scene_accuracy for each of test_samples scenes, and the same number at test_accuracy",
    remedy="score every inference scene, and log each",
)
def scene_count(log: Log) -> Iterator[Problem]:
    """Every inference scene must be scored. There are as many scene accuracies as test_samples and the
    score's metadata say."""
    score, samples = log.first("test_accuracy"), log.one("test_samples")
    logged = len(log.all("scene_accuracy"))
    if score is None or not logged:
        return
    if samples and samples.value != logged and samples.value != 0:
        yield problem(f"test_samples {samples.value}, but {count(logged, 'scene')}", samples.line)
    stated = score.metadata.get("scenes")
    if type(stated) is int and stated != logged:
        yield problem(f"test_accuracy of {show(stated)} scenes, but {count(logged, 'scene')}", score.line)


@log_rule(
    "scene-unique",
    clause="P-test-data, P-same-fashion",
    expected="every scene once",
    remedy="remove copies and links from the folder of inference scenes",
)
def scene_unique(log: Log) -> Iterator[Problem]:
    """No inference scene may be scored twice."""
    seen: dict[str, int] = {}
    for event in log.sound("scene_accuracy"):
        stated = event.metadata["scene"]
        name = str(stated).removesuffix(".hdf")
        if name in seen:
            yield problem(f"{show(stated)} again; first on line {seen[name]}", event.line)
        seen.setdefault(name, event.line)


@log_rule(
    "scene-period",
    clause="house",
    expected=listing(PERIODS, last="or"),
    remedy="log the period that the scene's name or reflectances say",
)
def scene_period(log: Log) -> Iterator[Problem]:
    """Every inference scene must be of day or night, so that both can be scored apart."""
    for event in log.sound("scene_accuracy"):
        if event.metadata["period"] not in PERIODS:
            yield problem(f"period {show(event.metadata['period'])}", event.line)


@log_rule(
    "scene-totals",
    clause="house",
    expected="the sums over the scenes",
    remedy="sum the scenes' counts for the score",
)
def scene_totals(log: Log) -> Iterator[Problem]:
    """The score's counts must be the sums of the scenes' counts."""
    score, scenes = log.one("test_accuracy"), log.sound("scene_accuracy")
    if score is None or not scenes or len(scenes) != len(log.all("scene_accuracy")):
        return
    if len(scenes) != count_of(score, "scenes") or not all(map(has_possible_counts, [score, *scenes])):
        return  # scene-count or accuracy-counts reports it
    for name in ("correct", "pixels"):
        total = sum(count_of(scene, name) for scene in scenes)
        if count_of(score, name) != total:
            expected = f"{total}, the sum over {count(len(scenes), 'scene')}"
            yield problem(f"{name} {count_of(score, name)}", score.line, expected)


@log_rule(
    "test-set",
    clause="P-test-data, P-same-fashion, T-open-eval-data",
    expected=f"all {OBSERVED_TEST_SCENES} inference scenes of the benchmark's dataset",
    remedy="fetch the missing scenes with `python -m benchmark.download`, and score all; test data is fixed",
)
def test_set(log: Log) -> Iterator[Problem]:
    """A run on observed scenes must be scored on the benchmark's inference scenes, all of them. The test data
    is fixed: the number of scenes and the form of their names, none left out, and if their list is known,
    its digest."""
    samples = log.one("test_samples")
    if log.text("data_kind") != "slstr" or samples is None:
        return
    if samples.value != OBSERVED_TEST_SCENES:
        yield problem(f"{show(samples.value)} inference scenes", samples.line, f"{OBSERVED_TEST_SCENES}")
    for event in log.sound("skipped_scene"):
        if event.metadata["split"] == "inference":
            found = f"{show(event.value)} left out: {show(event.metadata['reason'])}"
            yield problem(found, event.line, "every inference scene, repaired or fetched again")
    scenes = log.sound("scene_accuracy")
    names = [str(name).removesuffix(".hdf") for name in scenes.facts("scene")]
    for line, name in zip((event.line for event in scenes), names, strict=True):
        if not re.fullmatch(OBSERVED_NAME, name, re.ASCII):
            yield problem(f"a scene {excerpt(name)}", line, "the name of a product, S3A_SL_1_RBT____...")
    digest = names_digest(names)
    if OBSERVED_TEST_NAMES and len(names) == OBSERVED_TEST_SCENES and digest != OBSERVED_TEST_NAMES:
        found = f"{OBSERVED_TEST_SCENES} scenes whose names have sha256 {digest}"
        yield problem(found, scenes[0].line, OBSERVED_TEST_NAMES)


@log_rule(
    "baseline-set",
    clause="house",
    expected=f"{listing(BASELINES)}, each once",
    remedy="score the three baselines on the inference scenes",
)
def baseline_set(log: Log) -> Iterator[Problem]:
    """The scores of the three baselines must be logged next to the score. On the real inference scenes a
    constant 'cloud' scores about 0.81, and some published results look exactly like that."""
    if log.text("method_kind") == "masks" or (not log.all("baselines_stop") and not log.completed):
        return
    events = log.all("baseline_accuracy")
    names = [event.metadata.get("baseline") for event in events]
    if not all(isinstance(name, str) for name in names):
        return  # metadata-missing or metadata-type reports it
    times = Counter(map(str, names))
    wrong = [f"{times[name] or 'no'} `{name}`" for name in BASELINES if times[name] != 1]
    wrong += [f"unknown {excerpt(name)}" for name in times if name not in BASELINES]
    if wrong:
        yield problem(listing(wrong), events[-1].line if events else None)


@log_rule(
    "baseline-pixels",
    clause="house",
    expected="the pixels of test_accuracy",
    remedy="score baselines on exactly the pixels that the model is scored on",
)
def baseline_pixels(log: Log) -> Iterator[Problem]:
    """Baselines must be scored on the same pixels as the model."""
    score = log.one("test_accuracy")
    for event in filter(has_possible_counts, log.sound("baseline_accuracy")):
        if score and has_possible_counts(score) and count_of(event, "pixels") != count_of(score, "pixels"):
            found = f"{show(event.metadata['baseline'])} on {count_of(event, 'pixels')} pixels"
            yield problem(found, event.line, f"{count_of(score, 'pixels')} pixels")


@log_rule(
    "whole-scene-pixels",
    clause="house",
    expected="the pixels of test_accuracy, an accuracy from 0 to 1, and a time above 0",
    remedy="compare whole scenes with the scored masks, all of them: inference.whole_scenes does it",
)
def whole_scene_pixels(log: Log) -> Iterator[Problem]:
    """Scenes predicted in one piece must be compared on all the pixels that are scored. Their agreement
    is reported next to the score, never instead of it."""
    score, event = log.one("test_accuracy"), log.one("whole_scene_agreement")
    if event is None:
        return
    if score and has_possible_counts(score) and has_possible_counts(event):  # else other rules report it
        true = count_of(score, "pixels")
        if count_of(event, "pixels") != true:
            yield problem(f"{count_of(event, 'pixels')} pixels", event.line, f"{true} pixels")
    accuracy, seconds = event.metadata["accuracy"], event.metadata["seconds"]
    assert isinstance(accuracy, int | float)
    assert isinstance(seconds, int | float)
    if not 0 <= accuracy <= 1:
        yield problem(f"accuracy {show(accuracy)}", event.line, "from 0 to 1")
    if not seconds > 0:
        yield problem(f"seconds {show(seconds)}", event.line, "above 0")


@log_rule(
    "baselines-beaten",
    severity="warning",
    clause="house",
    expected="a score above every baseline's",
    remedy="look at the masks: a model that does not beat them may have learnt a constant",
)
def baselines_beaten(log: Log) -> Iterator[Problem]:
    """A model should beat its baselines. One that does not has learnt no more than the share of cloud
    or a threshold, however high its accuracy."""
    score = log.one("test_accuracy")
    better = [
        f"{show(event.metadata['baseline'])} {show(event.value)}"
        for event in filter(is_fraction, log.sound("baseline_accuracy"))
        if score and is_fraction(score) and number_of(event) >= number_of(score)
    ]
    if score and better:
        yield problem(f"{show(score.value)}, not above {listing(better)}", score.line)


@log_rule(
    "target-reached",
    severity="warning",
    clause="P-target, T-quality",
    expected="a test accuracy of at least the quality target",
    remedy="train longer or better; the open division accepts the run, marked as below the target",
)
def target_reached(log: Log) -> Iterator[Problem]:
    """The score should reach the quality target."""
    score, target = log.one("test_accuracy"), log.number("quality_target")
    if score and target is not None and is_fraction(score) and number_of(score) < target <= 1:
        yield problem(f"{show(score.value)}, below {show(target)}", score.line)
