"""Rules on what the configurations of a tree say: a planted fault is found by the rule it breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import read_events
from tests.support.submissions.trees import (
    GENERAL,
    SCIENCE,
    edit,
    findings,
)


@pytest.mark.parametrize(
    ("old", "new", "rule", "found"),
    [
        ("  branch: main\n", "", "tree-config-github", ["no github.branch"]),
        (
            *("  tag: no tag points at this commit\n", "  tag: ''\n"),
            *("tree-config-github", ["no github.tag"]),
        ),
        ("data:\n- python", "commands:\n- python", "tree-config", ["data is null"]),
        ("  min_sst: 273.15\n", "", "tree-config-hyperparameters", ["no MIN_SST"]),
        # parameters.split.seed and data.synthetic.seed are still there
        ("seeds:", "not_seeds:", "tree-config-hyperparameters", []),
        ("name: quick", "name: [", "tree-config", None),
    ],
)
def test_an_incomplete_configuration_is_found(
    old: str, new: str, rule: str, found: list[str] | None, tree: Path
) -> None:
    edit(tree / SCIENCE / "config.yaml", old, new)
    texts = [text for _, _, text, _ in findings(rule, tree)]
    assert texts == found if found is not None else "while parsing" in texts[0]


def test_the_misspelling_of_the_rules_is_accepted_for_a_description(tree: Path) -> None:
    edit(tree / SCIENCE / "config.yaml", "github:\n  description:", "github:\n  discription:")
    assert findings("tree-config-github", tree) == []


def test_a_configuration_that_could_grow_without_bound_is_not_read(tree: Path) -> None:
    (tree / SCIENCE / "config.yaml").write_text("a: &a [x, x]\nb: [*a, *a]\n")
    assert [(text, want) for _, _, text, want in findings("tree-config", tree)] == [
        ("an anchor (&name) in line 1", "plain YAML")
    ]
    (tree / SCIENCE / "config.yaml").write_text("- " * 100_000)
    assert [text for _, _, text, _ in findings("tree-config", tree)] == ["more than 65536 characters"]
    for text in ("[" * 10_000, "- " * 10_000):
        (tree / SCIENCE / "config.yaml").write_text(text)
        found = [text for _, _, text, _ in findings("tree-config", tree)]
        assert found == ["lists or mappings more than 50 deep in line 1"]


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        ("  epochs: 2\n  early", "  epochs: 3\n  early", "epochs is 3", "2 as in"),
        (
            "  version: mlcommons",
            "  version: other",
            "submission_version is `other-cloudmask-v1.1`",
            "`mlcommons-",
        ),
    ],
)
def test_a_configuration_that_is_not_the_logs_is_found(
    old: str, new: str, found: str, expected: str, tree: Path
) -> None:
    edit(tree / SCIENCE / "config.yaml", old, new)
    results = findings("tree-config-agrees", tree)
    assert len(results) == 3  # once for each log
    assert {text for _, _, text, _ in results} == {found}
    assert all(want.startswith(expected) for _, _, _, want in results)


def test_seeds_without_that_of_a_log_are_found(tree: Path) -> None:
    edit(tree / SCIENCE / "config.yaml", "- 3\n", "")
    assert [(text, want) for _, _, text, want in findings("tree-config-agrees", tree)] == [
        ("seeds without 3", f"the seed of {SCIENCE}/result-3.txt")
    ]


@pytest.mark.parametrize("folder", [SCIENCE, GENERAL])
def test_scripts_that_would_run_another_configuration_are_found(folder: str, tree: Path) -> None:
    edit(tree / folder / "run_config.yaml", "batch_size: 8", "batch_size: 16")
    assert [(path, text) for path, _, text, _ in findings("run-config-agrees", tree)] == [
        (f"{folder}/run_config.yaml", "other parameters than in config.yaml")
    ]


def test_parameters_that_are_not_those_of_the_runs_are_found(tree: Path) -> None:
    path = tree / SCIENCE / "config.yaml"
    logged = next(
        event["value"]
        for event in read_events(tree / SCIENCE / "result-1.txt")
        if event["key"] == "config_digest"
    )
    assert findings("run-config-digest", tree) == []
    edit(path, "train_fraction: 0.8", "train_fraction: 0.75")
    found = findings("run-config-digest", tree)
    assert {(where, expected.partition(" as in ")[0]) for where, _, _, expected in found} == {
        (f"{SCIENCE}/config.yaml", logged)
    }
    assert len(found) == len(list((tree / SCIENCE).glob("result-*.txt")))
    edit(path, "train_fraction: 0.75", "train_fraction: 1.5")
    assert [text for _, _, text, _ in findings("run-config-digest", tree)] == [
        "parameters: split.train_fraction: 1.5"
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda notes: notes | {"retraining": ""}, ["no answer to retraining"]),
        (lambda notes: notes | {"weight_data_types": 32}, ["no answer to weight_data_types"]),
        (lambda notes: [notes], ["no JSON object"]),
    ],
)
def test_notes_on_the_implementation_without_an_answer_are_found(
    change: Callable[[dict[str, str]], object], found: list[str], tree: Path
) -> None:
    path = tree / GENERAL / "test-node_tensorflow.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    assert [text for _, _, text, _ in findings("implementation-notes", tree)] == found
