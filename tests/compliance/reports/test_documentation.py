"""The rules' documentation, and that vocabulary and timeline agree."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from benchmark import ROOT
from benchmark.record.events import EVENTS
from compliance.check import main
from compliance.registry import SCOPES, by_id, rule, run
from compliance.reports import documentation
from compliance.rules import RULE_BY_ID, own_rules
from compliance.subjects.timeline import LOOP, ORDER, PHASE, RESUMED, out_of_place, where_it_belongs

DOCS = ROOT / "docs"


def test_the_rules_document_is_the_generated_one() -> None:
    remedy = "run: python -m compliance.check --list-rules --format markdown > docs/rules.md"
    assert (DOCS / "rules.md").read_text() == documentation.list_markdown(), remedy


@pytest.mark.parametrize("each", RULE_BY_ID.values(), ids=lambda each: each.id)
def test_a_rule_has_a_short_demand_as_message_and_a_remedy(each) -> None:
    assert each.id == each.id.lower().replace("_", "-").replace(" ", "-")
    assert each.message.endswith(".")
    assert len(each.message) <= 125
    assert any(
        word in f" {each.message}" for word in (" must ", " should ", " may ", " is ", "Nothing", "No ")
    )
    assert each.clause
    assert each.expected
    assert each.remedy


def test_the_list_of_rules_exists_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(RULE_BY_ID)
    assert next(line for line in lines if line.startswith("run-success")).split() == (
        ["run-success", "error", "log", *RULE_BY_ID["run-success"].message.split()]
    )
    assert main(["--list-rules", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in listed] == list(RULE_BY_ID)
    assert {each["scope"] for each in listed} == {*SCOPES, None}


def test_a_rule_is_explained_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--explain", "loss-range"]) == 0
    assert capsys.readouterr().out == (
        "loss-range (error; scope: log; clause: house)\n\n"
        "A loss must not be negative: binary cross-entropy never is.\n\n"
        "expected: at least 0\nremedy:   log the mean binary cross-entropy\n"
    )


def test_a_rule_without_a_docstring_or_with_an_id_in_use_is_a_mistake_of_ours() -> None:
    facts = {"scope": "log", "severity": "error", "clause": "none", "expected": "x", "remedy": "x"}
    with pytest.raises(AssertionError, match="no docstring"):
        rule("new-rule", **facts)(lambda log: ())  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="run-success is defined twice"):
        by_id([*RULE_BY_ID.values(), RULE_BY_ID["run-success"]])
    assert "new-rule" not in RULE_BY_ID


def test_the_timeline_that_is_judged_is_the_order_of_the_vocabulary() -> None:
    judged = [key for group in ORDER for key in group]
    placed = [event.key for event in EVENTS if event.key != RESUMED]
    assert judged == placed
    phases = [PHASE[key] for key in placed]
    assert all(first <= second for first, second in pairwise(phases))
    of_epochs = [event.key for event in EVENTS if event.metadata.get("epoch_num")]
    assert of_epochs == [*LOOP[:-1], "epoch_energy", LOOP[-1]]


@pytest.mark.parametrize(
    ("ranks", "positions"),
    [
        ([], []),
        ([1, 1, 2, 3], []),
        ([1, 5, 2, 3], [1]),
        ([2, 3, 4, 1], [3]),
        ([4, 1, 2, 3], [0]),
        ([1, 2, 9, 3, 3, 0, 4], [2, 5]),
    ],
)
def test_the_fewest_positions_explain_a_disorder(ranks: list[int], positions: list[int]) -> None:
    assert out_of_place(ranks) == positions


def test_where_an_event_belongs_is_said_by_events_that_every_run_has() -> None:
    assert where_it_belongs("seed") == "`seed` after `init_start` and before `init_stop`"
    assert (
        where_it_belongs("inference_start")
        == "`inference_start` after `eval_stop` and before `scene_accuracy`"
    )
    assert (
        where_it_belongs("staging_stop") == "`staging_stop` after `staging_start` and before `train_samples`"
    )
    assert where_it_belongs("early_stop") == "`early_stop` after `eval_stop` and before `inference_start`"
    assert where_it_belongs("run_stop") == "`run_stop` after `result`"


def test_a_scope_without_subject_members_gives_no_finding() -> None:
    assert run("set", [], own_rules()) == []
