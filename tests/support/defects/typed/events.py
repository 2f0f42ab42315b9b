"""Logs with defects of single events: presence, form, identity, parameters."""

from __future__ import annotations

from tests.support.defects.defect import Defect, typed
from tests.support.logs.hand_logs import (
    COMPLETED,
    EARLY_STOPPED,
    aborted,
    edit,
    line_of,
    with_line,
    with_metadata,
    with_value,
    without,
    without_all,
)

LINES = COMPLETED.splitlines()


def at(key: str, number: int = 0) -> int:
    return line_of(COMPLETED, key, number)


def renamed(key: str, new: str) -> str:
    return edit(COMPLETED, key, lambda fields: fields.update(key=new))


def value(rule: str, key: str, new: object, found: str, expected: str | None = None, *also: str) -> Defect:
    return typed(rule, with_value(COMPLETED, key, new), at(key), found, expected, also)


PRESENCE = [
    typed(
        "event-missing",
        without_all(COMPLETED, "scene_accuracy"),
        None,
        "no event `scene_accuracy`",
        "`scene_accuracy`: correct / pixels of one inference scene; period: day or night; mask_sha256: "
        "digest of its mask at one bit a pixel",
    ),
    typed(
        "event-missing",
        aborted(without(COMPLETED, "seed"), "run_start"),
        None,
        "no event `seed`",
        "`seed`: seed of this run",
        ("run-success",),
    ),
    typed(
        "event-unknown",
        renamed("train_samples", "train_sampels"),
        at("train_samples"),
        "`train_sampels`, 1 time",
        "`train_samples`, which is probably meant",
        ("event-missing",),
    ),
    typed(
        "event-unknown",
        with_line(
            COMPLETED, at("seed"), LINES[at("seed") - 1], LINES[at("seed") - 1].replace('"seed"', '"weather"')
        ),
        at("seed") + 1,
        "`weather`, 1 time",
    ),
]

FORM = [
    value("value-type", "epochs", "3", "`epochs` is a string (`3`)", "integer"),
    value("value-type", "epochs", 3.0, "`epochs` is a number (3.0)", "integer"),
    value("value-type", "result", [0.93], "`result` is a list of 1", "object"),
    typed(
        "metadata-missing",
        edit(COMPLETED, "eval_loss", lambda fields: fields["metadata"].pop("epoch_num"), 1),
        at("eval_loss", 1),
        "`eval_loss` without `epoch_num`",
    ),
    typed(
        "metadata-type",
        with_metadata(COMPLETED, "eval_loss", 1, epoch_num="2"),
        at("eval_loss", 1),
        "`epoch_num` of `eval_loss` is a string (`2`)",
        "integer",
    ),
    typed(
        "metadata-type",
        with_metadata(COMPLETED, "submission_github_commit_version", dirty=0),
        at("submission_github_commit_version"),
        "`dirty` of `submission_github_commit_version` is an integer (0)",
        "boolean or null",
    ),
]

IDENTITY = [
    value(
        "version-agrees",
        "submission_version",
        "mlcommons-cloudmask-v1.2",
        "`mlcommons-cloudmask-v1.2`, but `mlcommons-cloudmask-v1.1` on line 4",
    ),
    typed(
        "version-format",
        with_value(without(COMPLETED, "submission_version"), "submissiom_version", "1.1"),
        at("submissiom_version"),
        "`submissiom_version` `1.1`",
    ),
    value("contact-email", "submission_poc_email", "cloudmask at nyu", "`cloudmask at nyu`"),
    value("contact-email", "submission_poc_email", "cloudmask@nyu", "`cloudmask@nyu`"),
    *(
        value("identity-real", key, text, f"`{key}` is `{text}`: {reason}")
        for key, text, reason in (
            ("submission_org", "YOUR_ORG", "the words `your org`"),
            ("submission_org", "<organisation>", "a template's brackets"),
            ("submission_org", "...", "no letter or digit"),
            ("submission_org", "Example University", "the words `example university`"),
            ("submission_platform", "XXX", "the word `xxx`"),
            ("submission_platform", "unknown", "it names nothing"),
            ("submission_platform", "${PLATFORM}", "a template's brackets"),
            ("submission_poc_name", "Jane Doe", "it names nothing"),
            ("submission_poc_email", "me@example.com", "a reserved domain"),
            ("submission_poc_email", "me@host.invalid", "a reserved domain"),
        )
    ),
]

LOCATION = [
    typed(
        "data-in-memory",
        with_metadata(
            with_value(EARLY_STOPPED, "data_location", "ramfs"), "data_location", inference="tmpfs"
        ),
        line_of(EARLY_STOPPED, "data_location"),
        "training on ramfs and inference on tmpfs",
        log=EARLY_STOPPED,
    ),
    typed(
        "event-missing",
        without(EARLY_STOPPED, "config_filename"),
        None,
        "no event `config_filename`",
        "`config_filename`: the resolved configuration, in the run's folder (T 6.1)",
        log=EARLY_STOPPED,
    ),
]

PARAMETERS = [
    value("parameter-range", "opt_adam_beta_2", 1, "`opt_adam_beta_2` 1", "from 0 to below 1"),
    value(
        "parameter-word",
        "opt_learning_rate_decay_schedule",
        "linear",
        "`opt_learning_rate_decay_schedule` `linear`",
        "constant or cosine",
    ),
    value("batch-product", "global_batch_size", 16, "16", "8 x 1 = 8"),
    typed(
        "ranks-devices",
        with_value(COMPLETED, "number_of_nodes", 2),
        at("number_of_ranks"),
        "1 on 2 nodes",
        "at least 2",
    ),
    typed(
        "ranks-devices",
        with_value(
            with_value(with_value(COMPLETED, "number_of_ranks", 2), "accelerators_per_node", 1),
            "local_batch_size",
            4,
        ),
        at("number_of_ranks"),
        "2 on 1 node of 1 accelerator",
        "at most 1",
    ),
    value("target-policy", "quality_target", 0.85, "0.85", None, "result-value"),
]

DEFECTS = [*PRESENCE, *FORM, *IDENTITY, *LOCATION, *PARAMETERS]
