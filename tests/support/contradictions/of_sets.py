"""Contradictions between the logs of a set, planted so that every single log remains good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from compliance.subjects.result_fields import best_epoch_fields
from tests.support.contradictions.consistent_changes import (
    HOUR_MS,
    digest,
    in_experiment,
    rescored,
    with_masks,
)
from tests.support.defects.general.runs import aborted
from tests.support.defects.general.values import counted
from tests.support.logs.hand_logs import COMPLETED
from tests.support.logs.log_edits import (
    Fields,
    best_epoch,
    each_event,
    fields_of,
    last_epoch,
    retimed,
    value_of,
    with_metadata,
    with_result,
    with_value,
    without,
)

#: Path -> text of a log.
Set = dict[str, str]

SEEDS = (1, 2, 3)
SHA256 = digest("the experiment's file")


def run(seed: int, text: str = COMPLETED) -> str:
    """Return a distinct run of an experiment: own seed, hour, weights, losses, masks, times of epochs."""
    text = in_experiment(with_masks(with_value(text, "seed", seed)), " ".join(map(str, SEEDS)), SHA256)

    def change(_: int, fields: Fields) -> None:
        if fields["key"] in ("train_loss", "eval_loss"):
            fields["value"] *= 1 + seed / 256
        if fields["key"] == "scene_accuracy":
            fields["metadata"]["mask_sha256"] = digest(f"{seed} {fields['metadata']['scene']}")

    text = each_event(text, change)
    text = with_best_losses(text)
    text = with_result(text, "weights_sha256", lambda _: digest(str(seed)))
    return retimed(text, lambda _, time: time + seed * HOUR_MS)


def with_best_losses(text: str) -> str:
    """Set the losses in the result to those of the best epoch."""
    for field, key in best_epoch_fields(value_of(text, "result")).items():
        if key.endswith("loss"):
            loss = value_of(text, key, best_epoch(text) - 1)
            text = with_result(text, field, lambda _, loss=loss: loss)
    return text


def folders(texts: Set | None = None) -> Set:
    """Return the logs in run folders; ``texts`` replace some."""
    return {f"logs/five-seed-{seed}/result.txt": run(seed) for seed in SEEDS} | (texts or {})


def numbered() -> Set:
    """Return the logs as results of a submission."""
    return {f"NYU/results/epyc/cloudmask/result_{number}.txt": run(seed) for number, seed in enumerate(SEEDS)}


LAST = "logs/five-seed-3/result.txt"


@dataclass(frozen=True)
class Contradiction:
    """A set in which ``rule`` must have a finding; ``at`` is the finding's path."""

    name: str
    logs: Set
    rule: str
    at: str = LAST


def changed(name: str, rule: str, change: Callable[[str], str], text: str | None = None) -> Contradiction:
    """Return a set whose last log is changed."""
    return Contradiction(name, folders({LAST: change(text or run(3))}), rule)


# ---- copies


def as_seed(text: str, seed: int) -> str:
    """Turn the log into that of another seed, an hour later, with other weights and masks."""
    text = with_result(with_value(text, "seed", seed), "weights_sha256", lambda _: digest(str(seed)))
    text = retimed(text, lambda _, time: time + HOUR_MS)

    def change(_: int, fields: Fields) -> None:
        if fields["key"] == "scene_accuracy":
            fields["metadata"]["mask_sha256"] = digest(f"{seed} {fields['metadata']['scene']}")

    return each_event(text, change)


def with_digits(text: str, share: float, from_epoch: int = 0) -> str:
    """Change the last digits of the epochs' losses, also in the result."""

    def change(_: int, fields: Fields) -> None:
        if fields["key"] in ("train_loss", "eval_loss") and fields["metadata"]["epoch_num"] > from_epoch:
            fields["value"] *= 1 + share

    text = each_event(text, change)
    return with_best_losses(text)


def with_masks_of(text: str, source: str, every: int) -> str:
    """Copy some masks' digests from another log."""
    for number in range(0, value_of(text, "test_samples"), every):
        mask = fields_of(source, "scene_accuracy", number)["metadata"]["mask_sha256"]
        text = with_metadata(text, "scene_accuracy", number, mask_sha256=mask)
    return text


def copies() -> Iterator[Contradiction]:
    rule, second = "set-near-identical", as_seed(run(2), 3)
    yield changed("a copy with another seed", rule, lambda text: text, second)
    yield changed("a copy with other digits", rule, lambda text: with_digits(text, 1e-6), second)
    yield changed("a copy with other fifth digits", rule, lambda text: with_digits(text, 5e-5), second)
    yield changed(
        "the weights of another",
        rule,
        lambda text: with_result(text, "weights_sha256", lambda _: digest("2")),
    )
    yield changed("the masks of another", rule, lambda text: with_masks_of(text, run(2), 1))
    yield changed("half of the masks of another", rule, lambda text: with_masks_of(text, run(2), 2))


# ---- data and setup


def other_names(text: str) -> str:
    """Replace the first scene's name by another."""
    name = fields_of(text, "scene_accuracy")["metadata"]["scene"]
    return with_metadata(text, "scene_accuracy", scene=name.replace("20191001T", "20180101T"))


def other_labels(text: str) -> str:
    """Add a thousand cloudy pixels to the labels."""
    for part in ("all", "day"):
        text = rescored(text, "bayes", part, 1000, 0, 0, -1000)
    metadata = fields_of(text, "baseline_accuracy")["metadata"]
    right, pixels = metadata["correct"] + 1000, metadata["pixels"]
    text = counted(text, "baseline_accuracy", right, pixels)
    return with_result(text, "baselines.majority", lambda _: right / pixels)


def less_data(text: str) -> str:
    """Let the run stage four scenes, and train on three of them."""
    text = with_metadata(with_value(text, "train_samples", 60), "staging_stop", scenes=4, patches=80)
    for number in range(last_epoch(text)):
        text = counted(text, "train_accuracy", 50 * 65536, 56 * 65536, number)
    share = 50 / 56
    text = with_result(text, "train_accuracy", lambda _: share)
    return with_result(text, "data.training_scenes", lambda _: 3)


def setups() -> Iterator[Contradiction]:
    rule = "set-same-scenes"
    yield changed("scored on another scene", rule, other_names)
    yield changed("scored on other labels", rule, other_labels)
    yield changed("trained on fewer scenes", rule, less_data)
    for key, value in {
        "opt_base_learning_rate": 0.002,
        "opt_learning_rate_warmup_steps": 4,
        "early_stopping_patience": 20,
        "accelerators_per_node": 1,
        "crop_size": 64,
        "split_seed": 7,
        "augmentation": True,
    }.items():
        yield changed(
            f"another {key}",
            "set-same-parameters",
            lambda text, key=key, value=value: with_value(text, key, value),
        )
    for key, value in {
        "submission_status": "cloud",
        "submission_org": "University of Virginia",
        "submission_platform": "another-node",
        "submission_github_commit_version": digest("x")[:40],
    }.items():
        yield changed(
            f"another {key}",
            "set-same-setup",
            lambda text, key=key, value=value: with_value(text, key, value),
        )


# ---- experiments


def experiments() -> Iterator[Contradiction]:
    rule = "set-experiment"
    yield changed("of no experiment", rule, lambda text: without(text, "experiment"))
    yield changed("of another experiment", rule, lambda text: with_value(text, "experiment", "six"))
    yield changed(
        "of another edition of the file",
        rule,
        lambda text: with_metadata(text, "experiment", sha256=digest("another")),
    )
    yield changed("with other seeds", rule, lambda text: with_metadata(text, "experiment", seeds="1 2 3 4"))
    some = {path: text for path, text in folders().items() if path != LAST}
    yield Contradiction("a seed that is missing", some, "set-seeds-pending", "logs/five")
    results = dict([*numbered().items()][:2])
    folder = "NYU/results/epyc/cloudmask"
    yield Contradiction("a seed that was not submitted", results, "set-seeds-missing", folder)


def together() -> Contradiction:
    """Return runs that overlap: only a note, since each may have had its own node."""
    text = retimed(run(3), lambda _, time: time - HOUR_MS + 5000)
    return Contradiction("two at once", folders({LAST: text}), "set-overlapping", "logs/five")


CONTRADICTIONS = (*copies(), *setups(), *experiments(), together())

#: Sets without contradictions: the only finding is that a run was aborted.
GOOD: dict[str, Set] = {
    "run folders": folders(),
    "numbered results": numbered(),
    "one run aborted": folders({LAST: aborted(run(3), "train_loss")}),
    "one run aborted at its first scene": folders({LAST: aborted(run(3), "scene_accuracy")}),
}
