"""Every rule on logs: what it finds in a log that breaks it, and that nothing else is found."""

from __future__ import annotations

import hashlib

import pytest

from benchmark.record.events import OF_EDITION
from compliance.rules import own_rules
from compliance.rules.log import scores
from compliance.subjects.reading import outline
from tests.compliance.rules.test_series_rules import BROKEN_SETS
from tests.support.defects.catalogue import GENERAL, SAID_TEXTS, TYPED
from tests.support.defects.defect import Defect, Said
from tests.support.defects.said import SAID
from tests.support.logs.hand_logs import (
    COMPLETED,
    EARLY_STOPPED,
    TOKEN,
    aborted,
    event,
    findings,
    line_of,
    moved,
    upto,
    with_line,
    with_metadata,
    with_result,
    with_time,
    with_value,
    without,
    without_all,
)
from tests.support.logs.log_edits import as_bytes


@pytest.mark.parametrize(("text", "defect"), SAID_TEXTS, ids=[defect.name for _, defect in SAID_TEXTS])
def test_a_defect_gives_the_finding_of_its_rule_word_for_word_and_no_other(text: str, defect: Defect) -> None:
    said = defect.said
    assert said is not None
    found = findings(as_bytes(text))
    assert [finding for finding in found if finding.rule == defect.rule] == [said.finding(defect.rule)]
    usual = {finding.rule for finding in findings(said.log)}
    assert sorted({finding.rule for finding in found} - {defect.rule} - usual) == sorted(said.also)


def test_no_finding_that_is_known_word_for_word_is_of_an_unknown_defect() -> None:
    assert SAID.keys() <= {defect.name for defect in GENERAL}
    assert len(SAID_TEXTS) == len(SAID) + len(TYPED)


def test_a_log_of_more_events_than_a_run_can_have_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "EVENTS_BYTES", 2**16)  # the limit itself takes seconds to reach
    (found,) = [finding for finding in findings(COMPLETED) if finding.rule == "log-size"]
    assert found.line is not None
    said = "the events up to here take more than 0 MiB of memory"
    assert found == Said(found.line, said).finding("log-size")
    monkeypatch.setattr(outline, "EVENTS_BYTES", 2**19)
    assert findings(COMPLETED) == []


def test_every_rule_on_logs_and_sets_has_a_case_that_breaks_it() -> None:
    broken = {each.rule for _, each in SAID_TEXTS} | {rule for _, _, rule, _ in BROKEN_SETS} | {"log-size"}
    assert broken == {rule.id for rule in own_rules().values() if rule.scope in ("log", "set")}


def test_nothing_is_found_in_a_log_that_meets_every_rule() -> None:
    assert findings(COMPLETED) == []


def test_only_warnings_and_a_note_are_found_in_the_early_stopped_log() -> None:
    assert [(finding.rule, finding.severity) for finding in findings(EARLY_STOPPED)] == [
        ("contact-present", "warning"),
        ("cache-cleared", "warning"),
        ("data-synthetic", "note"),
    ]
    synthetic = Said(line_of(EARLY_STOPPED, "data_kind"), "data_kind synthetic")
    assert synthetic.finding("data-synthetic") in findings(EARLY_STOPPED)


def reordered(text: str, *lines: int) -> str:
    """The text with some lines, which follow each other, in another order."""
    rows = text.splitlines()
    rows[min(lines) - 1 : max(lines)] = [rows[line - 1] for line in lines]
    return "\n".join(rows) + "\n"


def in_batches(text: str, samples: int, batch: int) -> str:
    """The text with another number of training patches, and another batch."""
    for key in ("global_batch_size", "local_batch_size"):
        text = with_value(text, key, batch)
    return with_value(with_value(text, "train_samples", samples), "opt_learning_rate_warmup_steps", 2)


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
    "an incomplete last batch": with_result(
        with_metadata(in_batches(COMPLETED, 100, 40), "staging_stop", patches=120, scenes=6),
        "data.training_scenes",
        5,
    ),
    "scenes named as files": COMPLETED.replace('_NT_003"', '_NT_003.hdf"'),
    "JSON without spaces": COMPLETED.replace(", ", ",").replace(": ", ":"),
}


@pytest.mark.parametrize("text", BENIGN.values(), ids=BENIGN)
def test_a_benign_variation_is_accepted(text: str) -> None:
    assert findings(text) == []


def test_a_log_of_no_edition_needs_nothing_of_one_and_a_log_of_one_needs_it_all() -> None:
    usual = {finding.rule for finding in findings(EARLY_STOPPED)}
    older = without_all(EARLY_STOPPED, "rules_edition", *OF_EDITION)
    assert {finding.rule for finding in findings(older)} == usual
    found = findings(without_all(EARLY_STOPPED, *OF_EDITION))
    assert {finding.rule for finding in found} == {*usual, "event-missing"}
    assert {finding.found for finding in found if finding.rule == "event-missing"} == {
        f"no event `{key}`" for key in OF_EDITION
    }


def digest_of(*names: str) -> str:
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


def test_observed_scenes_are_those_of_the_digest_of_their_names_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, *others = (event(COMPLETED, line)["metadata"]["scene"] for line in range(71, 171))
    monkeypatch.setattr(scores, "OBSERVED_TEST_NAMES", digest_of(first, *others))
    for text in (
        COMPLETED,
        BENIGN["scenes named as files"],
        moved(COMPLETED, "scene_accuracy", "test_accuracy"),
    ):
        assert findings(text) == []
    for name in (first.replace("_NT_003", "_NT_004"), first.replace("20191001T", "20191003T")):
        (found,) = findings(with_metadata(COMPLETED, "scene_accuracy", scene=name))
        said = f"100 scenes whose names have sha256 {digest_of(name, *others)}"
        assert found == Said(71, said, digest_of(first, *others)).finding("test-set")


CUTS = [("submission_org", 0), ("seed", 0), ("run_start", 0), ("staging_start", 0), ("train_accuracy", 1)]
CUTS += [("eval_stop", 2), ("scene_accuracy", 1), ("baseline_accuracy", 0), ("result", 0)]


@pytest.mark.parametrize(("key", "number"), CUTS)
def test_a_run_is_not_blamed_for_what_it_did_not_come_to(key: str, number: int) -> None:
    assert [finding.rule for finding in findings(aborted(COMPLETED, key, number))] == ["run-success"]
    assert [finding.rule for finding in findings(upto(COMPLETED, key, number))] == ["run-stop"]


def test_one_rule_lists_at_most_twenty_places_and_counts_the_others() -> None:
    text = COMPLETED.replace(TOKEN, "rank 0: " + TOKEN)
    found = [finding.found for finding in findings(text) if finding.rule == "text-before-token"]
    assert (len(found), found[0], found[-1]) == (21, "`rank 0:`", "159 more of these")


def test_a_finding_holds_no_character_that_moves_the_cursor_or_cannot_be_printed() -> None:
    text = with_value(COMPLETED, "submission_division", "\x1b[2Jclosed\u202e\ud800\n")
    (finding,) = findings(text)
    assert finding.found == "`\\x1b[2Jclosed\\u202e\\ud800\\n`"
