"""Rules on the scores in `result`: they must follow from pixel counts, and these from the scenes."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.registry import Problem, log_rule, problem
from compliance.rules.log.values import has_possible_counts
from compliance.subjects.log import Log, count_of
from compliance.subjects.result_fields import SOMETIMES, confusion, lookup, ratios, results, same, score_sets
from compliance.wording import count, show


@log_rule(
    "result-scores",
    clause="house",
    expected="scores that follow from their counts of pixels",
    remedy="compute every score from the integer counts",
)
def result_scores(log: Log) -> Iterator[Problem]:
    """Every score of the result must be the one that its own counts of pixels give. The scores are
    accuracy, Kuiper skill (recall minus false alarm rate), IoU, F1, precision and recall of cloud."""
    for event, value in results(log):
        for name, score in score_sets(value):
            for ratio, true in ratios(*confusion(score)).items():
                if not same(score[ratio], true):
                    found = f"`{name}.{ratio}` {show(score[ratio])}"
                    yield problem(found, event.line, f"{show(true)}, from its counts")


@log_rule(
    "result-pixels",
    clause="house",
    expected="the counts of the log's scenes: over all, by day and by night",
    remedy="count every pixel of every inference scene once",
)
def result_pixels(log: Log) -> Iterator[Problem]:
    """The result's counts against bayes must be the sums over the log's scenes. This holds for all
    scenes, and for those by day and by night if there are any."""
    scenes = log.sound("scene_accuracy")
    if len(scenes) != len(log.all("scene_accuracy")) or not all(map(has_possible_counts, scenes)):
        return
    periods = {scene.metadata["period"] for scene in scenes}
    parts = ("all", *SOMETIMES) if periods <= set(SOMETIMES) else ("all",)  # scene-period
    for event, value in results(log) if scenes else ():
        whole = lookup(value, "scores", "bayes", "all")
        counts = {name: confusion(score) for name, score in score_sets(value)}
        for part in parts:
            name = f"scores.bayes.{part}"
            chosen = [scene for scene in scenes if part in ("all", scene.metadata["period"])]
            if name in counts:
                hits, alarms, misses, negatives = counts[name]
                stated = (hits + negatives, hits + alarms + misses + negatives)
                true = tuple(sum(count_of(scene, each) for scene in chosen) for each in ("correct", "pixels"))
                if stated != true:
                    expected = f"{true[0]} of {true[1]}, the sum over {count(len(chosen), 'scene')}"
                    yield problem(f"`{name}`: {stated[0]} correct of {stated[1]}", event.line, expected)
            elif chosen and part in SOMETIMES and whole and lookup(value, "scores", "bayes", part) is None:
                yield problem(
                    f"no `{name}`", event.line, f"the scores of {count(len(chosen), f'{part} scene')}"
                )


@log_rule(
    "result-references",
    clause="house",
    expected="the same pixels against bayes and against truth, and no more of them without borders",
    remedy="score all references on the same masks",
)
def result_references(log: Log) -> Iterator[Problem]:
    """All scores must be of the same masks. Those against truth cover as many pixels as those against
    bayes, and those without borders no more than all."""
    for event, value in results(log):
        pixels = {name: sum(confusion(score)) for name, score in score_sets(value)}
        for name, stated in pixels.items():
            reference, _, part = name.rpartition(".")
            same_part, whole = pixels.get(f"scores.bayes.{part}"), pixels.get(f"{reference}.all")
            if same_part is not None and stated != same_part:
                yield problem(f"`{name}`: {stated} pixels", event.line, f"{same_part}, as against bayes")
            elif part == "without_borders" and whole is not None and stated > whole:
                yield problem(f"`{name}`: {stated} pixels", event.line, f"at most {whole}")
