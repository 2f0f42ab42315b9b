"""Rules on system descriptions: each passes a good one and says what is wrong with a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compliance import registry
from compliance.rules import RULE_BY_ID, own_rules
from compliance.rules import system as rules_system
from compliance.subjects.subjects import SystemFile
from compliance.subjects.system import GENERAL_FIELDS, Contradiction, contradictions, same_model
from submission.system.description import SYSTEMS, known_systems
from tests.support.runs.hand_runs import MEASURED, V100

GOOD: dict[str, Any] = json.loads((SYSTEMS / "greene-v100.json").read_text())


def findings(rule: str, description: object, name: str = "greene-v100.json") -> list[tuple[str, str]]:
    """(found, expected) of what one rule finds in a description."""
    subject = SystemFile(Path(name), description)
    found = registry.judge(RULE_BY_ID[rule], subject)
    assert {each.rule for each in found} <= {rule}
    return [(each.found, each.expected) for each in found]


def changed(**changes: object) -> dict[str, Any]:
    return GOOD | changes


@pytest.mark.parametrize("name", known_systems())
def test_every_description_that_is_shipped_meets_every_rule(name: str) -> None:
    path = SYSTEMS / f"{name}.json"
    assert registry.run("system", SystemFile(path, json.loads(path.read_text())), own_rules()) == []


def test_a_description_with_all_fields_of_the_table_passes() -> None:
    assert findings("system-fields", GOOD) == []


def test_a_missing_field_is_named() -> None:
    short = {name: value for name, value in GOOD.items() if name != "cooling"}
    assert findings("system-fields", short) == [("no field cooling", "a field cooling")]


@pytest.mark.parametrize("name", GENERAL_FIELDS)
def test_a_missing_field_that_upstream_does_not_ask_for_has_a_rule_of_its_own(name: str) -> None:
    short = {field: value for field, value in GOOD.items() if field != name}
    assert findings("system-general-fields", short) == [(f"no field {name}", f"a field {name}")]
    assert findings("system-general-fields", GOOD) == findings("system-fields", short) == []


def test_a_description_that_is_no_object_is_one_finding() -> None:
    assert findings("system-fields", ["a"]) == [
        ("a list of 1", "a JSON object with every field that upstream's checker asks for")
    ]
    for rule in RULE_BY_ID.values():
        if rule.scope == "system" and rule.id != "system-fields":
            assert findings(rule.id, ["a"]) == []


def test_a_number_instead_of_a_string_is_found() -> None:
    assert findings("system-strings", changed(number_of_nodes=1)) == [
        ("number_of_nodes is an integer (1)", "a string")
    ]
    assert findings("system-strings", GOOD) == []


def test_an_empty_answer_is_found_where_one_is_needed() -> None:
    assert findings("system-answers", changed(cooling=" ")) == [("cooling is empty", "an answer")]
    assert findings("system-answers", changed(hw_notes="", host_processor_caches="")) == []


def test_the_core_count_stands_for_the_vcpu_count_and_the_other_way_round() -> None:
    assert findings("system-answers", changed(host_processor_core_count="")) == []
    assert findings("system-answers", changed(host_processor_vcpu_count="")) == []
    neither = changed(host_processor_core_count="", host_processor_vcpu_count="")
    assert findings("system-answers", neither) == [
        ("host_processor_core_count is empty", "an answer"),
        ("host_processor_vcpu_count is empty", "an answer"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("TBD", "the word `tbd`"),
        ("TODO: ask the site", "the word `todo`"),
        ("<cooling>", "a template's brackets"),
        ("???", "no letter or digit"),
        ("unknown", "it names nothing"),
    ],
)
def test_a_placeholder_is_found(text: str, reason: str) -> None:
    assert findings("system-placeholder", changed(cooling=text)) == [
        (f"cooling is `{text}`: {reason}", "an answer, not a word to be replaced by one")
    ]


@pytest.mark.parametrize("text", ["N/A", "none", "not published by the site", "Air-cooled", "0"])
def test_an_honest_answer_is_no_placeholder(text: str) -> None:
    assert findings("system-placeholder", changed(cooling=text)) == []


@pytest.mark.parametrize(
    ("field", "value", "bounds"),
    [
        ("number_of_nodes", "0", "1 to 100000"),
        ("number_of_nodes", "one", "1 to 100000"),
        ("host_processor_core_count", "24 cores", "1 to 4096"),
        ("accelerators_per_node", "-1", "0 to 1024"),
        ("accelerators_per_node", "5000", "0 to 1024"),
        ("host_processors_per_node", "٢", "1 to 1024"),
    ],
)
def test_a_count_that_is_no_sane_number_is_found(field: str, value: str, bounds: str) -> None:
    assert findings("system-numbers", changed(**{field: value})) == [
        (f"{field} is `{value}`", f"a whole number from {bounds}, in digits")
    ]


def test_sane_counts_pass() -> None:
    assert findings("system-numbers", GOOD) == []


def test_vcpus_that_are_no_multiple_of_the_cores_are_found() -> None:
    expected = RULE_BY_ID["system-cores"].expected
    assert findings("system-cores", changed(host_processor_vcpu_count="36")) == [
        ("24 cores and 36 vCPUs", expected)
    ]
    assert findings("system-cores", changed(host_processor_vcpu_count="96")) == []


def test_no_accelerator_and_the_name_of_one_contradict_each_other() -> None:
    found = findings("system-accelerators", changed(accelerators_per_node="0"))
    assert found[0][0] == "0 accelerators, and accelerator_model_name is `NVIDIA Tesla V100 32GB`"
    assert len(found) == len(rules_system.ACCELERATOR_FIELDS)


def test_accelerators_without_a_model_are_found() -> None:
    found = findings("system-accelerators", changed(accelerator_model_name="N/A"))
    assert [text for text, _ in found] == ["4 accelerators, and accelerator_model_name is `N/A`"]
    assert findings("system-accelerators", GOOD) == []
    absent = changed(accelerators_per_node="0", **dict.fromkeys(rules_system.ACCELERATOR_FIELDS, "N/A"))
    assert findings("system-accelerators", absent) == []


def test_a_system_name_that_is_not_the_files_is_found() -> None:
    assert findings("system-name", GOOD, "other.json") == [
        ("system_name `greene-v100` in other.json", "other")
    ]
    assert findings("system-name", GOOD) == []


def test_a_status_in_the_words_of_the_log_is_found_with_the_right_words() -> None:
    assert findings("system-status", changed(status="onprem")) == [
        ("status is `onprem`", "Available on-premise")
    ]
    assert findings("system-status", GOOD) == []


def test_a_division_that_is_not_open_is_found() -> None:
    assert findings("system-division", changed(division="closed")) == [("division is `closed`", "open")]
    assert findings("system-division", GOOD) == []


@pytest.mark.parametrize(
    ("claimed", "measured", "same"),
    [
        ("NVIDIA Tesla V100 32GB", "Tesla V100-SXM2-32GB", True),
        ("NVIDIA Tesla V100 32 GB", "Tesla V100-PCIE-32GB", True),
        ("NVIDIA Tesla V100 32GB", "Tesla V100-SXM2-16GB", False),
        ("NVIDIA A100", "Tesla V100-SXM2-32GB", False),
        ("Intel Xeon Platinum 8268", "Intel(R) Xeon(R) Platinum 8268 CPU @ 2.90GHz", True),
        ("Intel Xeon Platinum 8268", "Intel(R) Xeon(R) Platinum 8358 CPU @ 2.60GHz", False),
        ("NVIDIA", "NVIDIA A100", False),
    ],
)
def test_models_are_compared_by_the_words_that_identify_them(claimed: str, measured: str, same: bool) -> None:
    assert same_model(claimed, measured) is same


def test_a_description_of_the_node_that_ran_is_not_contradicted() -> None:
    cpu = MEASURED["cpu"] | {
        "model": "Intel(R) Xeon(R) Platinum 8268 CPU @ 2.90GHz",
        "sockets": 2,
        "cores": 48,
    }
    assert contradictions(GOOD, MEASURED | {"cpu": cpu, "accelerators": [V100] * 4}) == []


def test_every_contradiction_is_listed_with_both_values() -> None:
    assert contradictions(GOOD | {"number_of_nodes": "2"}, MEASURED) == [
        Contradiction("number_of_nodes", "2", "1"),
        Contradiction("host_processor_model_name", "Intel Xeon Platinum 8268", "AMD EPYC 9B14"),
        Contradiction("host_processor_core_count", "2 processors of 24 cores", "2 cores on the node"),
        Contradiction("accelerators_per_node", "4", "0"),
        Contradiction("accelerator_model_name", "NVIDIA Tesla V100 32GB", "no accelerator"),
    ]
