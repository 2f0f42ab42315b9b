"""Profiles: the rules that judge each kind of log, and the severity of each rule's findings there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compliance.finding import Severity
from compliance.registry import OWN, Rule
from compliance.rules.foreign.keys import HPC_BENCHMARKS, TRAINING_BENCHMARKS
from compliance.rules.foreign.published import all_by_key
from compliance.subjects.log import Log
from compliance.subjects.tree import SubmissionTree

SCIENCE = "science"


@dataclass(frozen=True)
class Profile:
    """A kind of log. Its rules are those registered for it and those in ``severities``: rules for this
    package's own logs that also apply here, with their severity here."""

    meaning: str
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def severity(self, name: str, rule: Rule) -> Severity | None:
        """Return a rule's severity in this profile, which is called ``name``; None if it does not apply."""
        return self.severities.get(rule.id, rule.severity if name in rule.profiles else None)


#: Rules on the format and the file that apply to any log of this format. Flaws of published logs are
#: less severe here than in our own logs: text of other processes, its encoding, NaN, small steps
#: back in time, placeholders, events after the run.
_ANY_LOG: Mapping[str, Severity] = {
    **dict.fromkeys(("no-events", "log-size", "line-length", "event-json", "event-fields"), "error"),
    **dict.fromkeys(("duplicate-json-key", "glued-events", "text-after-event", "number-size"), "error"),
    **dict.fromkeys(("last-line", "line-end", "byte-order-mark", "binary-text", "encoding"), "warning"),
    **dict.fromkeys(("old-token", "text-before-token", "non-finite-number"), "warning"),
    **dict.fromkeys(("time-unit", "time-plausible", "one-run"), "error"),
    **dict.fromkeys(("time-order", "interval-length", "after-run-stop", "run-success"), "warning"),
    "identity-real": "warning",
    "json-form": "error",
    # some runs are published for both strong and weak scaling
    "set-identical-logs": "warning",
    **dict.fromkeys(("set-unique-seeds", "set-same-setup", "set-completed", "set-numbering"), "warning"),
    "set-single-run": "note",
}

#: Rules that enforce a clause for any program, whatever else it logs. Those that only this package's own
#: logs promise to the letter are warnings.
_SCIENCE: Mapping[str, Severity] = {
    **{id: severity for id, severity in _ANY_LOG.items() if not id.startswith("set-")},
    **dict.fromkeys(("event-source", "set-single-run"), "note"),
    **dict.fromkeys(("division-open", "version-present", "version-agrees", "init-duration"), "error"),
    **dict.fromkeys(("run-success", "set-identical-logs"), "error"),
    **dict.fromkeys(("status-known", "version-format", "commit-key", "commit-format"), "warning"),
    **dict.fromkeys(("contact-present", "contact-email", "init-long"), "warning"),
    **dict.fromkeys(
        ("event-kind", "run-stop", "clock-covers", "cache-clear-first", "epoch-numbers"), "warning"
    ),
    **dict.fromkeys(("set-same-setup", "set-completed", "set-numbering"), "warning"),
    **dict.fromkeys(("system-answers", "system-division"), "error"),
    **dict.fromkeys(("system-strings", "system-placeholder", "system-name", "system-status"), "warning"),
    **dict.fromkeys(("system-fields", "tree-layout", "tree-application"), "error"),
    **dict.fromkeys(("tree-science-files", "tree-science-scripts", "tree-general-files"), "error"),
    **dict.fromkeys(("tree-numbering", "tree-config", "tree-config-agrees"), "error"),
    **dict.fromkeys(("file-name", "file-size", "file-kind", "tar-readable"), "error"),
    **dict.fromkeys(("system-general-fields", "tree-organisation", "tree-identity"), "warning"),
    **dict.fromkeys(("tree-config-github", "tree-config-hyperparameters", "code-licence"), "warning"),
    **dict.fromkeys(("implementation-notes", "contribution-table", "contribution-descriptor"), "warning"),
    "tree-general-numbering": "warning",
    "contribution-geometric-mean": "warning",
    "foreign-training-disclosed": "note",
}

PROFILES: dict[str, Profile] = {
    OWN: Profile("logs and bundles of this package: everything that they promise"),
    SCIENCE: Profile("submissions of any program to MLCommons Science, by the clauses as written", _SCIENCE),
    "hpc": Profile("published logs of MLPerf HPC", _ANY_LOG),
    "training": Profile("published logs of MLPerf Training", _ANY_LOG),
}

#: The beginning of the format of every result of this package.
_OWN_RESULT = "cloudmask-result-"


def profile_of(log: Log) -> str:
    """Return the profile that fits a log: this package's own if the log shows that this package made it,
    that of MLPerf HPC or Training if it names one of their benchmarks, else Science."""
    if log.all("rules_edition") or log.all("config_digest") or any(map(_is_own, log.all("result").values)):
        return OWN
    values = [event.value for event in all_by_key(log).get("submission_benchmark", [])]
    named = {value.casefold() for value in values if isinstance(value, str)}
    if named & set(HPC_BENCHMARKS):
        return "hpc"
    return "training" if named & set(TRAINING_BENCHMARKS) else SCIENCE


def _is_own(result: object) -> bool:
    return isinstance(result, dict) and str(result.get("format", "")).startswith(_OWN_RESULT)


def profile_of_tree(tree: SubmissionTree) -> str:
    """Return the profile that fits a submission tree: our bundles have a manifest."""
    return OWN if tree.is_bundle else SCIENCE
