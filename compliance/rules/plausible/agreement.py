"""Rules on scores that cannot come from the same masks and the same labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compliance.registry import Problem, log_rule, problem
from compliance.rules.log.values import has_possible_counts
from compliance.subjects.log import Log, count_of
from compliance.subjects.result_fields import COUNTS, SOMETIMES, confusion, results, score_sets
from compliance.wording import show

#: Name of a set of scores -> its hits, false alarms, misses and correct negatives.
Counts = Mapping[str, tuple[int, int, int, int]]


def _counts(value: dict[str, object]) -> Counts:
    return {name: confusion(score) for name, score in score_sets(value)}


@log_rule(
    "masks-agree",
    clause="P-same-fashion",
    expected="as many pixels called cloud, whatever the masks are compared with",
    remedy="score all references on the same masks",
)
def masks_agree(log: Log) -> Iterator[Problem]:
    """All scores of a part must be of the same masks. A mask calls as many pixels cloud against truth as
    against bayes: the hits and the false alarms add up to the same number."""
    for event, value in results(log):
        counts = _counts(value)
        for name, (hits, alarms, misses, negatives) in counts.items():
            reference = counts.get(f"scores.bayes.{name.rpartition('.')[2]}")
            if reference is None or sum(reference) != hits + alarms + misses + negatives:
                continue  # result-references
            if hits + alarms != reference[0] + reference[1]:
                expected = f"{reference[0] + reference[1]}, as against bayes"
                yield problem(f"`{name}`: {hits + alarms} pixels called cloud", event.line, expected)


@log_rule(
    "parts-agree",
    clause="P-same-fashion",
    expected="day and night that add up to all, and no more of any count without borders",
    remedy="count each pixel once, in every part that it belongs to",
)
def parts_agree(log: Log) -> Iterator[Problem]:
    """The parts of the pixels must agree in each of the four counts. Day and night add up to all, and
    the part without borders has no more hits, false alarms, misses or correct negatives than all."""
    for event, value in results(log):
        counts = _counts(value)
        for reference in dict.fromkeys(name.rpartition(".")[0] for name in counts):
            whole, inside = counts.get(f"{reference}.all"), counts.get(f"{reference}.without_borders")
            parts = [counts[f"{reference}.{part}"] for part in SOMETIMES if f"{reference}.{part}" in counts]
            if whole is None:
                continue
            summed = [sum(numbers) for numbers in zip(*parts, strict=True)]
            # the same numbers of pixels and of correct ones: else result-pixels reports it
            is_alike = parts and sum(summed) == sum(whole)
            is_right = reference != "scores.bayes" or (parts and summed[0] + summed[3] == whole[0] + whole[3])
            if is_alike and is_right and summed != [*whole]:
                name, found, true = next(
                    each for each in zip(COUNTS, summed, whole, strict=True) if each[1] != each[2]
                )
                yield problem(f"`{reference}`: {name} {found} by day and night", event.line, f"{true} in all")
            if inside and sum(inside) <= sum(whole):  # else result-references
                for name, part, most in zip(COUNTS, inside, whole, strict=True):
                    if part > most:
                        found = f"`{reference}.without_borders.{name}` {part}"
                        yield problem(found, event.line, f"at most {most}, as in all")


@log_rule(
    "labels-agree",
    clause="P-same-fashion",
    expected="the cloudy or the clear pixels of the label, which the score's counts give",
    remedy="score the baselines on the labels that the model is scored on",
)
def labels_agree(log: Log) -> Iterator[Problem]:
    """The baseline of the majority must be right on the pixels of one class. It says the same
    everywhere, so its correct pixels are either the label's cloudy ones, which are the hits and misses
    against bayes, or the clear ones."""
    baselines = log.sound("baseline_accuracy")
    chosen = baselines.where(name == "majority" for name in baselines.facts("baseline"))
    for _, value in results(log):
        label = _counts(value).get("scores.bayes.all")
        if label is None or len(chosen) != 1:
            continue  # baseline-set
        cloud, pixels = label[0] + label[2], sum(label)
        for event in filter(has_possible_counts, chosen):
            if count_of(event, "pixels") != pixels:
                continue  # baseline-pixels
            if count_of(event, "correct") not in (cloud, pixels - cloud):
                found = f"majority: {count_of(event, 'correct')} of {pixels} pixels"
                yield problem(found, event.line, f"{cloud} (cloud) or {pixels - cloud} (clear)")


@log_rule(
    "whole-scenes-agree",
    clause="house",
    expected="three distances between masks and label that can be of the same pixels",
    remedy="compare whole scenes with the masks and the labels that were scored",
)
def whole_scenes_agree(log: Log) -> Iterator[Problem]:
    """Scenes in one piece must differ from mask and label as far as these allow. Of three images
    with two classes, the number of pixels in which two differ is at most the sum, and at least the
    difference, of the numbers in which each differs from the third; the sum of all three is even."""
    score, event = log.one("test_accuracy"), log.one("whole_scene_agreement")
    if score is None or event is None or not all(map(has_possible_counts, (score, event))):
        return
    pixels, accuracy = count_of(score, "pixels"), event.metadata["accuracy"]
    assert isinstance(accuracy, int | float)
    if count_of(event, "pixels") != pixels or not 0 <= accuracy <= 1:
        return  # whole-scene-pixels
    right = round(accuracy * pixels)
    if right / pixels != accuracy:
        yield problem(f"accuracy {show(accuracy)}", event.line, f"a ratio of {pixels} pixels")
        return
    of_masks, of_label = pixels - count_of(event, "correct"), pixels - right
    scored = pixels - count_of(score, "correct")
    total = of_masks + of_label + scored
    if 2 * max(of_masks, of_label, scored) > total or total % 2 or total > 2 * pixels:
        missed = f"{of_label} from the label, which the masks miss by {scored}"
        yield problem(f"{of_masks} pixels from the masks and {missed}", event.line)
