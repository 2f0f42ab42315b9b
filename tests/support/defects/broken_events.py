"""Logs broken in single events: presence, form, identity, parameters."""

from __future__ import annotations

from benchmark.record.events import BY_KEY
from tests.support.defects.broken import Broken
from tests.support.hand_logs import (
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


def missing(key: str, *also: str) -> Broken:
    return Broken(
        "event-missing",
        without(COMPLETED, key),
        None,
        f"no event `{key}`",
        f"`{key}`: {BY_KEY[key].meaning}",
        also,
    )


def repeated(key: str, *also: str) -> Broken:
    line = at(key)
    text = with_line(COMPLETED, line, LINES[line - 1], LINES[line - 1])
    return Broken("event-repeated", text, line + 1, f"`{key}` again; first on line {line}", None, also)


def renamed(key: str, new: str) -> str:
    return edit(COMPLETED, key, lambda fields: fields.update(key=new))


def value(rule: str, key: str, new: object, found: str, expected: str | None = None, *also: str) -> Broken:
    return Broken(rule, with_value(COMPLETED, key, new), at(key), found, expected, also)


PRESENCE = [
    *map(missing, ("submission_benchmark", "submission_org", "submission_division", "submission_status")),
    *map(
        missing, ("submission_platform", "submission_github_commit_version", "cache_clear", "seed", "epochs")
    ),
    *map(missing, ("data_kind", "opt_adam_epsilon", "quality_target", "train_samples", "eval_samples")),
    *map(missing, ("test_samples", "test_accuracy", "result")),
    Broken(
        "event-missing",
        without_all(COMPLETED, "scene_accuracy"),
        None,
        "no event `scene_accuracy`",
        "`scene_accuracy`: correct / pixels of one inference scene; period: day or night",
    ),
    Broken(
        "event-missing",
        aborted(without(COMPLETED, "seed"), "run_start"),
        None,
        "no event `seed`",
        "`seed`: seed of this run",
        ("run-success",),
    ),
    *map(repeated, ("submission_org", "seed", "init_start", "init_stop", "run_start", "staging_stop")),
    *map(repeated, ("test_samples", "test_accuracy", "result")),
    Broken(
        "event-unknown",
        renamed("train_samples", "train_sampels"),
        at("train_samples"),
        "`train_sampels`, 1 time",
        "`train_samples`, which is probably meant",
        ("event-missing",),
    ),
    Broken(
        "event-unknown",
        with_line(
            COMPLETED, at("seed"), LINES[at("seed") - 1], LINES[at("seed") - 1].replace('"seed"', '"weather"')
        ),
        at("seed") + 1,
        "`weather`, 1 time",
    ),
]

FORM = [
    Broken(
        "event-kind",
        edit(COMPLETED, "run_start", lambda fields: fields.update(event_type="INTERVAL_END")),
        at("run_start"),
        "`run_start` is INTERVAL_END",
        "INTERVAL_START",
    ),
    value("value-type", "epochs", "3", "`epochs` is a string (`3`)", "integer"),
    value("value-type", "epochs", 3.0, "`epochs` is a number (3.0)", "integer"),
    value("value-type", "seed", True, "`seed` is a boolean (true)", "integer"),
    value("value-type", "cache_clear", None, "`cache_clear` is null", "boolean"),
    value("value-type", "init_start", {}, "`init_start` is an object of 0", "null"),
    value("value-type", "result", [0.93], "`result` is a list of 1", "object"),
    Broken(
        "metadata-missing",
        edit(COMPLETED, "run_stop", lambda fields: fields["metadata"].pop("status")),
        at("run_stop"),
        "`run_stop` without `status`",
    ),
    Broken(
        "metadata-missing",
        edit(COMPLETED, "eval_loss", lambda fields: fields["metadata"].pop("epoch_num"), 1),
        at("eval_loss", 1),
        "`eval_loss` without `epoch_num`",
    ),
    Broken(
        "metadata-type",
        with_metadata(COMPLETED, "eval_loss", 1, epoch_num="2"),
        at("eval_loss", 1),
        "`epoch_num` of `eval_loss` is a string (`2`)",
        "integer",
    ),
    Broken(
        "metadata-type",
        with_metadata(COMPLETED, "submission_github_commit_version", dirty=None),
        at("submission_github_commit_version"),
        "`dirty` of `submission_github_commit_version` is null",
        "boolean",
    ),
]

IDENTITY = [
    value("benchmark-name", "submission_benchmark", "CloudMask", "`CloudMask`"),
    value("division-open", "submission_division", "closed", "`closed`"),
    value("status-known", "submission_status", "success", "`success`"),
    Broken(
        "version-present",
        without_all(COMPLETED, "submissiom_version", "submission_version"),
        None,
        "neither of the two events",
    ),
    value(
        "version-agrees",
        "submission_version",
        "mlcommons-cloudmask-v1.2",
        "`mlcommons-cloudmask-v1.2`, but `mlcommons-cloudmask-v1.1` on line 4",
    ),
    Broken(
        "version-format",
        with_value(without(COMPLETED, "submission_version"), "submissiom_version", "1.1"),
        at("submissiom_version"),
        "`submissiom_version` `1.1`",
    ),
    Broken(
        "commit-key",
        renamed("submission_github_commit_version", "github_commit_version"),
        at("submission_github_commit_version"),
        "`github_commit_version`",
    ),
    value("commit-format", "submission_github_commit_version", "unknown", "`unknown`"),
    value("commit-format", "submission_github_commit_version", "3f2a9c0", "`3f2a9c0`"),
    Broken(
        "commit-clean",
        with_metadata(COMPLETED, "submission_github_commit_version", dirty=True),
        at("submission_github_commit_version"),
        "dirty true: uncommitted changes",
    ),
    Broken("contact-present", without(COMPLETED, "submission_poc_email"), None, "no `submission_poc_email`"),
    Broken(
        "contact-present",
        without_all(COMPLETED, "submission_poc_email", "submission_poc_name"),
        None,
        "no `submission_poc_name` and no `submission_poc_email`",
    ),
    value("contact-email", "submission_poc_email", "cloudmask at nyu", "`cloudmask at nyu`"),
    value("contact-email", "submission_poc_email", "cloudmask@nyu", "`cloudmask@nyu`"),
    *(
        value("identity-real", key, text, f"`{key}` is `{text}`: {reason}")
        for key, text, reason in (
            ("submission_org", "", "blank"),
            ("submission_org", "YOUR_ORG", "the words `your org`"),
            ("submission_org", "TODO", "the word `todo`"),
            ("submission_org", "<organisation>", "a template's brackets"),
            ("submission_org", "...", "no letter or digit"),
            ("submission_org", "Example University", "the word `example`"),
            ("submission_platform", "XXX", "the word `xxx`"),
            ("submission_platform", "unknown", "it names nothing"),
            ("submission_platform", "${PLATFORM}", "a template's brackets"),
            ("submission_poc_name", "Jane Doe", "it names nothing"),
            ("submission_poc_email", "me@example.com", "a reserved domain"),
            ("submission_poc_email", "me@host.invalid", "a reserved domain"),
        )
    ),
]

PARAMETERS = [
    value("parameter-range", "epochs", 0, "`epochs` 0", "at least 1"),
    value("parameter-range", "seed", -1, "`seed` -1", "at least 0"),
    value("parameter-range", "opt_base_learning_rate", 0, "`opt_base_learning_rate` 0", "above 0"),
    value("parameter-range", "min_sst", 273.0, "`min_sst` 273.0", "at least 273.15 (kelvin)"),
    value("parameter-range", "train_split", 1.0, "`train_split` 1.0", "above 0 and below 1"),
    value("parameter-range", "opt_adam_beta_2", 1, "`opt_adam_beta_2` 1", "from 0 to below 1"),
    value("parameter-range", "crop_size", 81, "`crop_size` 81", "an even number, at least 0"),
    value("parameter-range", "early_stopping_patience", 0, "`early_stopping_patience` 0", "at least 1"),
    value("parameter-range", "number_of_nodes", 0, "`number_of_nodes` 0", "at least 1"),
    value("parameter-word", "data_kind", "real", "`data_kind` `real`", "slstr or synthetic", "result-data"),
    value(
        "parameter-word",
        "opt_learning_rate_decay_schedule",
        "linear",
        "`opt_learning_rate_decay_schedule` `linear`",
        "constant or cosine",
    ),
    value("parameter-word", "opt_name", " ", "`opt_name` is blank", "the optimizer's name"),
    value("batch-product", "global_batch_size", 16, "16", "8 x 1 = 8"),
    Broken(
        "ranks-devices",
        with_value(COMPLETED, "number_of_nodes", 2),
        at("number_of_ranks"),
        "1 on 2 nodes",
        "at least 2",
    ),
    Broken(
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
    value("crop-in-patch", "crop_size", 256, "crop 256 of patch 256"),
    value("patch-size-policy", "patch_size", 128, "128", None, "eval-pixels", "train-pixels"),
    value("target-policy", "quality_target", 0.85, "0.85", None, "result-value"),
    value("config-digest", "config_digest", "9b74c989", "`9b74c989`"),
    value("cache-cleared", "cache_clear", False, "false, by `posix_fadvise DONTNEED on 8 files`"),
    Broken(
        "data-synthetic",
        EARLY_STOPPED,
        line_of(EARLY_STOPPED, "data_kind"),
        "data_kind synthetic",
        also=("cache-cleared", "contact-present"),
    ),
]

BROKEN = [*PRESENCE, *FORM, *IDENTITY, *PARAMETERS]
