"""What a check saw and found, and its two forms: text for people, JSON for programs.

The JSON (`--format json`) is one object:

    format      "cloudmask-check-1"; another number if a field changes or goes
    verdict     "passed", "failed" (errors were found) or "incomplete" (a path could not be checked)
    exit_code   0, 1 or 2, as the verdict
    profile     "science", "hpc" or "training"
    left_out    [rule] of the profile that settings or the command line left out
    opinions    {"passed": n, "failed": n, "crashed": n, "not asked": n}: logs by what upstream's
                checker says of them; only those that occur, none without --second-opinion
    counts      {"error": n, "warning": n, "note": n}
    logs        [{path, sha256, bytes, lines, events, seed, data_kind, epochs, test_accuracy,
                quality_target, status}], null where a log does not say
    systems     [path] of the system descriptions
    trees       [path] of the submission trees
    configs     [path] of the configurations
    archives    [path] of the tars; what is in them follows a `!`
    findings    [{rule, severity, path, line, clause, message, found, expected, remedy}], line null
                where no single line is meant
    failures    [{where, found, expected, remedy}]
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from benchmark.core.errors import CloudMaskError
from compliance.finding import SEVERITIES, Finding, Severity
from compliance.subjects.log import Log
from compliance.wording import count, printable

FORMAT = "cloudmask-check-1"

_COLOURS = {"error": "\033[1;31m", "warning": "\033[33m", "note": "\033[36m", "passed": "\033[32m"}
_COLOURS |= {"failed": _COLOURS["error"], "incomplete": _COLOURS["error"], "path": "\033[1m"}
_PLAIN = "\033[0m"

#: The table of the runs: its headings, and which of its columns hold words; the others hold numbers.
RUN_HEADINGS = ("log", "seed", "epochs", "test accuracy", "target", "data", "status")
RUN_WORDS = frozenset(("log", "data", "status"))


@dataclass(frozen=True)
class LogSummary:
    """What a log says of its run; None where it does not say."""

    path: str
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


def summarise(log: Log) -> LogSummary:
    """The summary of a log."""
    return LogSummary(
        path=log.path,
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
    """What a check saw and found. ``failures`` are the paths that could not be checked."""

    findings: tuple[Finding, ...] = ()
    failures: tuple[CloudMaskError, ...] = ()
    logs: tuple[LogSummary, ...] = ()
    systems: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    #: The profile of rules, and which of its rules were not applied.
    profile: str = "science"
    left_out: tuple[str, ...] = ()
    #: Logs by what upstream's checker says of them, where it was asked.
    opinions: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[Severity, int]:
        """Number of findings of each severity."""
        seen = Counter(finding.severity for finding in self.findings)
        return {severity: seen[severity] for severity in SEVERITIES}

    @property
    def exit_code(self) -> int:
        """0 no errors, 1 errors found, 2 something could not be checked."""
        return 2 if self.failures else min(1, self.counts["error"])

    @property
    def verdict(self) -> str:
        """The exit code in a word."""
        return ("passed", "failed", "incomplete")[self.exit_code]


def merge(reports: Sequence[Report]) -> Report:
    """Several reports as one."""
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
    """The findings that are of a severity or graver."""
    wanted = SEVERITIES[: SEVERITIES.index(severity) + 1]
    return [finding for finding in findings if finding.severity in wanted]


def by_file(findings: Iterable[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """The findings of each path, in the order of paths and lines."""
    ordered = sorted(findings, key=lambda finding: (finding.path, finding.line or 0))
    for path, group in groupby(ordered, key=lambda finding: finding.path):
        yield path, list(group)


def to_json(report: Report, severity: Severity = "note") -> dict[str, object]:
    """The report as JSON values, with the findings from a severity on."""
    return {
        "format": FORMAT,
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "profile": report.profile,
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


def to_text(
    report: Report,
    severity: Severity = "note",
    *,
    colour: bool = False,
    shown: Container[Finding] = frozenset(),
) -> str:
    """The report for people: findings by file, a table of the runs, one line of summary.

    ``shown``: findings that have been told already; they count, and are not listed again.
    """
    paint = painted if colour else unpainted
    blocks: list[str] = []
    listed = [finding for finding in at_least(severity, report.findings) if finding not in shown]
    for _, findings in by_file(listed):
        blocks.append("\n".join(finding_text(finding, paint) for finding in findings))
    blocks += [
        f"{paint(printable(error.where), 'path')}: {paint('not checked', 'error')}\n"
        + details(error.found, error.expected, error.remedy)
        for error in report.failures
    ]
    if report.logs:
        blocks.append("\n".join(_table(report.logs)))
    blocks.append(f"{summary(report)} - {paint(report.verdict, report.verdict)}")
    return "\n\n".join(blocks) + "\n"


def summary(report: Report) -> str:
    """What was checked and how many findings there are, in one line: ``1 log, 81 events: 0 errors, …``."""
    counted = ", ".join(count(number, name) for name, number in report.counts.items())
    if report.profile != "science":
        counted += f", by the rules of profile {report.profile}"
    if report.left_out:
        counted += f", {count(len(report.left_out), 'rule')} not applied"
    if report.opinions:
        said = (f"{number} {verdict}" for verdict, number in sorted(report.opinions.items()))
        counted += f", upstream: {' and '.join(said)}"
    return f"{', '.join(_seen(report)) or 'nothing checked'}: {counted}"


def painted(text: str, kind: str) -> str:
    """The text in the colour of a kind: a severity, a verdict or ``path``."""
    return f"{_COLOURS[kind]}{text}{_PLAIN}"


def unpainted(text: str, kind: str) -> str:
    """The text as it is."""
    return text


def finding_text(finding: Finding, paint: Callable[[str, str], str] = unpainted) -> str:
    """A finding in four lines."""
    place = printable(finding.path) + (f":{finding.line}" if finding.line is not None else "")
    head = f"{paint(place, 'path')}: {paint(finding.severity, finding.severity)} [{finding.rule}] "
    head += f"{printable(finding.message)} ({printable(finding.clause)})"
    return f"{head}\n{details(finding.found, finding.expected, finding.remedy)}"


def details(found: str, expected: str, remedy: str) -> str:
    """What was found, what was expected and what to do, in three indented lines."""
    parts = {"found": found, "expected": expected, "remedy": remedy}
    return "\n".join(f"    {name + ':':9} {printable(text)}" for name, text in parts.items())


def _seen(report: Report) -> Iterator[str]:
    """What was checked, in words."""
    if report.archives:
        yield count(len(report.archives), "tar")
    if report.trees:
        yield count(len(report.trees), "submission tree")
    if report.systems:
        yield count(len(report.systems), "system description")
    if report.configs:
        yield count(len(report.configs), "configuration")
    if report.logs:
        yield count(len(report.logs), "log")
        yield count(sum(log.events for log in report.logs), "event")


def run_cells(log: LogSummary) -> tuple[str, ...]:
    """A run as a row of the table of runs (``RUN_HEADINGS``); a dash where the log does not say."""
    score = "-" if log.test_accuracy is None else f"{log.test_accuracy:.4f}"
    target = "-" if log.quality_target is None else f"{log.quality_target:g}"
    status = "no run_stop" if log.status is None else log.status
    seed = "-" if log.seed is None else str(log.seed)
    cells = (log.path, seed, str(log.epochs), score, target, log.data_kind or "-", status)
    return tuple(map(printable, cells))


def _table(logs: Iterable[LogSummary]) -> Iterator[str]:
    """The runs as lines of aligned columns: words to the left, numbers to the right."""
    rows = [RUN_HEADINGS, *map(run_cells, logs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if heading in RUN_WORDS else cell.rjust(width)
            for heading, cell, width in zip(RUN_HEADINGS, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()
