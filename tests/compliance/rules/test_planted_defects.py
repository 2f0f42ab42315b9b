"""Every kind of defect, planted in every good log, is caught by its rule, and no other rule is noisy.

Benign variations of the same logs stay clean; several defects at once are never judged
without an error, and no rule crashes on them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmark.record.events import OF_EDITION
from compliance.finding import Finding
from compliance.registry import Problem, Rule
from compliance.rules import RULE_BY_ID, own_rules
from tests.support.defects.catalogue import DEFECTS, GENERAL
from tests.support.defects.defect import Defect
from tests.support.defects.general_events import near_misses
from tests.support.defects.general_method import with_optimizer
from tests.support.defects.general_time import delayed
from tests.support.defects.general_values import counted, counts_of
from tests.support.fuzz import Hang, at_most, fault_of, fuzz
from tests.support.hand_logs import LOGS, findings
from tests.support.log_edits import (
    TOKEN,
    Fields,
    as_bytes,
    as_text,
    before,
    each_event,
    event_of,
    events_of,
    fields_of,
    last_epoch,
    moved,
    place_of,
    repeated,
    retimed,
    row_of,
    value_of,
    with_metadata,
    with_result,
    with_row,
    with_value,
    without,
)

#: Every good log that is kept with the tests: typed by hand, or of a real run.
KEPT = {path.stem: as_text(path.read_bytes()) for path in sorted(LOGS.glob("*.txt"))}
#: Logs that state their method and other optimizers; only for defects that the others have no place for.
OTHER = {
    "adamw": with_optimizer(KEPT["completed"], "adamw", 0.9, 0.999, 1e-7, 0.004, opt_amsgrad=True),
    "sgd": with_optimizer(KEPT["completed"], "sgd", 0.9, opt_sgd_nesterov=True, opt_weight_decay=1e-4),
}
GOOD = {**KEPT, **OTHER}


def rules_of(text: str) -> set[str]:
    return {finding.rule for finding in findings(as_bytes(text))}


#: What is found in the good logs: warnings and notes.
USUAL = {name: rules_of(text) for name, text in GOOD.items()}

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
    assume(text not in ("", GOOD[log]))
    found = findings(as_bytes(text))
    assert "rule-crashed" not in {finding.rule for finding in found}
    assert "error" in {finding.severity for finding in found}


# ---- what is no defect


def each_row(text: str, change: Callable[[str], str]) -> str:
    return "\n".join(change(row) for row in text.split("\n"))


def rewritten(text: str, **form: Any) -> str:
    """The text with its JSON in another form."""
    return "\n".join(
        TOKEN + json.dumps(fields, **form) if (fields := event_of(row)) else row for row in text.split("\n")
    )


def in_order(text: str, first: str, last: str, key: Callable[[Fields], Any]) -> str:
    """The text with the events from one to another sorted, at the times that stood there."""
    rows = text.split("\n")
    begin, end = place_of(text, first), place_of(text, last) + 1
    events = [fields for place, fields in events_of(text) if begin <= place < end]
    times = [fields["time_ms"] for fields in events]
    events.sort(key=key)
    rows[begin:end] = [row_of(fields | {"time_ms": time}) for fields, time in zip(events, times, strict=True)]
    return "\n".join(rows)


def same_time(text: str, first: str, last: str) -> str:
    """The text with the events from one to another at the time of the first."""
    rows = text.split("\n")
    for place, fields in events_of(text):
        if place_of(text, first) <= place <= place_of(text, last):
            rows[place] = row_of(fields | {"time_ms": fields_of(text, first)["time_ms"]})
    return "\n".join(rows)


def value_before_loss(text: str) -> str:
    for number in range(last_epoch(text)):
        text = moved(text, "train_accuracy", "train_loss", number, number)
        text = moved(text, "eval_accuracy", "eval_loss", number, number)
    return text


def on_two_nodes(text: str) -> str:
    ranks = value_of(text, "number_of_ranks")
    text = with_value(with_value(text, "number_of_nodes", 2), "number_of_ranks", 2 * ranks)
    for key in {"global_batch_size", "batch_size"} & {fields["key"] for _, fields in events_of(text)}:
        text = with_value(text, key, 2 * value_of(text, key))
    return text


def with_exponent(text: str) -> str:
    key = "opt_base_learning_rate"
    return with_row(with_value(text, key, 0.001), key, lambda row: row.replace("0.001", "1E-3"))


def in_float32(text: str) -> str:
    return with_result(with_value(text, "precision", "float32"), "precision", lambda _: "float32")


def as_files(_: int, fields: Fields) -> None:
    if fields["key"] == "scene_accuracy":
        fields["metadata"]["scene"] += ".hdf"


def on_a_parallel_file_system(text: str) -> str:
    """The text of a run that says where its scenes lay, where the log has a place for it."""
    if not any(fields["key"] == "data_location" for _, fields in events_of(text)):
        return text
    return with_metadata(with_value(text, "data_location", "lustre"), "data_location", inference="nfs4")


def everywhere(**metadata: object) -> Callable[[str], str]:
    return lambda text: each_event(text, lambda _, fields: fields["metadata"].update(metadata))


BAR = "20/20 [==============================] - 14s 734ms/step - loss: 0.4375"
BENIGN: dict[str, Callable[[str], str]] = {
    "a program's output before it": lambda text: "WARNING: no GPU\n\nTraceback of nothing\n" + text,
    "progress bars": lambda text: each_row(
        text, lambda row: f"{row}\n{BAR}" if "epoch_start" in row else row
    ),
    "a bar drawn again and again": lambda text: before(text, "eval_start", f"{BAR}\r{BAR}\r{BAR}"),
    "text of another language": lambda text: before(text, "seed", "Wolkenmaske für Köln: 雲 ☁"),
    "a text that speaks of MLLOG": lambda text: before(text, "seed", "MLLOG lines follow"),
    "empty lines": lambda text: text.replace("\n", "\n\n"),
    "empty lines at its end": lambda text: text + "\n\n\n",
    "a long line of text": lambda text: before(text, "seed", "." * 500_000),
    "JSON without spaces": lambda text: rewritten(text, separators=(",", ":")),
    "JSON with more spaces": lambda text: rewritten(text, separators=(" ,  ", " :  ")),
    "JSON with sorted fields": lambda text: rewritten(text, sort_keys=True),
    "spaces after events": lambda text: each_row(text, lambda row: row + "  " if row else row),
    "two spaces after the token": lambda text: text.replace(TOKEN, TOKEN + " "),
    "a name with raw umlauts": lambda text: rewritten(
        with_value(text, "submission_org", "Universität zu Köln"), ensure_ascii=False
    ),
    "a name with escaped umlauts": lambda text: with_value(text, "submission_org", "Universität zu Köln"),
    "a name with quotes, braces and a token": lambda text: with_value(
        text, "submission_org", 'The "Cloud" {Group}: [sky] :::ML'
    ),
    "a number with an exponent": lambda text: with_row(
        with_value(text, "opt_base_learning_rate", 0.001),
        "opt_base_learning_rate",
        lambda row: row.replace("0.001", "1E-3"),
    ),
    "an integer for a number": lambda text: with_value(text, "min_sst", 274),
    "a progress bar of megabytes": lambda text: before(
        text, "seed", "".join(f"\r{number} / 99999 [##  ]" for number in range(100_000))
    ),
    "a namespace": lambda text: each_event(text, lambda _, fields: fields.update(namespace="cloudmask")),
    "more metadata on every event": everywhere(rank=0, node="n1", note=None),
    "nested metadata": everywhere(limits={"hours": [1, 2, {"x": None}]}),
    "a file in a deeper folder": everywhere(file="src/cloud mask/benchmark/train.py"),
    "another year": lambda text: retimed(text, lambda _, time: time - 365 * 24 * 3_600_000),
    "a night in the queue before init": lambda text: delayed(text, "init_start", 12 * 3_600_000),
    "29 minutes of init": lambda text: delayed(text, "init_stop", 29 * 60_000),
    "all identity within a millisecond": lambda text: same_time(text, "submission_benchmark", "seed"),
    "identity in another order": lambda text: in_order(
        text, "submission_benchmark", "submission_platform", lambda fields: fields["key"]
    ),
    "parameters in another order": lambda text: in_order(
        text, "seed", "quality_target", lambda fields: fields["key"]
    ),
    "samples in another order": lambda text: moved(text, "test_samples", "train_samples"),
    "accuracies before losses": value_before_loss,
    "baselines in another order": lambda text: moved(text, "baseline_accuracy", "baseline_accuracy", 2),
    "scenes named as files": lambda text: each_event(text, as_files),
    "scenes on a parallel file system": on_a_parallel_file_system,
    "scenes in another order": lambda text: moved(text, "scene_accuracy", "scene_accuracy", 1),
    "a cache cleared three times": lambda text: repeated(repeated(text, "cache_clear"), "cache_clear"),
    "a cache cleared first of all": lambda text: moved(text, "cache_clear", "submission_benchmark"),
    "one spelling of the version": lambda text: without(text, "submission_version"),
    "the other spelling": lambda text: without(text, "submissiom_version"),
    "a version of three numbers": lambda text: with_value(
        with_value(text, "submission_version", "mlcommons-cloudmask-v2.0.13"),
        "submissiom_version",
        "mlcommons-cloudmask-v2.0.13",
    ),
    "on premises": lambda text: with_value(text, "submission_status", "onprem"),
    "a preview": lambda text: with_value(text, "submission_status", "preview"),
    "seed 0": lambda text: with_value(text, "seed", 0),
    "a seed of 53 bits": lambda text: with_value(text, "seed", 2**53 - 1),
    "another optimizer": lambda text: with_value(text, "opt_name", "LAMB"),
    "a constant learning rate": lambda text: with_value(text, "opt_learning_rate_decay_schedule", "constant"),
    "no warm-up": lambda text: with_value(text, "opt_learning_rate_warmup_steps", 0),
    "accumulated gradients": lambda text: with_value(text, "gradient_accumulation_steps", 4),
    "no overlap": lambda text: with_value(text, "crop_size", 0),
    "single precision": in_float32,
    "two nodes": on_two_nodes,
    "timers half a second off": lambda text: with_result(
        text, "timing.total_seconds", lambda value: value - 0.5
    ),
    "scenes of a twentieth of a second": lambda text: with_result(
        text, "timing.seconds_per_scene", lambda _: 0.05
    ),
    "a higher loss of the first epoch": lambda text: with_value(text, "train_loss", 0.999),
    "a bad baseline": lambda text: with_result(
        counted(text, "baseline_accuracy", 0, counts_of(text, "baseline_accuracy")[1], 1),
        f"baselines.{fields_of(text, 'baseline_accuracy', 1)['metadata']['baseline']}",
        lambda _: 0.0,
    ),
}


@pytest.mark.parametrize("log", GOOD)
@pytest.mark.parametrize("variation", BENIGN.values(), ids=BENIGN)
def test_a_benign_variation_of_a_good_log_is_accepted(variation: Callable[[str], str], log: str) -> None:
    text = variation(GOOD[log])
    assert as_bytes(text) != b""
    assert [finding for finding in findings(as_bytes(text)) if finding.rule not in USUAL[log]] == []


@pytest.mark.parametrize("variation", BENIGN)
def test_a_benign_variation_changes_a_good_log(variation: str) -> None:
    assert any(BENIGN[variation](text) != text for text in GOOD.values())


# ---- the longer run of `make fuzz`


def test_fuzzing_counts_its_inputs_and_says_that_nothing_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuzz(0.2, 7, tmp_path) == 0
    assert "of seed 7: no crash, no hang" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_fuzzing_stops_at_a_crashing_rule_and_keeps_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(log: object) -> list[Problem]:
        raise ZeroDivisionError("division by zero")

    for scope in ("log", "json"):
        bad = Rule(f"bad-{scope}", scope, "note", "none", "nothing", "none", "Bad.", crash)
        monkeypatch.setitem(RULE_BY_ID, bad.id, bad)
    assert fuzz(60, 7, tmp_path) == 1
    assert "ZeroDivisionError in rule bad-" in capsys.readouterr().out
    (kept,) = tmp_path.iterdir()
    assert kept.name == "fuzz-7-0.bin"
    assert kept.stat().st_size > 0


def test_an_exception_and_a_hang_are_faults() -> None:
    def fails(content: bytes) -> list[Finding]:
        raise KeyError("key")

    def hangs() -> None:
        while True:
            pass

    assert "KeyError: 'key'" in (fault_of(fails, b"") or "")
    assert fault_of(lambda content: [], b"") is None
    with pytest.raises(Hang), at_most(0.01):
        hangs()
