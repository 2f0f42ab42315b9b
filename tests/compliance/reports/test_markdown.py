"""The report as Markdown: every text is shown, and none is markup, whatever the logs contain."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from benchmark.core.escaping import escape_markdown, printable
from compliance.finding import SEVERITIES
from compliance.reports.markdown_report import to_markdown
from compliance.reports.report import Report, at_least
from compliance.reports.text import run_cells
from compliance.subjects.markdown_text import tables
from tests.support.logs.reports import REPORT, SETTINGS, reports


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
