"""Rules on what a submission tree says of its runs: their method, their system and who submits them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from compliance.wording import excerpt
from tests.support.submissions.trees import ORG, SCIENCE, SYSTEM, edit, expected_by, findings


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
