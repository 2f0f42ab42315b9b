"""The report as SARIF 2.1.0 (OASIS), which code hosts and editors show next to the lines it names."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from benchmark.core.errors import CloudMaskError
from benchmark.core.escaping import printable
from compliance.finding import Finding, Severity
from compliance.registry import Rule
from compliance.reports.report import Report, at_least
from compliance.rules import RULE_BY_ID

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

#: Name of our fingerprint; raise the number if its content changes.
FINGERPRINT = "cloudmaskFinding/v1"

Object = dict[str, object]


def to_sarif(report: Report, severity: Severity = "note") -> dict[str, object]:
    """Return the report as the JSON values of a SARIF log, with the findings of a severity or above.

    Severities are SARIF's levels. A path that could not be checked is a notification of the only
    invocation, which is then not successful. No text or path makes it raise.
    """
    findings = at_least(severity, report.findings)
    rules = list(dict.fromkeys(finding.rule for finding in findings))
    driver = {"name": "cloudmask-check", "rules": [_descriptor(RULE_BY_ID[id]) for id in rules]}
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(report)],
        "results": [
            _result(finding, rules.index(finding.rule), fingerprint)
            for finding, fingerprint in zip(findings, _fingerprints(findings), strict=True)
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _descriptor(rule: Rule) -> Object:
    return {
        "id": rule.id,
        "shortDescription": _message(rule.message),
        "fullDescription": _message(rule.documentation),
        "help": _message(f"Expected: {rule.expected}", f"Remedy: {rule.remedy}", f"Clause: {rule.clause}"),
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: Finding, rule_index: int, fingerprint: str) -> Object:
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": finding.severity,
        "message": _message(finding.message, *_details(finding)),
        "locations": [_location(finding.path, finding.line)],
        "partialFingerprints": {FINGERPRINT: fingerprint},
    }


def _invocation(report: Report) -> Object:
    return {
        "executionSuccessful": not report.failures,
        "exitCode": report.exit_code,
        "exitCodeDescription": report.verdict,
        "toolExecutionNotifications": [
            {
                "level": "error",
                "message": _message(f"{error.where} was not checked.", *_details(error)),
                "locations": [_location(error.where)],
            }
            for error in report.failures
        ],
    }


def _details(problem: Finding | CloudMaskError) -> tuple[str, str, str]:
    return f"Found: {problem.found}", f"Expected: {problem.expected}", f"Remedy: {problem.remedy}"


def _message(*lines: str) -> Object:
    """Make a plain text message. Double braces, which would be placeholders, as SARIF requires,
    and let no text from a log become a link, which SARIF writes as ``[text](target)``."""
    text = "\n".join(map(printable, lines))
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _location(path: str, line: int | None = None) -> Object:
    region = {} if line is None else {"region": {"startLine": line}}
    return {"physicalLocation": {"artifactLocation": {"uri": uri(path)}, **region}}


def uri(path: str) -> str:
    """Return a path as an ASCII URI reference: relative as given, or a ``file`` URI.

    An empty path means the working folder.
    """
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:  # a lone surrogate that encodes no byte; no file has such a name
        name = path.encode("utf-8", "surrogatepass")
    return ("file://" if path.startswith("/") else "") + quote(name or b".")


def _fingerprints(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what identifies each finding across checks: rule, file and what was found, but not the line,
    which moves when a file is edited. Order distinguishes equal findings."""
    seen: Counter[str] = Counter()
    for finding in findings:
        content = "\n".join((finding.rule, uri(finding.path), printable(finding.found)))
        seen[content] += 1
        yield hashlib.sha256(f"{content}\n{seen[content]}".encode()).hexdigest()
