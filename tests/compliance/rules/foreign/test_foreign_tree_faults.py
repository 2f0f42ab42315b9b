"""What a submission tree of another program lacks is found by the rule whose text asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from compliance.clauses.texts import HOUSE
from compliance.finding import Finding, Severity
from compliance.rules import RULE_BY_ID
from compliance.rules.profiles import PROFILES, SCIENCE
from tests.support.submissions.foreign_trees import (
    CONFIG,
    CONFIG_DATA,
    LOGS,
    ORG,
    check,
    general,
    graver,
    moded,
    of,
    renamed,
    replaced,
    science,
    without,
)

RUN_IT = "Run train.slurm, once for each seed.\n"
REPO = "  repo: https://github.com/example/quakeformer\n"
COMMIT = "  tag: 1.1\n  commit: 0000000"


class Fault(NamedTuple):
    """What a tree lacks, the rule that says so, and what it says."""

    change: Callable[[Path], None]
    rule: str
    found: str
    severity: Severity = "error"


def changed(*faults: tuple[str, str, str]) -> list[Fault]:
    """Faults of a configuration, by what is replaced in it and what is said of it by `tree-config`."""
    return [Fault(replaced("config.yaml", old, new), "tree-config", found) for old, new, found in faults]


SCIENCE_FAULTS = [
    Fault(without("config.yaml"), "tree-science-files", "no config.yaml"),
    Fault(without("README.md"), "tree-science-files", "no README.md"),
    Fault(replaced("README.md", RUN_IT, ""), "tree-science-files", "an empty file"),
    Fault(
        without("scientific_contribution.pdf"), "tree-science-files", "no scientific_contribution.md or .pdf"
    ),
    Fault(of("scientific_contribution.pdf", ""), "tree-science-files", "an empty file"),
    Fault(without("train.slurm"), "tree-science-scripts", "no script"),
    Fault(moded("train.slurm", 0o644), "tree-science-scripts", "train.slurm has mode 644"),
    Fault(replaced("train.slurm", "#!", "#"), "tree-science-scripts", "train.slurm does not begin with #!"),
    Fault(renamed("result-2.txt", "result-4.txt"), "tree-numbering", "numbers 1 and 4"),
    *changed(
        ("github:", "github: [", "while parsing"),
        ("  version: 1.1\n  tag: 1.1\n", "", "no version of the code"),
        (REPO, "", "no address of the code"),
        (CONFIG_DATA, "", "data is null"),
        (CONFIG_DATA, "data:\n- 3\n", "data is a list of 1"),
    ),
    Fault(of("config.yaml", CONFIG), "tree-config", "no parameters"),
    Fault(
        replaced("config.yaml", "version: 1.1", "version: 2.0"),
        "tree-config-agrees",
        "submission_version is 2.0",
    ),
    Fault(
        replaced("config.yaml", "  tag: 1.1", COMMIT),
        "tree-config-agrees",
        "submission_github_commit_version is 0",
    ),
    Fault(
        replaced("config.yaml", "  branch: main\n", ""), "tree-config-github", "no github.branch", "warning"
    ),
    Fault(replaced("config.yaml", "Tseq: 3\n", ""), "tree-config-hyperparameters", "no Tseq", "warning"),
    Fault(of("result-2.txt", LOGS["uno"]), "tree-application", "benchmark `uno`"),
]


@pytest.mark.parametrize("fault", SCIENCE_FAULTS, ids=lambda fault: fault.found)
def test_what_submit_adoc_asks_and_a_tree_lacks_is_found(fault: Fault, tmp_path: Path) -> None:
    fault.change(science(tmp_path))
    report = check(tmp_path)
    of_tree = [each for each in report.findings if RULE_BY_ID[each.rule].scope == "tree"]
    assert {each.rule for each in of_tree if each.severity == fault.severity} == {fault.rule}, of_tree
    assert any(fault.found in each.found for each in of_tree if each.rule == fault.rule)
    assert report.exit_code == (1 if fault.severity == "error" else 0)


def test_an_experiment_without_logs_is_found(tmp_path: Path) -> None:
    folder = science(tmp_path)
    for path in folder.glob("result-*.txt"):
        path.rename(path.with_name(path.name.replace("-", "_")))
    assert ("tree-science-files", "no result-1.txt") in graver(check(tmp_path))


GENERAL_FAULTS: list[tuple[str, Severity, str]] = [
    ("systems/h100.json", "error", f"no {ORG}/systems/h100.json"),
    (
        "benchmarks/earthquake/implementations/pytorch",
        "error",
        f"no code below {ORG}/benchmarks/earthquake/implementations/<implementation>/",
    ),
    (
        "benchmarks/earthquake/implementations/h100",
        "error",
        f"no {ORG}/benchmarks/earthquake/implementations/h100/",
    ),
    ("benchmarks/earthquake/implementations/h100/setup.sh", "error", "no setup.sh"),
    ("benchmarks/earthquake/implementations/h100/README.md", "error", "no README.md"),
    (
        "benchmarks/earthquake/implementations/h100/h100_pytorch.json",
        "error",
        "no h100_<implementation>.json",
    ),
    ("results", "error", f"no {ORG}/results/h100/earthquake/result_0.txt"),
    ("benchmarks/earthquake/implementations/pytorch/LICENSE", "warning", "no LICENSE"),
    ("results/h100/earthquake/result_0.txt", "warning", "numbers 1"),
]


@pytest.mark.parametrize(("name", "severity", "found"), GENERAL_FAULTS)
def test_what_the_general_rules_ask_and_a_tree_lacks_is_found(
    name: str, severity: Severity, found: str, tmp_path: Path
) -> None:
    without(name)(general(tmp_path))
    report = check(tmp_path)
    assert found in [text for _, text in graver(report, severity)]
    assert report.exit_code == (1 if severity == "error" else 0)
    assert not {rule for rule, _ in graver(report)} - {"tree-general-files"}


# ---- remedies


def test_what_science_demands_of_a_tree_is_a_clause_and_its_remedy_is_open_to_other_programs() -> None:
    severities = {id: PROFILES[SCIENCE].severity(SCIENCE, rule) for id, rule in RULE_BY_ID.items()}
    for rule in (RULE_BY_ID[id] for id, severity in severities.items() if severity):
        if rule.scope in ("tree", "system", "tar"):
            assert rule.clause != HOUSE, rule.id
            assert not rule.remedy.startswith("make the tree with"), rule.id
            assert "package again" not in rule.remedy.partition(";")[0], rule.id


def test_every_rule_on_trees_that_science_applies_is_broken_here() -> None:
    broken = {
        *(fault.rule for fault in SCIENCE_FAULTS),
        # also in test_foreign_trees.py
        *("tree-layout", "tree-organisation", "tree-identity", "contribution-table"),
        *("contribution-descriptor", "tree-general-files", "tree-general-numbering", "code-licence"),
        # of any tree, in test_tree_rules.py and its neighbours
        *("file-name", "file-size", "file-kind", "implementation-notes", "contribution-geometric-mean"),
    }
    rules = (rule for rule in RULE_BY_ID.values() if rule.scope == "tree")
    assert {rule.id for rule in rules if PROFILES[SCIENCE].severity(SCIENCE, rule)} == broken


def test_findings_name_files_from_the_folder_that_was_given(tmp_path: Path) -> None:
    folder = science(tmp_path)
    without("README.md")(folder)
    found: list[Finding] = [each for each in check(tmp_path).findings if each.rule == "tree-science-files"]
    assert [each.path for each in found] == [str(folder)]
