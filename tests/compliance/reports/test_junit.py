"""The report as JUnit XML: read by other programs, whatever the logs contain."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

import pytest
from hypothesis import given

from benchmark.core.escaping import printable
from compliance.reports.junit import to_junit
from compliance.reports.report import Report
from tests.support.logs.reports import REPORT, SETTINGS, reports


def test_junit_has_a_suite_for_every_file_and_a_test_for_every_rule_that_found_something() -> None:
    text = to_junit(dataclasses.replace(REPORT, systems=("node.json",)))
    root = ElementTree.fromstring(text)
    assert root.attrib == {"name": "cloudmask-check", "tests": "5", "failures": "1", "errors": "1"}
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["logs/a b/result.txt", "logs/good.txt", "missing", "node.json"]
    assert [(test.get("name"), [child.tag for child in test]) for test in root.iter("testcase")] == [
        ("data-synthetic", ["system-out"]),
        ("benchmark-name", ["failure"]),
        ("all rules", []),
        ("all rules", ["error"]),
        ("all rules", []),
    ]
    assert suites["missing"].attrib == {"name": "missing", "tests": "1", "failures": "0", "errors": "1"}
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib == {"message": "The benchmark must be named cloudmask.", "type": "error"}
    assert failure.text == (
        "logs/a b/result.txt:3: error [benchmark-name] The benchmark must be named cloudmask. "
        "(S-application, S6.2-benchmarks)\n"
        "    found:    `{clouds}` [see](https://example.org)\n"
        "    expected: cloudmask\n"
        "    remedy:   check that the log is of this benchmark"
    )
    error = root.find(".//error")
    assert error is not None
    assert error.attrib == {"message": "No such file", "type": "not checked"}
    assert error.text == "    found:    No such file\n    expected: a log\n    remedy:   name a log"


def test_junit_shows_what_severity_asks_for() -> None:
    root = ElementTree.fromstring(to_junit(REPORT, "warning"))
    names = [test.get("name") for test in root.iter("testcase")]
    assert names == ["benchmark-name", "all rules", "all rules"]


@SETTINGS
@given(report=reports)
def test_junit_is_read_whatever_the_logs_contain(report: Report) -> None:
    text = to_junit(report)
    assert text.isascii()
    root = ElementTree.fromstring(text)
    files = {log.path for log in report.logs} | {*report.systems, *report.trees}
    files |= {finding.path for finding in report.findings} | {error.where for error in report.failures}
    assert [suite.get("name") for suite in root] == [printable(path) for path in sorted(files)]
    told = "".join(root.itertext())
    for finding in report.findings:
        assert printable(finding.found) in told
    for element in root.iter():
        if element.tag in ("testsuites", "testsuite"):
            counts = {name: sum(1 for _ in element.iter(name)) for name in ("testcase", "failure", "error")}
            assert [element.get(name) for name in ("tests", "failures", "errors")] == [
                *map(str, counts.values())
            ]
            assert element.find(".//testcase") is not None or not files


@SETTINGS
@given(report=reports)
def test_junit_is_read_by_junitparser(report: Report) -> None:
    junitparser = pytest.importorskip("junitparser")
    suites = junitparser.JUnitXml.fromstring(to_junit(report).encode())
    tests = [test for suite in suites for test in suite]
    assert suites.tests == len(tests)
    assert suites.errors == len(report.failures)
    results = [type(result).__name__ for test in tests for result in test.result]
    wrong = {(each.path, each.rule) for each in report.findings if each.severity == "error"}
    assert results.count("Failure") == suites.failures == len(wrong)
    assert all(test.is_passed for test in tests if not test.result)
