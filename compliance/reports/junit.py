"""The report as JUnit XML, which continuous integration shows as tests: a suite for every file.

testsuites  tests, failures, errors
testsuite   name (the path), tests, failures, errors
testcase    name (the rule, or "all rules"), classname (the path)
failure     an error that was found: message, type; the findings as text
system-out  warnings and notes of a test that passed
error       a path that could not be checked: message, type; what to do as text
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from benchmark.core.errors import CloudMaskError
from benchmark.core.escaping import printable
from compliance.finding import Finding, Severity
from compliance.reports.report import Report, at_least, by_file
from compliance.reports.text import details, finding_text

#: The test of a file that has no findings or could not be checked.
ALL_RULES = "all rules"


def to_junit(report: Report, severity: Severity = "note") -> str:
    """Return the report as an XML document in ASCII, with the findings of a severity or above.

    Texts pass through ``printable``, which escapes every character that XML 1.0 forbids.
    """
    findings = dict(by_file(at_least(severity, report.findings)))
    root = Element("testsuites", name="cloudmask-check")
    for path in _paths(report, findings):
        suite = SubElement(root, "testsuite", name=printable(path))
        failures = (error for error in report.failures if error.where == path)
        suite.extend(_tests(path, findings.get(path, ()), failures))
        _count(suite)
    _count(root)
    indent(root)
    # ASCII with character references gives the same file in any terminal encoding.
    return tostring(root, encoding="us-ascii", xml_declaration=True).decode("ascii") + "\n"


def _paths(report: Report, found: Iterable[str]) -> list[str]:
    """Return every path that was checked, has findings, or could not be checked."""
    logs = (log.path for log in report.logs)
    failed = (error.where for error in report.failures)
    return sorted({*chain(logs, report.systems, report.trees, found, failed)})


def _tests(path: str, findings: Iterable[Finding], failures: Iterable[CloudMaskError]) -> Iterator[Element]:
    """Yield the tests of a file: one per rule with findings and per failure, or one that passes."""
    of_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        of_rule.setdefault(finding.rule, []).append(finding)
    tests = [_rule_test(path, rule, found) for rule, found in of_rule.items()]
    tests += [_failed_test(path, error) for error in failures]
    yield from tests or [_test(path, ALL_RULES)]


def _rule_test(path: str, rule: str, findings: list[Finding]) -> Element:
    text = "\n".join(map(finding_text, findings))
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        return _test(path, rule, "failure", text, message=errors[0].message, type=errors[0].severity)
    return _test(path, rule, "system-out", text)


def _failed_test(path: str, error: CloudMaskError) -> Element:
    text = details(error.found, error.expected, error.remedy)
    return _test(path, ALL_RULES, "error", text, message=error.found, type="not checked")


def _test(path: str, name: str, outcome: str = "", text: str = "", **attributes: str) -> Element:
    """Make a test, with an element for its outcome unless it passes without findings."""
    test = Element("testcase", name=printable(name), classname=printable(path))
    if outcome:
        SubElement(test, outcome, {key: printable(value) for key, value in attributes.items()}).text = text
    return test


def _count(element: Element) -> None:
    """Set an element's numbers of tests, failures and errors."""
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        element.set(attribute, str(sum(1 for _ in element.iter(tag))))
