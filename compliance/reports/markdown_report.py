"""The report as Markdown for a comment on a pull request: verdict, runs, findings by file."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.core.escaping import escape_markdown, markdown_table
from compliance.finding import Finding, Severity
from compliance.reports.report import Report, at_least, by_file
from compliance.reports.text import RUN_HEADINGS, RUN_WORDS, run_cells, summary

_FINDING_HEADINGS = ("line", "severity", "rule", "problem", "found", "expected", "remedy")
_FAILURE_HEADINGS = ("path", "found", "expected", "remedy")
_NUMBERS = frozenset(RUN_HEADINGS) - RUN_WORDS | {"line"}


def to_markdown(report: Report, severity: Severity = "note") -> str:
    """Return the report as Markdown with GitHub's tables, and the findings of a severity or above.

    No text from a log or a path can become markup, a link or a mention.
    """
    return "\n\n".join(_blocks(report, severity)) + "\n"


def _blocks(report: Report, severity: Severity) -> Iterator[str]:
    yield f"**CloudMask compliance check: {report.verdict}**"
    yield summary(report)
    if report.failures:
        yield "### Not checked"
        failures = ((e.where, e.found, e.expected, e.remedy) for e in report.failures)
        yield markdown_table(_FAILURE_HEADINGS, failures)
    if report.logs:
        yield "### Runs"
        yield markdown_table(RUN_HEADINGS, map(run_cells, report.logs), right=_NUMBERS)
    for path, findings in by_file(at_least(severity, report.findings)):
        yield f"### {escape_markdown(path or '.')}"
        yield markdown_table(_FINDING_HEADINGS, map(_finding_cells, findings), right=_NUMBERS)


def _finding_cells(finding: Finding) -> tuple[str, ...]:
    line = "" if finding.line is None else str(finding.line)
    problem = f"{finding.message} ({finding.clause})"
    details = (finding.found, finding.expected, finding.remedy)
    return (line, finding.severity, finding.rule, problem, *details)
