"""The profiles for logs of MLPerf HPC and Training: a broken log gives the finding of its rule alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmark.core.escaping import printable
from compliance import registry
from compliance.check import main
from compliance.registry import OWN
from compliance.rules import RULE_BY_ID, own_rules
from compliance.rules.foreign.keys import HPC, TRAINING
from compliance.rules.foreign.published import demands_on
from tests.support.logs.hand_logs import (
    COMPLETED,
    LOGS,
    TOKEN,
    edit,
    event,
    line_of,
    moved,
    parsed,
    with_line,
    with_metadata,
    with_value,
    without_all,
)
from tests.support.logs.published_logs import COSMOFLOW, DEEPCAM, LLAMA, OC20, OPENFOLD, findings, published


class Broken(NamedTuple):
    """A log that breaks one rule, next to the log that it was made of."""

    profile: str
    good: str
    text: str
    rule: str
    line: int | None
    found: str


def with_event(text: str, key: str, value: object) -> str:
    """The log with one more event before its first."""
    fields = event(text, 1) | {"key": key, "value": value}
    return TOKEN + json.dumps(fields) + "\n" + text


def only_metadata(text: str, key: str, **metadata: object) -> str:
    """The log with other metadata for the first event of a key, and without those that it has."""
    return edit(text, key, lambda fields: fields.update(metadata=metadata))


def again(text: str, key: str, before: str) -> str:
    """The log with an event repeated right before another, whose time it takes."""
    line = line_of(text, before)
    fields = event(text, line_of(text, key)) | {"time_ms": event(text, line)["time_ms"]}
    return with_line(text, line, TOKEN + json.dumps(fields), text.splitlines()[line - 1])


def late(text: str, minutes: int) -> str:
    """The log with an initialisation of so many minutes: what comes before its end is logged earlier."""
    stop, start = (event(text, line_of(text, f"init_{end}"))["time_ms"] for end in ("stop", "start"))
    earlier = minutes * 60_000 - (stop - start)
    for line in range(1, line_of(text, "init_stop")):
        fields = event(text, line)
        text = with_line(text, line, TOKEN + json.dumps(fields | {"time_ms": fields["time_ms"] - earlier}))
    return text


def opened(text: str) -> str:
    return with_value(text, "submission_division", "open")


#: A log that discloses what round 6.1 asks for.
DISCLOSED = LLAMA
for _key in TRAINING.disclosed:
    DISCLOSED = with_event(DISCLOSED, _key, "fp8" if "precision" in _key else 1)


def without_one(text: str, key: str, number: int) -> str:
    """The log without one event of a key."""
    return with_line(text, line_of(text, key, number))


#: What breaks each rule: the unbroken log, the broken one, the rule, the line and what is found.
BROKEN = [
    Broken(
        "hpc",
        COSMOFLOW,
        with_value(COSMOFLOW, "submission_division", "ajar"),
        "foreign-division",
        5,
        "`ajar`",
    ),
    Broken("training", LLAMA, with_value(LLAMA, "submission_division", None), "foreign-division", 5, "null"),
    Broken(
        *("hpc", OC20, again(OC20, "init_start", "run_start"), "foreign-order", 22),
        "`init_start` after `init_stop` on line 21",
    ),
    Broken(
        *("training", LLAMA, moved(LLAMA, "run_start", "init_stop"), "foreign-order", 20),
        "`run_start` before `init_stop` on line 21",
    ),
    Broken(
        *("hpc", COSMOFLOW, without_all(COSMOFLOW, "staging_start"), "foreign-order", 22),
        "`staging_stop` without `staging_start`",
    ),
    Broken(
        "training", LLAMA, with_value(LLAMA, "cache_clear", None), "foreign-cache-clear", 1, "null, 1 time"
    ),
    Broken(
        *("hpc", OPENFOLD, with_value(OPENFOLD, "cache_clear", False), "foreign-cache-clear", 2),
        "a boolean (false), 1 time",
    ),
    Broken(
        *("training", LLAMA, without_one(LLAMA, "block_stop", 4), "foreign-epoch-open", 46),
        "`block_start` 5 times, `block_stop` 4",
    ),
    Broken(
        *(
            "hpc",
            COSMOFLOW,
            with_value(COSMOFLOW, "submission_benchmark", "resnet"),
            "foreign-hpc-benchmark",
            3,
        ),
        "`resnet`",
    ),
    Broken(
        "training", LLAMA, with_value(LLAMA, "submission_benchmark", 7), "foreign-training-benchmark", 3, "7"
    ),
    Broken(
        *("hpc", OPENFOLD, without_all(OPENFOLD, "max_templates"), "foreign-hpc-missing", None),
        "no `max_templates`",
    ),
    Broken(
        *("hpc", COSMOFLOW, without_all(opened(COSMOFLOW), "eval_stop"), "foreign-hpc-missing", None),
        "no `block_stop` and no `eval_stop`",
    ),
    Broken(
        *("hpc", DEEPCAM, without_all(DEEPCAM, "opt_max_grad_norm"), "foreign-hpc-missing", None),
        "no `opt_max_grad_norm`",
    ),
    Broken(
        *(
            "training",
            LLAMA,
            without_all(LLAMA, "gradient_accumulation_steps"),
            "foreign-training-missing",
            None,
        ),
        "no `gradient_accumulation_steps`",
    ),
    Broken(
        *("hpc", COSMOFLOW, with_event(COSMOFLOW, "opt_name", "SGD"), "foreign-hpc-repeated", 14),
        "`opt_name` `SGD`, then `sgd`",
    ),
    Broken(
        *("training", LLAMA, with_event(LLAMA, "train_samples", 1), "foreign-training-repeated", 11),
        "`train_samples` 1, then 3901",
    ),
    Broken(
        *("hpc", COSMOFLOW, with_event(COSMOFLOW, "opt_name", "sgd"), "foreign-hpc-restated", 14),
        "`opt_name` 2 times",
    ),
    Broken(
        *("training", LLAMA, with_event(LLAMA, "train_samples", 3901), "foreign-training-restated", 11),
        "`train_samples` 2 times",
    ),
    Broken(
        *("hpc", COSMOFLOW, with_value(COSMOFLOW, "dropout", 1), "foreign-hpc-value", 11),
        "`dropout` an integer (1)",
    ),
    Broken(
        *("hpc", OPENFOLD, with_value(OPENFOLD, "swa_enabled", 1), "foreign-hpc-value", 46),
        "`swa_enabled` an integer (1)",
    ),
    Broken(
        *("training", LLAMA, with_event(LLAMA, "tensor_parallelism", 1.5), "foreign-training-value", 1),
        "`tensor_parallelism` a number (1.5)",
    ),
    Broken(
        *(
            "hpc",
            COSMOFLOW,
            only_metadata(COSMOFLOW, "epoch_start", samples_count=1),
            "foreign-hpc-metadata",
            26,
        ),
        "`epoch_start` with `samples_count`",
    ),
    Broken(
        *("training", LLAMA, only_metadata(LLAMA, "run_stop"), "foreign-training-metadata", 52),
        "`run_stop` with none",
    ),
    Broken("hpc", COSMOFLOW, late(COSMOFLOW, 30), "foreign-hpc-init-duration", 24, "30.0 minutes"),
    Broken("training", LLAMA, late(LLAMA, 31), "foreign-training-init-duration", 20, "31.0 minutes"),
    Broken(
        "training", LLAMA, late(opened(LLAMA), 240), "foreign-training-init-duration", 20, "240.0 minutes"
    ),
    Broken(
        *("hpc", COSMOFLOW, with_value(COSMOFLOW, "eval_error", 0.125, 6), "foreign-hpc-target", 80),
        "`eval_error` 0.1391363888978958 at the last of 9 evaluations",
    ),
    Broken(
        *(
            "training",
            DISCLOSED,
            without_all(DISCLOSED, "config_filename"),
            "foreign-training-disclosed",
            None,
        ),
        "no `config_filename`",
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=[f"{each.rule}-{n}" for n, each in enumerate(BROKEN)])
def test_a_broken_log_gives_the_finding_of_its_rule_and_no_other(broken: Broken) -> None:
    before = {each.rule for each in findings(broken.profile, broken.good)}
    assert broken.rule not in before
    new = [each for each in findings(broken.profile, broken.text) if each.rule not in before]
    assert [(each.rule, each.line, each.found) for each in new] == [(broken.rule, broken.line, broken.found)]


def test_every_rule_on_foreign_logs_has_a_case_that_breaks_it() -> None:
    assert {each.rule for each in BROKEN} == {id for id in RULE_BY_ID if id.startswith("foreign-")}
    ours = {OWN, "science"}
    assert {id for id, rule in RULE_BY_ID.items() if not ours & {*rule.profiles}} == {
        id for id in RULE_BY_ID if id.startswith("foreign-")
    }


def test_published_logs_break_no_rule_of_the_vocabulary_of_science() -> None:
    science = {each.rule for each in registry.run("log", parsed(COSMOFLOW), own_rules())}
    assert {"benchmark-name", "division-open", "event-unknown", "epoch-complete", "baseline-set"} <= science
    found = {name: {each.rule for each in findings(*case)} for name, case in published().items()}
    assert found == {
        "cosmoflow-3.0": {"foreign-cache-clear", "after-run-stop"},
        "deepcam-3.0": {"foreign-cache-clear", "identity-real"},
        "oc20-1.0": {"foreign-cache-clear", "identity-real"},
        "openfold-3.0": {"after-run-stop", "interval-length"},
        "bert-4.1": {"foreign-training-missing", "foreign-training-disclosed"},
        "llama2_70b_lora-4.1": {"foreign-training-disclosed", "text-before-token"},
    }


def test_a_published_log_passes_on_the_command_line_and_fails_as_a_submission(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(LOGS / "hpc/cosmoflow-3.0.txt")
    assert main(["--profile", "hpc", path]) == 0
    assert "by profile hpc - passed" in capsys.readouterr().out
    assert main(["--profile", OWN, path]) == 1


def test_of_a_file_with_two_runs_nothing_is_said_to_be_missing() -> None:
    twice = without_all(COSMOFLOW, "seed", "dropout") + COSMOFLOW
    rules = {each.rule for each in findings("hpc", twice) if each.severity == "error"}
    assert rules == {"one-run"}


HOSTILE = [
    "__import__('os').system('touch hacked')",
    "../../../../../etc/passwd",
    "closed_common.yaml'); raise SystemExit('",
    "{0.__class__.__mro__}",
    "%s%n\x1b[2J",
    "closed/open",
    {"open": ["closed"]},
    ["closed"],
    1e400,
    -(10**400),
    True,
    None,
]


@pytest.mark.parametrize("profile", ["hpc", "training"])
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_division_and_benchmark_choose_no_rules_and_do_nothing(
    profile: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = with_value(with_value(COSMOFLOW, "submission_division", value), "submission_benchmark", value)
    found = findings(profile, text)
    ids = {each.rule for each in found if each.severity == "error"}
    assert {"foreign-division", f"foreign-{profile}-benchmark"} <= ids
    assert "rule-crashed" not in ids
    assert all(printable(each.found) == each.found for each in found)
    ruleset = HPC if profile == "hpc" else TRAINING
    assert demands_on(parsed(text), ruleset) == ruleset.common
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_of_any_key_crashes_a_rule(value: object) -> None:
    for profile, text in (("hpc", DEEPCAM), ("hpc", OPENFOLD), ("training", DISCLOSED)):
        for key in parsed(text).by_key:
            for changed_text in (with_value(text, key, value), with_metadata(text, key, epoch_count=value)):
                assert "rule-crashed" not in {each.rule for each in findings(profile, changed_text)}


def test_a_log_without_events_is_told_so_and_no_more() -> None:
    for profile in ("hpc", "training"):
        assert [each.rule for each in findings(profile, "no event\n")] == ["no-events"]


def test_a_log_of_science_is_none_of_training() -> None:
    assert "foreign-training-benchmark" in {each.rule for each in findings("training", COMPLETED)}
