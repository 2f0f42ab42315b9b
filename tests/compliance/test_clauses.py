"""Every rule cites clauses that exist, every clause has rules or the reason why not, and docs show both."""

from __future__ import annotations

import json

import pytest

from benchmark import ROOT
from benchmark.record.events import RULES_EDITION
from compliance.check import main
from compliance.clauses.texts import FILE, HOUSE, Clause, cited, clauses, texts
from compliance.registry import Rule
from compliance.reports.coverage import coverage_markdown, rules_by_clause
from compliance.rules import ALL_RULES


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.id)
def test_a_rule_cites_clauses_that_exist_or_house_alone(rule: Rule) -> None:
    ids = cited(rule.clause)
    assert len(ids) == len(set(ids))
    assert ids == (HOUSE,) or all(id in clauses() for id in ids)


@pytest.mark.parametrize("clause", clauses().values(), ids=lambda clause: clause.id)
def test_a_clause_has_either_a_rule_or_the_reason_why_none_can_check_it(clause: Clause) -> None:
    assert bool(rules_by_clause().get(clause.id)) != bool(clause.unchecked)
    assert clause.text in texts()
    assert clause.quote.strip()
    assert clause.section.strip()


def test_ids_of_clauses_are_unique() -> None:
    assert FILE.read_text().count("\n  - id: ") == len(clauses())


def test_every_text_states_its_source_and_edition() -> None:
    assert all(text.title and text.source and text.edition for text in texts().values())
    assert {"S", "P", "G", "T", "H", "K"} <= texts().keys()


def test_the_edition_that_logs_bundles_and_reports_state_is_that_of_the_texts() -> None:
    parts = [part.rpartition(" ")[2] for part in RULES_EDITION.split(", ")]
    letters = ("P", "S", "T", "K")
    where = {letter: f"{texts()[letter].source} {texts()[letter].edition}" for letter in letters}
    where["T"] = texts()["K"].source  # whose rule files are those of the newest round
    assert [part in where[letter] for letter, part in zip(letters, parts, strict=True)] == [True] * 4


def test_the_coverage_document_is_the_generated_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert (ROOT / "docs" / "clauses.md").read_text() == coverage_markdown()
    assert main(["--list-clauses", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == coverage_markdown()


def test_the_coverage_is_listed_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-clauses"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(clauses())
    assert any(line.startswith("S6.2 ") and "division-open" in line for line in lines)
    assert main(["--list-clauses", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in listed] == list(clauses())
    assert all(each["rules"] or each["unchecked"] for each in listed)


def test_clauses_are_not_listed_in_a_format_for_findings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--list-clauses", "--format", "sarif"])
    assert "clauses are listed as text, json or markdown" in capsys.readouterr().err
