"""The report as workflow commands of GitHub Actions, which show findings at their lines of a pull request."""

from __future__ import annotations

from benchmark.core.escaping import printable
from compliance.finding import Severity
from compliance.reports.report import Report, at_least
from compliance.reports.text import summary

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def to_annotations(report: Report, severity: Severity = "note") -> str:
    """Write a line for every finding of a severity or above, for every unchecked path, and the summary."""
    lines = [
        _command(
            _COMMANDS[finding.severity],
            f"{finding.message} Found: {finding.found}. Expected: {finding.expected}. {finding.remedy}",
            title=f"{finding.rule} ({finding.clause})",
            file=finding.path,
            line=finding.line,
        )
        for finding in at_least(severity, report.findings)
    ]
    lines += [
        _command(
            "error",
            f"Found: {error.found}. Expected: {error.expected}. {error.remedy}",
            title=f"not checked: {error.where}",
        )
        for error in report.failures
    ]
    lines.append(_text(f"{summary(report)} - {report.verdict}"))
    return "".join(f"{line}\n" for line in lines)


def _command(name: str, message: str, **properties: object) -> str:
    given = (f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    return f"::{name} {','.join(given)}::{_text(message)}"


def _text(text: str) -> str:
    """Escape text so that it cannot end its command or begin another."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _text(text).replace(":", "%3A").replace(",", "%2C")
