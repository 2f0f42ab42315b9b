"""The report as Markdown for a comment on a pull request: verdict, runs, findings by file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from compliance.finding import Finding, Severity
from compliance.reports.report import RUN_HEADINGS, RUN_WORDS, Report, at_least, by_file, run_cells, summary
from compliance.wording import printable

_FINDING_HEADINGS = ("line", "severity", "rule", "problem", "found", "expected", "remedy")
_FAILURE_HEADINGS = ("path", "found", "expected", "remedy")
_NUMBERS = frozenset(RUN_HEADINGS) - RUN_WORDS | {"line"}

#: Characters that mean something to Markdown, HTML or the tables of GitHub's dialect, and the dot
#: that makes a link of a bare name.
_ACTIVE = re.compile(r"[\\`*_~$|<>&:!\[\]@#]|(?<=www)\.", re.IGNORECASE)
#: Where a code host would notify a person, write to an address or refer to an issue.
_NOTIFYING = re.compile(r"@(?=\w)|#(?=\d)")
_WORD_JOINER = "\u2060"  # invisible, and part of no name


def to_markdown(report: Report, severity: Severity = "note") -> str:
    """The report as Markdown with tables in GitHub's dialect, with the findings from a severity on.

    No text from a log or a path can become markup, a link or a mention.
    """
    return "\n\n".join("\n".join(block) for block in _blocks(report, severity)) + "\n"


def _blocks(report: Report, severity: Severity) -> Iterator[Iterable[str]]:
    yield [f"**CloudMask compliance check: {report.verdict}**"]
    yield [summary(report)]
    if report.failures:
        yield ["### Not checked"]
        failures = ((e.where, e.found, e.expected, e.remedy) for e in report.failures)
        yield _table(_FAILURE_HEADINGS, failures)
    if report.logs:
        yield ["### Runs"]
        yield _table(RUN_HEADINGS, map(run_cells, report.logs))
    for path, findings in by_file(at_least(severity, report.findings)):
        yield [f"### {escape(path or '.')}"]
        yield _table(_FINDING_HEADINGS, map(_finding_cells, findings))


def _finding_cells(finding: Finding) -> tuple[str, ...]:
    line = "" if finding.line is None else str(finding.line)
    problem = f"{finding.message} ({finding.clause})"
    details = (finding.found, finding.expected, finding.remedy)
    return (line, finding.severity, finding.rule, problem, *details)


def _table(headings: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Rows of unescaped cells as lines; numbers to the right."""
    yield _row(headings)
    yield _row("---:" if heading in _NUMBERS else "---" for heading in headings)
    for row in rows:
        yield _row(map(escape, row))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """A text of any characters as one line of Markdown that shows it and does nothing else.

    Character references stand for what is active: unlike a backslash they mean the same in
    every dialect, in a table's cell as outside.
    """
    marked = _NOTIFYING.sub(lambda match: match[0] + _WORD_JOINER, printable(text))
    return _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", marked)
