"""Profiles: which rules each kind of log is judged by, and how grave a finding of each rule is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compliance.finding import Severity
from compliance.registry import Rule


@dataclass(frozen=True)
class Profile:
    """A kind of log. Its rules are those registered for it and ``severities``: rules that are
    registered for Science and applied here too, with the severity that they have here."""

    meaning: str
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def severity(self, name: str, rule: Rule) -> Severity | None:
        """The severity of a rule in this profile, which is called ``name``; None where it is not applied."""
        return self.severities.get(rule.id, rule.severity if name in rule.profiles else None)


#: Rules of the format and the file that hold for any log of this format. What published logs carry
#: is lighter here than it is for a submission of our own: text of other processes, an encoding of
#: theirs, NaN, small steps back in time, placeholders, events after the run.
_ANY_LOG: Mapping[str, Severity] = {
    **dict.fromkeys(("no-events", "log-size", "line-length", "event-json", "event-fields"), "error"),
    **dict.fromkeys(("duplicate-json-key", "glued-events", "text-after-event", "number-size"), "error"),
    **dict.fromkeys(("last-line", "line-end", "byte-order-mark", "binary-text", "encoding"), "warning"),
    **dict.fromkeys(("old-token", "text-before-token", "non-finite-number"), "warning"),
    **dict.fromkeys(("time-unit", "time-plausible", "one-run"), "error"),
    **dict.fromkeys(("time-order", "interval-length", "after-run-stop", "run-success"), "warning"),
    "identity-real": "warning",
    "json-form": "error",
    # the same runs are published for strong and for weak scaling
    "set-identical-logs": "warning",
    **dict.fromkeys(("set-unique-seeds", "set-same-setup", "set-completed", "set-numbering"), "warning"),
    "set-single-run": "note",
}

PROFILES: dict[str, Profile] = {
    "science": Profile("submissions of this benchmark to MLCommons Science"),
    "hpc": Profile("published logs of MLPerf HPC", _ANY_LOG),
    "training": Profile("published logs of MLPerf Training", _ANY_LOG),
}
