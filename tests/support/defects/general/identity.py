"""Defects in a run's submitter, code, version, rules edition, and location of data."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.record.events import DEFAULT_ORG
from compliance.subjects.timeline import CONTACT
from tests.support.defects.defect import Defect, defect
from tests.support.logs.log_edits import edit, fields_of, require, with_metadata, with_value, without

PLACEHOLDERS = (
    "",
    "  ",
    "TODO",
    "Your Organization",
    "<org>",
    "${ORG}",
    "xxx",
    "unknown",
    "---",
    "test",
    "n/a",
)


def identity() -> Iterator[Defect]:
    for text_of_template in PLACEHOLDERS:
        yield defect(
            f"identity: organisation `{text_of_template}`",
            lambda text, value=text_of_template: with_value(text, "submission_org", value),
            "identity-real",
        )
    for key, value in {
        "submission_platform": "my system",
        "submission_poc_name": "John Doe",
        "submission_poc_email": "name@example.com",
    }.items():
        yield defect(
            f"identity: {key} `{value}`",
            lambda text, key=key, value=value: with_value(text, key, value),
            "identity-real",
        )
    for rule, key, values in (
        ("benchmark-name", "submission_benchmark", ("CloudMask", "cloud_mask", "stemdl", "")),
        ("division-open", "submission_division", ("closed", "Open", "SciML", "")),
        ("status-known", "submission_status", ("success", "available", "OnPrem", "")),
        ("commit-format", "submission_github_commit_version", ("3f2a9c0", "unknown", "", "main", "g" * 40)),
        ("contact-email", "submission_poc_email", ("cloudmask", "a@b", "a b@c.org", "@c.org", "a@c..org")),
    ):
        for value in values:
            yield defect(
                f"identity: {key} `{value[:12]}`",
                lambda text, key=key, value=value: with_value(text, key, value),
                rule,
                *(("version-format",) if value == "stemdl" else ()),
            )
    for value in ("1.1", "mlcommons-cloudmask", "mlcommons-cloudmask-v", "mlcommons-stemdl-v1.1", ""):
        yield defect(
            f"identity: version `{value}`",
            lambda text, value=value: with_value(
                with_value(text, "submissiom_version", value), "submission_version", value
            ),
            "version-format",
        )
    yield defect(
        "identity: two versions",
        lambda text: with_value(text, "submission_version", "mlcommons-cloudmask-v1.0"),
        "version-agrees",
    )
    yield defect(
        "identity: the commit's other key",
        lambda text: edit(
            text,
            "submission_github_commit_version",
            lambda fields: fields.update(key="github_commit_version"),
        ),
        "commit-key",
    )
    yield defect(
        "identity: the shipped organisation",
        lambda text: with_value(text, "submission_org", DEFAULT_ORG),
        "organisation-default",
    )
    for value in ("", "science policy 0.4, training rules 5.0"):
        yield defect(
            f"identity: edition `{value[:18]}`",
            lambda text, value=value: with_value(text, "rules_edition", value),
            "edition-known",
        )
    for kind in ("tmpfs", "ramfs"):
        yield defect(
            f"identity: data_location {kind}",
            lambda text, kind=kind: with_value(text, "data_location", kind),
            "data-in-memory",
        )
        yield defect(
            f"identity: data_location of inference {kind}",
            lambda text, kind=kind: with_metadata(text, "data_location", inference=kind),
            "data-in-memory",
        )
    yield defect("identity: uncommitted changes", uncommitted, "commit-clean")
    yield defect(
        "identity: unknown changes",
        lambda text: with_metadata(text, "submission_github_commit_version", dirty=None),
        "commit-clean",
    )
    yield defect(
        "identity: no contact", lambda text: without(without(text, CONTACT[0]), CONTACT[1]), "contact-present"
    )


def uncommitted(text: str) -> str:
    require(not fields_of(text, "submission_github_commit_version")["metadata"]["dirty"])
    return with_metadata(text, "submission_github_commit_version", dirty=True)
