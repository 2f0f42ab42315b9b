"""The result of a check, and its JSON form for programs.

The JSON (`--format json`) is one object:

    format      "cloudmask-check-2"; another number if a field changes or goes
    verdict     "passed", "failed" (errors were found) or "incomplete" (a path could not be checked)
    exit_code   0, 1 or 2, as the verdict
    rules_edition  the editions of the rules that were applied (--list-clauses has them in full)
    strict      whether warnings fail the check
    profiles    {profile: {verdict, logs, error, warning, note}} of every profile that judged something
    left_out    [rule] of the profiles that settings or the command line left out
    opinions    {"passed": n, "failed": n, "crashed": n, "not asked": n}: logs by what upstream's
                checker says about them; only those that occur, none without --second-opinion
    counts      {"error": n, "warning": n, "note": n}
    logs        [{path, profile, sha256, bytes, lines, events, seed, data_kind, epochs, test_accuracy,
                quality_target, status}], null where a log does not say
    systems     [path] of the system descriptions
    trees       [path] of the submission trees
    configs     [path] of the configurations
    archives    [path] of the tars; what is in them follows a `!`
    findings    [{rule, severity, path, line, clause, message, found, expected, remedy, profile}], line
                null where no single line is meant
    failures    [{where, found, expected, remedy}]
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from benchmark.core.errors import CloudMaskError
from benchmark.record.events import RULES_EDITION
from compliance.finding import SEVERITIES, Finding, Severity
from compliance.subjects.log import Log

FORMAT = "cloudmask-check-2"


@dataclass(frozen=True)
class LogSummary:
    """What a log says about its run; None if it does not say."""

    path: str
    #: The profile that judged it.
    profile: str
    sha256: str
    bytes: int
    lines: int
    events: int
    seed: int | None
    data_kind: str | None
    epochs: int
    test_accuracy: float | None
    quality_target: float | None
    status: str | None


def summarise(log: Log, profile: str) -> LogSummary:
    """Summarise a log that a profile has judged."""
    return LogSummary(
        path=log.path,
        profile=profile,
        sha256=log.sha256,
        bytes=log.bytes,
        lines=log.lines,
        events=len(log.events),
        seed=log.integer("seed"),
        data_kind=log.text("data_kind"),
        epochs=len(log.all("epoch_stop")),
        test_accuracy=log.number("test_accuracy"),
        quality_target=log.number("quality_target"),
        status=log.status,
    )


@dataclass(frozen=True)
class Report:
    """The result of a check. ``failures`` are the paths that could not be checked."""

    findings: tuple[Finding, ...] = ()
    failures: tuple[CloudMaskError, ...] = ()
    logs: tuple[LogSummary, ...] = ()
    systems: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    #: Rules of the profiles that were not applied.
    left_out: tuple[str, ...] = ()
    #: Whether warnings fail the check.
    strict: bool = False
    #: Number of logs by upstream's verdict, if it was asked.
    opinions: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[Severity, int]:
        """Number of findings of each severity."""
        seen = Counter(finding.severity for finding in self.findings)
        return {severity: seen[severity] for severity in SEVERITIES}

    @property
    def exit_code(self) -> int:
        """0 no errors, 1 errors found (with ``strict``, or warnings), 2 something could not be checked."""
        return 2 if self.failures else int(self.fails(self.counts))

    def fails(self, counts: Mapping[Severity, int]) -> bool:
        """Whether these counts of findings by severity fail the check."""
        return bool(counts["error"] or (self.strict and counts["warning"]))

    @property
    def by_profile(self) -> dict[str, Report]:
        """The logs and findings of each profile, in the order of the logs."""
        names = [*(log.profile for log in self.logs), *(finding.profile for finding in self.findings)]
        return {
            name: Report(
                tuple(finding for finding in self.findings if finding.profile == name),
                logs=tuple(log for log in self.logs if log.profile == name),
                strict=self.strict,
            )
            for name in dict.fromkeys(names)
        }

    @property
    def verdict(self) -> str:
        """The exit code as a word."""
        return ("passed", "failed", "incomplete")[self.exit_code]


def merge(reports: Sequence[Report]) -> Report:
    """Merge several reports into one."""
    return Report(
        tuple(finding for report in reports for finding in report.findings),
        tuple(failure for report in reports for failure in report.failures),
        tuple(log for report in reports for log in report.logs),
        tuple(system for report in reports for system in report.systems),
        tuple(tree for report in reports for tree in report.trees),
        tuple(config for report in reports for config in report.configs),
        tuple(archive for report in reports for archive in report.archives),
    )


def at_least(severity: Severity, findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings of a severity or above."""
    wanted = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return [finding for finding in findings if finding.severity in wanted]


def by_file(findings: Iterable[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """Yield each path with its findings, ordered by path and line."""
    ordered = sorted(findings, key=lambda finding: (finding.path, finding.line or 0))
    for path, group in groupby(ordered, key=lambda finding: finding.path):
        yield path, list(group)


def to_json(report: Report, severity: Severity = "note") -> dict[str, object]:
    """Return the report as JSON values, with the findings of a severity or above."""
    return {
        "format": FORMAT,
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "rules_edition": RULES_EDITION,
        "strict": report.strict,
        "profiles": {
            name: {"verdict": each.verdict, "logs": len(each.logs), **each.counts}
            for name, each in report.by_profile.items()
        },
        "left_out": list(report.left_out),
        "opinions": dict(report.opinions),
        "counts": report.counts,
        "logs": [dataclasses.asdict(log) for log in report.logs],
        "systems": list(report.systems),
        "trees": list(report.trees),
        "configs": list(report.configs),
        "archives": list(report.archives),
        "findings": [dataclasses.asdict(finding) for finding in at_least(severity, report.findings)],
        "failures": [
            {"where": error.where, "found": error.found, "expected": error.expected, "remedy": error.remedy}
            for error in report.failures
        ],
    }
