"""Rules on submission trees: a good tree passes all, and what a layout lacks is found."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import IO

import pytest

from compliance import registry
from compliance.rules import RULE_BY_ID, own_rules
from compliance.subjects import tree as tree_module
from compliance.subjects.discover import discover
from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from compliance.subjects.tree import SubmissionTree
from tests.support.submissions.trees import (
    CODE,
    GENERAL,
    MANIFEST,
    ORG,
    RESULTS,
    SCIENCE,
    SYSTEM,
    edit,
    expected_by,
    findings,
)


def test_a_packaged_tree_meets_every_rule(bundle: Path) -> None:
    (subject,) = discover(bundle).trees
    assert registry.run("tree", subject, own_rules()) == []
    assert len([rule for rule in RULE_BY_ID.values() if rule.scope == "tree"]) >= 25


def test_a_tree_is_read_once_whatever_the_number_of_rules(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: Counter[Path] = Counter()
    parsed: Counter[Path] = Counter()
    real_open = Path.open

    def counting_open(path: Path, *arguments: str) -> IO[bytes]:
        opened[path] += 1
        return real_open(path, *arguments)

    def counting_read(path: Path, name: str) -> Log:
        parsed[path] += 1
        opened[path] -= 1  # to parse a log, which keeps less than its text, opens it once more
        return read_log(path, name)

    (found,) = discover(bundle).trees
    monkeypatch.setattr(Path, "open", counting_open)
    subject = SubmissionTree(found.root, found.name, counting_read)
    assert registry.run("tree", subject, own_rules()) == []
    assert len(opened) > 20
    assert set(opened.values()) == {1}
    assert set(parsed.values()) == {1}


def test_contents_of_a_tree_are_kept_up_to_a_bound(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tree / SCIENCE / "README.md").open("a") as file:
        file.write("see /home/jane/notes\n")
    monkeypatch.setattr(tree_module, "KEPT_BYTES", 1000)
    assert next(path for path, *_ in findings("home-path", tree)) == f"{SCIENCE}/README.md"
    (subject,) = discover(tree).trees
    registry.run("tree", subject, own_rules())
    assert sum(len(content or b"") for content in subject._contents.values()) <= 1000


def test_a_tree_is_shown_by_its_name_in_every_finding(tree: Path) -> None:
    (tree / "notes.txt").write_text("x")
    (tree / SCIENCE / "setup.sh").unlink()
    (subject,) = discover(tree, shown=lambda path: str(Path("a.tar!", path.relative_to(tree)))).trees
    found = registry.run("tree", subject, own_rules())
    assert {each.path for each in found} >= {"a.tar!", "a.tar!/notes.txt", f"a.tar!/{SCIENCE}"}
    assert not [each for each in found if str(tree) in f"{each.path}{each.found}{each.expected}"]


def test_a_second_organisation_and_a_file_outside_it_are_found(tree: Path) -> None:
    (tree / "Other").mkdir()
    (tree / "Other" / "file").write_text("x")
    (tree / "notes.txt").write_text("x")
    assert findings("tree-organisation", tree) == [
        ("", None, f"2 folders: {ORG} and Other", expected_by("tree-organisation")),
    ]
    assert findings("tree-stray-file", tree) == [
        ("", None, "notes.txt outside the folder of the organisation", expected_by("tree-stray-file")),
    ]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("README.md", "tree-science-files"),
        ("config.yaml", "tree-science-files"),
        ("setup.sh", "tree-script-names"),
        ("init_datasets.sh", "tree-script-names"),
        ("run_and_time.sh", "tree-script-names"),
    ],
)
def test_a_missing_file_of_the_experiment_is_found(name: str, rule: str, tree: Path) -> None:
    (tree / SCIENCE / name).unlink()
    assert findings(rule, tree) == [(SCIENCE, None, f"no {name}", f"a file {name}")]


def test_an_experiment_without_contribution_logs_or_text_is_found(tree: Path) -> None:
    for path in (tree / SCIENCE).glob("s*ientific_contribution.*"):
        path.unlink()
    (tree / SCIENCE / "README.md").write_text("")
    for path in (tree / SCIENCE).glob("result-*.txt"):
        path.unlink()
    expected = expected_by("tree-science-files")
    assert findings("tree-science-files", tree) == [
        (f"{SCIENCE}/README.md", None, "an empty file", expected),
        (SCIENCE, None, "no scientific_contribution.md or .pdf", expected),
        (SCIENCE, None, "no result-1.txt", expected),
    ]


def test_a_bundle_without_one_of_the_layouts_or_both_is_found(tree: Path) -> None:
    shutil.rmtree(tree / ORG / "cloudmask")
    (science,) = findings("tree-both-layouts", tree)
    assert science[2] == "no folder <org>/<application>/<system>/<descriptor>/"
    assert findings("tree-layout", tree) == []
    for folder in ("benchmarks", "results"):
        shutil.rmtree(tree / ORG / folder)
    assert len(findings("tree-both-layouts", tree)) == 2
    assert findings("tree-layout", tree) == [("", None, "neither", expected_by("tree-layout"))]


def test_missing_parts_of_the_general_layout_are_found(tree: Path) -> None:
    (tree / GENERAL / "setup.sh").unlink()
    (tree / GENERAL / "test-node_tensorflow.json").unlink()
    shutil.rmtree(tree / RESULTS)
    shutil.rmtree(tree / CODE)
    found = [text for _, _, text, _ in findings("tree-general-files", tree)]
    assert found == [
        f"no code below {ORG}/benchmarks/cloudmask/implementations/<implementation>/",
        f"no {RESULTS}/result_0.txt",
        "no setup.sh",
        "no test-node_<implementation>.json",
    ]


def test_results_of_a_system_without_description_and_scripts_are_found(tree: Path) -> None:
    (tree / ORG / "systems" / "other.json").write_text("{}")
    (tree / SYSTEM).unlink()
    shutil.rmtree(tree / GENERAL)
    found = [text for _, _, text, _ in findings("tree-general-files", tree)]
    assert found == [
        f"no {ORG}/results/other/cloudmask/result_0.txt",
        f"no {ORG}/benchmarks/cloudmask/implementations/other/",
        f"no {SYSTEM}",
        f"no {GENERAL}/",
    ]


def test_a_gap_in_the_numbers_is_found_in_either_layout(tree: Path) -> None:
    (tree / SCIENCE / "result-3.txt").rename(tree / SCIENCE / "result-4.txt")
    (tree / RESULTS / "result_0.txt").unlink()
    assert findings("tree-numbering", tree) == [(SCIENCE, None, "numbers 1, 2 and 4", "1 to 3")]
    assert findings("tree-general-numbering", tree) == [(RESULTS, None, "numbers 1 and 2", "0 to 1")]


def test_logs_that_differ_between_the_layouts_are_found(tree: Path) -> None:
    edit(tree / RESULTS / "result_1.txt", '"value": 0.25', '"value": 0.24')
    assert findings("tree-same-logs", tree) == [
        (
            f"{SCIENCE}/result-2.txt",
            None,
            f"{SCIENCE}/result-2.txt differs from {RESULTS}/result_1.txt",
            expected_by("tree-same-logs"),
        )
    ]


def test_a_log_that_is_in_one_layout_only_is_found(tree: Path) -> None:
    (tree / RESULTS / "result_2.txt").unlink()
    assert [text for _, _, text, _ in findings("tree-same-logs", tree)] == [
        "3 logs in the experiment's folders of test-node, 2 below results"
    ]


def test_a_tree_of_nothing_but_a_manifest_and_systems_breaks_no_rule(tmp_path: Path) -> None:
    (tmp_path / "Org" / "systems").mkdir(parents=True)
    (tmp_path / "Org" / "systems" / "x.json").write_text("\x00")
    (tmp_path / MANIFEST).write_bytes(b"\xff\x00\n\n")
    (subject,) = discover(tmp_path).trees
    assert "rule-crashed" not in {finding.rule for finding in registry.run("tree", subject, own_rules())}
