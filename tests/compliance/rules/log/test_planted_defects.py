"""Every kind of defect, planted in every good log, is caught by its rule, and no other rule is noisy.

Several defects at once are never judged without an error, and no rule crashes on them.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmark.record.events import OF_EDITION
from compliance.rules import RULE_BY_ID, own_rules
from tests.support.defects.catalogue import DEFECTS, GENERAL
from tests.support.defects.defect import Defect
from tests.support.defects.general.events import near_misses
from tests.support.logs.good_logs import GOOD, KEPT, OTHER, USUAL, rules_of
from tests.support.logs.hand_logs import findings
from tests.support.logs.log_edits import Fields, as_bytes, events_of

#: Words in the names of the kinds that a good log has no place for.
LACKS = {
    "completed": (
        *("skipped_scene", "early_stop", "too late", "too early", "another last", "another best"),
        *(
            "epoch_energy",
            "resumed",
            "whole_scene_agreement",
            "losses that fall",
            "as observed",
            "against truth",
            "whole scenes: ",
            "other ones trained on",
        ),
        # of the newer edition, and of the newer format of its result
        *(f": {key}" for key in ("rules_edition", *OF_EDITION)),
        *(" of data_location", "data_location", "before run_start", "identity: edition"),
        *("by the policy's name", "another opt_base_learning_rate", "another validation_", ": validation_"),
    ),
    "early_stopped": (
        *("submission_poc", "no contact", "fewer than stated", "early_stop of no", "not cleared"),
        *("parameter: synthetic data", "truth of observed", "scenes: observed", "scenes: one fewer"),
        *("scenes: one of inference", "result: another eval_", "result: eval_"),
        # without truth, of longer epochs, without accelerators
        *("parts: more hits by day", "hits without borders", "an epoch of a second", "short staging"),
        *("a thousand times as fast", "before epoch_start 1"),
    ),
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_found_by_its_rule_and_by_no_other(defect: Defect) -> None:
    """In every log that has a place for it; LACKS says below which may have none."""
    planted = {log: text for log, good in KEPT.items() if (text := defect(good)) is not None}
    planted = planted or {log: text for log, good in OTHER.items() if (text := defect(good)) is not None}
    for log, text in planted.items():
        assert text != GOOD[log], log
        found = rules_of(text) - USUAL[log]
        assert defect.rule in found, log
        assert found <= {defect.rule, *defect.also}, log


def test_there_are_a_thousand_kinds_and_each_names_rules_that_exist() -> None:
    names = [defect.name for defect in DEFECTS]
    assert len(set(names)) == len(names) >= 950
    assert {rule for defect in DEFECTS for rule in (defect.rule, *defect.also)} <= RULE_BY_ID.keys()


def test_every_kind_applies_to_a_good_log_and_is_skipped_only_where_the_log_lacks_its_place() -> None:
    skipped = {name: {each.name for each in GENERAL if each(text) is None} for name, text in GOOD.items()}
    assert set.intersection(*skipped.values()) == set()
    for each in GENERAL:
        if not any(
            key in each.name for key in ("method", "opt_", "training_margin", ": experiment", "of experiment")
        ):
            assert any(each.name not in skipped[log] for log in KEPT), each.name
    new = ("method", "opt_adamw", "opt_sgd", "opt_amsgrad", "opt_weight_decay", "training_margin")
    new += (": experiment", "of experiment")
    for log, words in LACKS.items():
        words = (*words, *new)
        assert [name for name in skipped[log] if not any(word in name for word in words)] == []


def test_every_rule_on_a_log_is_the_intended_one_of_some_kind() -> None:
    intended = {defect.rule for defect in GENERAL}
    assert {rule.id for rule in own_rules().values() if rule.scope == "log"} - intended == {"log-size"}


@pytest.mark.parametrize("spelling", near_misses("train_samples"))
def test_a_near_miss_says_which_key_was_meant(spelling: str) -> None:
    (defect,) = (each for each in GENERAL if each.name == f"key: {spelling}")
    text = defect(GOOD["completed"])
    assert text is not None
    (finding,) = (each for each in findings(text) if each.rule == "event-unknown")
    assert finding.expected == "`train_samples`, which is probably meant"


# ---- several at once

GRAVE = [defect for defect in GENERAL if RULE_BY_ID[defect.rule].severity == "error"]


def fields(text: str) -> list[Fields]:
    return [event for _, event in events_of(text)]


def group(defect: Defect) -> str:
    return defect.name.partition(":")[0]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.sampled_from(GENERAL), min_size=1, max_size=2, unique_by=group),
    st.sampled_from(GRAVE),
)
def test_several_defects_are_never_judged_without_an_error_and_crash_no_rule(
    log: str, others: list[Defect], last: Defect
) -> None:
    assume(group(last) not in map(group, others))
    text = GOOD[log]
    for defect in others:
        text = defect(text) or text
    text = last(text) or ""
    assume(text)
    assume(fields(text) != fields(GOOD[log]))  # one may undo the other: an event repeated, then misspelt
    found = findings(as_bytes(text))
    assert "rule-crashed" not in {finding.rule for finding in found}
    assert "error" in {finding.severity for finding in found}
