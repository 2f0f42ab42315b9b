"""Rules on submission trees: a good tree passes all, a planted fault is found by the rule it breaks."""

from __future__ import annotations

import hashlib
import json
import os
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
from compliance.wording import excerpt
from tests.support.trees import (
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


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("not a line", "`not a line`"),
        (f"{'0' * 64}  ../outside", "a name that leaves the tree: `../outside`"),
        (f"{'0' * 64}  /etc/passwd", "a name that leaves the tree: `/etc/passwd`"),
        (f"{'0' * 63}  short", f"`{'0' * 60}…`"),
    ],
)
def test_a_line_of_the_manifest_that_names_no_file_of_the_tree_is_found(
    line: str, found: str, tree: Path
) -> None:
    path = tree / MANIFEST
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, line, lines[0]]) + "\n")
    assert [(line, text) for _, line, text, _ in findings("manifest-lines", tree)] == [
        (len(lines) + 1, found),
        (len(lines) + 2, f"{excerpt(lines[0][66:])} a second time"),
    ]


def test_a_file_that_is_not_listed_and_one_that_is_not_there_are_found(tree: Path) -> None:
    (tree / SCIENCE / "notes.txt").write_text("added")
    (tree / SCIENCE / "README.md").unlink()
    expected = expected_by("manifest-complete")
    assert findings("manifest-complete", tree) == [
        (f"{SCIENCE}/notes.txt", None, f"{SCIENCE}/notes.txt is not listed", expected),
        (MANIFEST, None, f"`{SCIENCE}/README.md` is listed and not there", expected),
    ]


def test_one_changed_byte_is_found_with_both_hashes(tree: Path) -> None:
    path = tree / SCIENCE / "config.yaml"
    listed = next(
        line[:64]
        for line in (tree / MANIFEST).read_text().splitlines()
        if line.endswith(f"{SCIENCE}/config.yaml")
    )
    path.write_bytes(path.read_bytes() + b"\n")
    ((name, _, found, expected),) = findings("manifest-hash", tree)
    assert (name, expected) == (f"{SCIENCE}/config.yaml", listed)
    assert len(found) == 64
    assert found != listed


@pytest.mark.parametrize("name", ["a b.txt", ".hidden", "tab\tname"])
def test_a_name_that_git_hosts_stumble_over_is_found(name: str, tree: Path) -> None:
    (tree / SCIENCE / name).write_text("x")
    assert [(path, line) for path, line, _, _ in findings("file-name", tree)] == [(f"{SCIENCE}/{name}", None)]


def test_a_file_below_a_hidden_folder_is_found(tree: Path) -> None:
    (tree / CODE / ".git").mkdir()
    (tree / CODE / ".git" / "config").write_text("x")
    assert [text for _, _, text, _ in findings("file-name", tree)] == ["`.git`"]


def test_a_file_over_50_megabytes_is_found(tree: Path) -> None:
    with (tree / SCIENCE / "masks.h5").open("wb") as stream:
        stream.truncate(60 * 1024 * 1024)
    assert findings("file-size", tree) == [(f"{SCIENCE}/masks.h5", None, "60.0 MB", "at most 50 MB")]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("nowhere", "a broken link: `nowhere`"),
        ("/etc/passwd", "a link out of the tree: `/etc/passwd`"),
        ("../../../../../tree-2/file", "a link out of the tree: `../../../../../tree-2/file`"),
        ("link", "a broken link: `link`"),
    ],
)
def test_a_link_that_leads_nowhere_or_out_of_the_tree_is_found(target: str, found: str, tree: Path) -> None:
    (tree / SCIENCE / "link").symlink_to(target)
    assert findings("file-kind", tree) == [(f"{SCIENCE}/link", None, found, expected_by("file-kind"))]


def test_a_link_within_the_tree_passes_and_a_pipe_is_found(tree: Path) -> None:
    (tree / SCIENCE / "link").symlink_to("README.md")
    os.mkfifo(tree / SCIENCE / "pipe")
    assert [text for _, _, text, _ in findings("file-kind", tree)] == ["neither a file nor a link"]


def test_a_script_that_cannot_be_run_is_found(tree: Path) -> None:
    (tree / SCIENCE / "setup.sh").chmod(0o644)
    edit(tree / GENERAL / "run_and_time.sh", "#!/usr/bin/env bash\n", "")
    expected = expected_by("script-executable")
    assert findings("script-executable", tree) == [
        (f"{SCIENCE}/setup.sh", None, "mode 644", expected),
        (f"{GENERAL}/run_and_time.sh", 1, "no #! in the first line", expected),
    ]


def test_code_without_a_licence_is_found(tree: Path) -> None:
    (tree / CODE / "LICENSE").unlink()
    assert findings("code-licence", tree) == [
        (CODE, None, "no LICENSE", "a file LICENSE at the root of the code")
    ]


def test_the_file_of_a_method_that_is_missing_or_another_is_found(tree: Path) -> None:
    digest = hashlib.sha256(b"ABOUT = ...").hexdigest()
    for path in (tree / SCIENCE).glob("result-*.txt"):
        lines = path.read_text().splitlines(keepends=True)
        seed = next(number for number, line in enumerate(lines) if '"key": "seed"' in line)
        event = json.loads(lines[seed].removeprefix(":::MLLOG "))
        for key, value in (("method_source", "mine.py"), ("method_sha256", digest)):
            lines.insert(seed + 1, f":::MLLOG {json.dumps(event | {'key': key, 'value': value})}\n")
        path.write_text("".join(lines))
    (found,) = findings("tree-method", tree)
    assert found == (
        SCIENCE,
        None,
        f"no {excerpt('mine.py')}, which {SCIENCE}/result-1.txt names",
        expected_by("tree-method"),
    )
    file = tree / SCIENCE / "mine.py"
    file.write_bytes(b"ABOUT = ...")
    assert findings("tree-method", tree) == []
    file.write_bytes(b"ABOUT = None")
    (found,) = findings("tree-method", tree)
    assert found[0] == f"{SCIENCE}/mine.py"
    assert found[3] == f"{digest}, as in {SCIENCE}/result-1.txt"


def test_a_log_without_what_its_run_measured_is_found(tree: Path) -> None:
    (tree / SCIENCE / "runs/2/system.json").unlink()
    (tree / SCIENCE / "runs/3/system.json").write_text("[")
    assert [(path, text) for path, _, text, _ in findings("run-system", tree)] == [
        (f"{SCIENCE}/result-2.txt", "no readable runs/2/system.json"),
        (f"{SCIENCE}/result-3.txt", "no readable runs/3/system.json"),
    ]


def test_a_description_of_another_system_than_the_runs_measured_is_found(tree: Path) -> None:
    claimed = json.loads((tree / SYSTEM).read_text())
    claimed |= {
        "accelerators_per_node": "4",
        "accelerator_model_name": "NVIDIA Tesla V100",
        "number_of_nodes": "2",
    }
    (tree / SYSTEM).write_text(json.dumps(claimed))
    found = [(path, text, want) for path, _, text, want in findings("system-agrees", tree)]
    assert found[:3] == [
        (SYSTEM, "number_of_nodes: 2", "1 as in run 1"),
        (SYSTEM, "accelerators_per_node: 4", "0 as in run 1"),
        (SYSTEM, "accelerator_model_name: NVIDIA Tesla V100", "no accelerator as in run 1"),
    ]
    assert found[-1] == (SYSTEM, "2 nodes", f"1 as in {SCIENCE}/result-3.txt")


def test_a_description_with_fewer_accelerators_than_a_run_used_is_found(tree: Path) -> None:
    edit(
        tree / SCIENCE / "result-1.txt",
        '"key": "accelerators_per_node", "value": 0',
        '"key": "accelerators_per_node", "value": 1',
    )
    assert [(text, want) for _, _, text, want in findings("system-agrees", tree)] == [
        ("0 accelerators", f"at least 1 as in {SCIENCE}/result-1.txt")
    ]


def test_a_folder_a_submitter_and_a_status_that_are_not_the_logs_are_found(tree: Path) -> None:
    edit(tree / SYSTEM, '"submitter": "New York University"', '"submitter": "NYU"')
    edit(tree / SYSTEM, "Research, Development, or Internal (RDI)", "Preview")
    (tree / ORG).rename(tree / "NYU")
    found = [(path, text) for path, _, text, _ in findings("tree-identity", tree)]
    assert found[:3] == [
        ("NYU", "folder NYU"),
        (SYSTEM.replace(ORG, "NYU"), "submitter `NYU`"),
        (SYSTEM.replace(ORG, "NYU"), "status `Preview`"),
    ]
    assert len(found) == 9


def test_a_run_of_a_checkout_with_changes_is_found(tree: Path) -> None:
    edit(tree / SCIENCE / "result-1.txt", '"dirty": false', '"dirty": true')
    assert findings("tree-clean-runs", tree) == [
        (f"{SCIENCE}/result-1.txt", 7, "a run with uncommitted changes", expected_by("tree-clean-runs"))
    ]


def test_a_tree_of_nothing_but_a_manifest_and_systems_breaks_no_rule(tmp_path: Path) -> None:
    (tmp_path / "Org" / "systems").mkdir(parents=True)
    (tmp_path / "Org" / "systems" / "x.json").write_text("\x00")
    (tmp_path / MANIFEST).write_bytes(b"\xff\x00\n\n")
    (subject,) = discover(tmp_path).trees
    assert "rule-crashed" not in {finding.rule for finding in registry.run("tree", subject, own_rules())}
