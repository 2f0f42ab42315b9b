"""Reports to write in other programs' formats: one made by hand, and reports with hostile texts."""

from __future__ import annotations

import dataclasses

from hypothesis import settings
from hypothesis import strategies as st

from compliance.finding import SEVERITIES, Finding
from compliance.registry import OWN
from compliance.reports.report import LogSummary, Report
from compliance.rules import RULE_BY_ID
from compliance.subjects.folders import CheckError

SETTINGS = settings(max_examples=60, deadline=None)


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
