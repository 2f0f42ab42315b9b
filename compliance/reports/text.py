"""The report as text for people: findings by file, a table of the runs, one line of summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace

from benchmark.core.escaping import printable
from compliance.finding import Finding, Severity
from compliance.reports.report import LogSummary, Report, at_least, by_file
from compliance.wording import count

_COLOURS = {"error": "\033[1;31m", "warning": "\033[33m", "note": "\033[36m", "passed": "\033[32m"}
_COLOURS |= {"failed": _COLOURS["error"], "incomplete": _COLOURS["error"], "path": "\033[1m"}
_PLAIN = "\033[0m"

#: The table of runs: its headings, and the columns that hold words; the others hold numbers.
RUN_HEADINGS = ("log", "seed", "epochs", "test accuracy", "target", "data", "status")
RUN_WORDS = frozenset(("log", "data", "status"))
#: Longer paths in the table are shown relative to the folder that they share.
PATH_WIDTH = 60


def to_text(
    report: Report,
    severity: Severity = "note",
    *,
    colour: bool = False,
    shown: Container[Finding] = frozenset(),
) -> str:
    """Return the report for people: findings by file, a table of the runs, one line of summary.

    ``shown``: findings already shown, which count but are not listed again.
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
    blocks.append("\n".join(_verdicts(report, paint)))
    return "\n\n".join(blocks) + "\n"


def _verdicts(report: Report, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Yield a line for each profile if there are several, and one for the whole."""
    profiles = report.by_profile
    for name, each in profiles.items() if len(profiles) > 1 else ():
        yield f"profile {name}: {summary(each)} - {paint(each.verdict, each.verdict)}"
    named = f", by profile {next(iter(profiles))}" if len(profiles) == 1 else ""
    yield f"{summary(report)}{named} - {paint(report.verdict, report.verdict)}"


def summary(report: Report) -> str:
    """Say in one line what was checked and the number of findings: ``1 log, 81 events: 0 errors, …``."""
    counted = ", ".join(count(number, name) for name, number in report.counts.items())
    if report.left_out:
        counted += f", {count(len(report.left_out), 'rule')} not applied"
    if report.opinions:
        said = (f"{number} {verdict}" for verdict, number in sorted(report.opinions.items()))
        counted += f", upstream: {' and '.join(said)}"
    return f"{', '.join(_seen(report)) or 'nothing checked'}: {counted}"


def painted(text: str, kind: str) -> str:
    """Return the text in the colour of a kind: a severity, a verdict or ``path``."""
    return f"{_COLOURS[kind]}{text}{_PLAIN}"


def unpainted(text: str, kind: str) -> str:
    """Return the text unchanged."""
    return text


def finding_text(finding: Finding, paint: Callable[[str, str], str] = unpainted) -> str:
    """Return a finding in four lines."""
    place = printable(finding.path) + (f":{finding.line}" if finding.line is not None else "")
    head = f"{paint(place, 'path')}: {paint(finding.severity, finding.severity)} [{finding.rule}] "
    head += f"{printable(finding.message)} ({printable(finding.clause)})"
    return f"{head}\n{details(finding.found, finding.expected, finding.remedy)}"


def details(found: str, expected: str, remedy: str) -> str:
    """Return what was found, what was expected and what to do, in three indented lines."""
    parts = {"found": found, "expected": expected, "remedy": remedy}
    return "\n".join(f"    {name + ':':9} {printable(text)}" for name, text in parts.items())


def _seen(report: Report) -> Iterator[str]:
    """Yield what was checked, in words."""
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
    """Return a run as a row of the table (``RUN_HEADINGS``), with a dash where the log does not say."""
    score = "-" if log.test_accuracy is None else f"{log.test_accuracy:.4f}"
    target = "-" if log.quality_target is None else f"{log.quality_target:g}"
    status = "no run_stop" if log.status is None else log.status
    seed = "-" if log.seed is None else str(log.seed)
    cells = (log.path, seed, str(log.epochs), score, target, log.data_kind or "-", status)
    return tuple(map(printable, cells))


def _table(logs: Sequence[LogSummary]) -> Iterator[str]:
    """Yield the runs as lines of aligned columns: words to the left, numbers to the right.

    The folder of long paths appears once, above: otherwise the table would be wider than a terminal.
    """
    folder = _folder_of([log.path for log in logs])
    if folder:
        yield f"in {printable(folder)}:"
        logs = [replace(log, path=log.path.removeprefix(folder + os.sep)) for log in logs]
    rows = [RUN_HEADINGS, *map(run_cells, logs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if heading in RUN_WORDS else cell.rjust(width)
            for heading, cell, width in zip(RUN_HEADINGS, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _folder_of(paths: Sequence[str]) -> str:
    """Return the folder that all paths share if any of them is long, else an empty string."""
    if max(map(len, paths)) <= PATH_WIDTH:
        return ""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths]).rstrip(os.sep)
    except ValueError:  # absolute and relative paths
        return ""
