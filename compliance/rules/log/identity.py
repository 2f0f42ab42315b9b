"""Rules on who submits what: the events of S6.1 and the contact that the policy requires."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmark.record.events import DEFAULT_ORG, RULES_EDITION, STATUSES
from compliance.benchmarks import BENCHMARKS, version_pattern
from compliance.placeholders import placeholder
from compliance.registry import Problem, log_rule, problem
from compliance.rules.log.events import OTHER_COMMIT_KEY
from compliance.subjects.columns import LogEvent
from compliance.subjects.log import Log
from compliance.subjects.timeline import CONTACT, VERSIONS
from compliance.wording import excerpt, listing, show

BENCHMARK = "cloudmask"
DIVISION = "open"
#: File systems that a restart empties.
VOLATILE = ("tmpfs", "ramfs")
COMMIT_KEY = "submission_github_commit_version"
#: Identity events with free text, which may be left over from a template.
FREE_TEXT = ("submission_org", "submission_platform", *CONTACT)

_IN_CONFIG = "correct the section `submission` of the configuration and repeat the run"


def _texts(log: Log, *keys: str) -> Iterator[tuple[LogEvent, str]]:
    """Yield the events of some keys whose values are strings, with the strings."""
    for key in keys:
        for event in log.all(key):
            if isinstance(event.value, str):
                yield event, event.value


@log_rule(
    "benchmark-name",
    clause="S-application, S6.2-benchmarks",
    expected=BENCHMARK,
    remedy="check that the log is of this benchmark",
)
def benchmark_name(log: Log) -> Iterator[Problem]:
    """The benchmark must be named cloudmask, in lower case as in the submission's tree."""
    for event, text in _texts(log, "submission_benchmark"):
        if text != BENCHMARK:
            yield problem(excerpt(text), event.line)


@log_rule(
    "division-open",
    clause="S6.2, S7-open, P-open",
    expected=DIVISION,
    remedy="set submission.division to open and repeat the run; Science has no other division",
)
def division_open(log: Log) -> Iterator[Problem]:
    """The division must be open. Documents name others (closed, BII, SciML), but S6.2 decides."""
    for event, text in _texts(log, "submission_division"):
        if text != DIVISION:
            yield problem(excerpt(text), event.line)


@log_rule(
    "status-known",
    clause="H-status",
    expected=listing(STATUSES, last="or"),
    remedy="set submission.status; whether the run succeeded is said by run_stop, not here",
)
def status_known(log: Log) -> Iterator[Problem]:
    """The submission's status must be one of the four that say where the system can be had."""
    for event, text in _texts(log, "submission_status"):
        if text not in STATUSES:
            yield problem(excerpt(text), event.line)


@log_rule(
    "version-present",
    clause="S6.1, S6.3",
    expected="`submissiom_version` (as S6.1 spells it) or `submission_version`; best both",
    remedy="log both with the benchmark's version (benchmark/VERSION.txt)",
)
def version_present(log: Log) -> Iterator[Problem]:
    """The benchmark's version must be logged, under at least one of the spellings in use."""
    if log.events and not any(log.all(key) for key in VERSIONS) and (log.completed or log.all("init_start")):
        yield problem("neither of the two events")


@log_rule(
    "version-agrees",
    clause="S6.3",
    expected="the same version under both spellings",
    remedy="log both with the benchmark's version (benchmark/VERSION.txt)",
)
def version_agrees(log: Log) -> Iterator[Problem]:
    """The two spellings of the version must have the same value."""
    values = list(_texts(log, *VERSIONS))
    for event, text in values[1:]:
        first, first_text = values[0]
        if text != first_text:
            yield problem(f"{excerpt(text)}, but {excerpt(first_text)} on line {first.line}", event.line)


@log_rule(
    "version-format",
    severity="warning",
    clause="S6.3",
    expected="mlcommons-, the benchmark, -v and a number, such as mlcommons-cloudmask-v1.1",
    remedy="log the text of the benchmark's VERSION.txt",
)
def version_format(log: Log) -> Iterator[Problem]:
    """The version should be the benchmark's, as its VERSION.txt has it."""
    named = (log.text("submission_benchmark") or BENCHMARK).casefold()
    pattern = version_pattern(named if named in BENCHMARKS else BENCHMARK)
    for event, text in _texts(log, *VERSIONS):
        if not pattern.fullmatch(text):
            yield problem(f"`{event.key}` {excerpt(text)}", event.line)


@log_rule(
    "commit-key",
    severity="warning",
    clause="S6.1",
    expected=f"`{COMMIT_KEY}`",
    remedy="log the commit under the key of S6.1",
)
def commit_key(log: Log) -> Iterator[Problem]:
    """The commit should be logged under the key of S6.1, not under `github_commit_version`."""
    if (event := log.first(OTHER_COMMIT_KEY)) and not log.all(COMMIT_KEY):
        yield problem(f"`{OTHER_COMMIT_KEY}`", event.line)


@log_rule(
    "commit-format",
    clause="S6.3-commit",
    expected="40 hexadecimal digits, the output of `git rev-parse HEAD`",
    remedy="run from a git checkout, so that the commit can be logged",
)
def commit_format(log: Log) -> Iterator[Problem]:
    """The commit must be a full commit hash, so that the code that ran can be found."""
    for event, text in _texts(log, COMMIT_KEY, OTHER_COMMIT_KEY):
        if not re.fullmatch(r"[0-9a-f]{40}", text):
            yield problem(excerpt(text), event.line)


@log_rule(
    "commit-clean",
    severity="warning",
    clause="house",
    expected="a run from a clean checkout: dirty false",
    remedy="commit or stash your changes, or run from a checkout or a wheel, and repeat the run; "
    "such a run cannot be submitted",
)
def commit_clean(log: Log) -> Iterator[Problem]:
    """A run should be made from a clean checkout. With uncommitted changes, or if it is unknown whether
    there were any, the commit does not say which code ran; the packager refuses such a log."""
    for event in log.all(COMMIT_KEY):
        dirty = event.metadata.get("dirty", False)
        if dirty is True:
            yield problem("dirty true: uncommitted changes", event.line)
        elif dirty is None:
            yield problem("dirty null: whether the code was changed is not known", event.line)


@log_rule(
    "organisation-default",
    severity="note",
    clause="S6.1, P-contact",
    expected="the organisation that submits",
    remedy="set submission.org, for example with --set submission.org=NAME, and repeat the run",
)
def organisation_default(log: Log) -> Iterator[Problem]:
    """The organisation should be the submitter's, not that of the shipped configurations."""
    for event, text in _texts(log, "submission_org"):
        if text == DEFAULT_ORG:
            yield problem(f"{excerpt(text)}, as the configurations are shipped", event.line)


@log_rule(
    "edition-known",
    severity="warning",
    clause="house",
    expected=RULES_EDITION,
    remedy="check the log with the version of the program that wrote it",
)
def edition_known(log: Log) -> Iterator[Problem]:
    """A log that names the editions of the rules it was written for should name those of this checker."""
    for event, text in _texts(log, "rules_edition"):
        if text != RULES_EDITION:
            yield problem(excerpt(text, width=120), event.line)


@log_rule(
    "data-in-memory",
    severity="warning",
    clause="P-data-location",
    expected="scenes on a persistent file system",
    remedy="keep the dataset on disk; what is staged to memory is staged within the run",
)
def data_in_memory(log: Log) -> Iterator[Problem]:
    """The scenes should lie on a persistent file system when a run starts, not in memory."""
    for event in log.sound("data_location"):
        kinds = {"training": event.value, "inference": event.metadata["inference"]}
        volatile = [f"{part} on {kind}" for part, kind in kinds.items() if kind in VOLATILE]
        if volatile:
            yield problem(listing(volatile), event.line)


@log_rule(
    "contact-present",
    severity="warning",
    clause="P-contact",
    expected="`submission_poc_name` and `submission_poc_email`",
    remedy="set submission.poc_name and submission.poc_email in the configuration",
)
def contact_present(log: Log) -> Iterator[Problem]:
    """A submission should name a contact with an e-mail address."""
    missing = [f"`{key}`" for key in CONTACT if not log.all(key)]
    if missing and log.all("init_start"):
        yield problem(f"no {listing(missing, last='and no')}")


@log_rule(
    "contact-email",
    clause="P-contact",
    expected="an e-mail address: name@host.domain",
    remedy=_IN_CONFIG,
)
def contact_email(log: Log) -> Iterator[Problem]:
    """The contact's e-mail address must be one."""
    for event, text in _texts(log, "submission_poc_email"):
        if not re.fullmatch(r"[^@\s<>,;]+@[^@\s.<>,;]+(\.[^@\s.<>,;]+)+", text) and not placeholder(text):
            yield problem(excerpt(text), event.line)


@log_rule(
    "identity-real",
    clause="S6.1, P-contact",
    expected="the submission's own text",
    remedy=_IN_CONFIG,
)
def identity_real(log: Log) -> Iterator[Problem]:
    """Organisation, platform and contact must be real. A blank, a template, a placeholder or an address
    in a domain reserved for examples is not; 65 of 1090 published logs contain such text."""
    for event, text in _texts(log, *FREE_TEXT):
        if reason := placeholder(text):
            yield problem(f"`{event.key}` is {show(text)}: {reason}", event.line)
