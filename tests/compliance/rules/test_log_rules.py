"""Every rule on logs: what it finds in a log that breaks it, and that nothing else is found."""

from __future__ import annotations

import pytest

from compliance.finding import Finding
from compliance.rules import RULE_BY_ID, science_rules
from compliance.subjects import parse
from tests.compliance.rules.test_series_rules import BROKEN_SETS
from tests.support.defects.broken import Broken
from tests.support.defects.broken_events import BROKEN as BROKEN_EVENTS
from tests.support.defects.broken_lines import BROKEN as BROKEN_LINES
from tests.support.defects.broken_method import BROKEN as BROKEN_METHODS
from tests.support.defects.broken_timeline import BROKEN as BROKEN_TIMELINES
from tests.support.defects.broken_values import BROKEN as BROKEN_VALUES
from tests.support.hand_logs import (
    COMPLETED,
    EARLY_STOPPED,
    TOKEN,
    aborted,
    findings,
    line_of,
    moved,
    upto,
    with_line,
    with_metadata,
    with_time,
    with_value,
    without,
)

BROKEN = [*BROKEN_LINES, *BROKEN_EVENTS, *BROKEN_TIMELINES, *BROKEN_VALUES, *BROKEN_METHODS]


def whole_finding(broken: Broken) -> Finding:
    """The finding that a broken log must give."""
    rule = RULE_BY_ID[broken.rule]
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        path="logs/result.txt",
        line=broken.line,
        clause=rule.clause,
        message=rule.message,
        expected=broken.expected or rule.expected,
        found=broken.found,
        remedy=rule.remedy,
    )


@pytest.mark.parametrize("broken", BROKEN, ids=[f"{broken.rule}-{n}" for n, broken in enumerate(BROKEN)])
def test_a_broken_log_gives_the_finding_of_its_rule_and_no_other(broken: Broken) -> None:
    found = findings(broken.text)
    assert [finding for finding in found if finding.rule == broken.rule] == [whole_finding(broken)]
    assert sorted({finding.rule for finding in found} - {broken.rule}) == sorted(broken.also)


def test_a_log_of_more_events_than_a_run_can_have_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "EVENTS_BYTES", 17_000)  # the limit itself takes seconds to reach
    (found,) = [finding for finding in findings(COMPLETED) if finding.rule == "log-size"]
    broken = Broken("log-size", COMPLETED, 81, "more than 17000 bytes of events")
    assert found == whole_finding(broken)


def test_every_rule_on_logs_and_sets_has_a_case_that_breaks_it() -> None:
    broken = {each.rule for each in BROKEN} | {each.rule for _, _, each in BROKEN_SETS} | {"log-size"}
    assert broken == {rule.id for rule in science_rules().values() if rule.scope in ("log", "set")}


def test_nothing_is_found_in_a_log_that_meets_every_rule() -> None:
    assert findings(COMPLETED) == []


def test_only_warnings_and_a_note_are_found_in_the_early_stopped_log() -> None:
    assert [(finding.rule, finding.severity) for finding in findings(EARLY_STOPPED)] == [
        ("contact-present", "warning"),
        ("cache-cleared", "warning"),
        ("data-synthetic", "note"),
    ]


def reordered(text: str, *lines: int) -> str:
    """The text with some lines, which follow each other, in another order."""
    rows = text.splitlines()
    rows[min(lines) - 1 : max(lines)] = [rows[line - 1] for line in lines]
    return "\n".join(rows) + "\n"


SEED, LOSS = line_of(COMPLETED, "seed"), line_of(COMPLETED, "train_loss")
BENIGN = {
    "one spelling of the version": without(COMPLETED, "submission_version"),
    "the other spelling": without(COMPLETED, "submissiom_version"),
    "a cache cleared twice": with_line(COMPLETED, 11, *[COMPLETED.splitlines()[10]] * 2),
    "a cache cleared first of all": moved(COMPLETED, "cache_clear", "submission_benchmark"),
    "parameters in another order": reordered(COMPLETED, SEED + 1, SEED),
    "accuracy before loss": reordered(COMPLETED, LOSS + 1, LOSS),
    "text between the events": with_line(
        COMPLETED, SEED, "Epoch 1/3: é", "", COMPLETED.splitlines()[SEED - 1]
    ),
    "no warm-up": with_value(COMPLETED, "opt_learning_rate_warmup_steps", 0),
    "more metadata": with_metadata(COMPLETED, "run_start", node="n1", ranks=[0, 1], limits={"hours": 13}),
    "equal times": with_time(COMPLETED, "init_stop", 1732428000066),
    "a higher temperature than the policy's": with_value(COMPLETED, "min_sst", 275),
    "an incomplete last batch": with_metadata(
        with_value(COMPLETED, "train_samples", 87), "staging_stop", patches=107
    ),
    "JSON without spaces": COMPLETED.replace(", ", ",").replace(": ", ":"),
}


@pytest.mark.parametrize("text", BENIGN.values(), ids=BENIGN)
def test_a_benign_variation_is_accepted(text: str) -> None:
    assert findings(text) == []


CUTS = [("submission_org", 0), ("seed", 0), ("run_start", 0), ("staging_start", 0), ("train_accuracy", 1)]
CUTS += [("eval_stop", 2), ("scene_accuracy", 1), ("baseline_accuracy", 0), ("result", 0)]


@pytest.mark.parametrize(("key", "number"), CUTS)
def test_a_run_is_not_blamed_for_what_it_did_not_come_to(key: str, number: int) -> None:
    assert [finding.rule for finding in findings(aborted(COMPLETED, key, number))] == ["run-success"]
    assert [finding.rule for finding in findings(upto(COMPLETED, key, number))] == ["run-stop"]


def test_one_rule_lists_at_most_twenty_places_and_counts_the_others() -> None:
    text = COMPLETED.replace(TOKEN, "rank 0: " + TOKEN)
    found = [finding.found for finding in findings(text) if finding.rule == "text-before-token"]
    assert (len(found), found[0], found[-1]) == (21, "`rank 0:`", "62 more of these")


def test_a_finding_holds_no_character_that_moves_the_cursor_or_cannot_be_printed() -> None:
    text = with_value(COMPLETED, "submission_division", "\x1b[2Jclosed\u202e\ud800\n")
    (finding,) = findings(text)
    assert finding.found == "`\\x1b[2Jclosed\\u202e\\ud800\\n`"
