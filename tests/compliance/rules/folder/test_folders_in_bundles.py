"""What a bundle keeps of each run besides its log is judged as in the run's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compliance.checker import check_paths, check_tree
from compliance.registry import OWN
from compliance.rules import own_rules
from compliance.subjects.tree import SubmissionTree
from tests.support.folder_contradictions.contradiction import Plant, cell, event, fact
from tests.support.runs.checkout import git, make_checkout
from tests.support.runs.hand_runs import CONFIG, write_run

SCIENCE = "New-York-University/cloudmask/test-node/quick"
RESULTS = "New-York-University/results/test-node/cloudmask"


def found(tree: Path) -> list[tuple[str, str, str]]:
    """The errors of the rules on folders: rule, file and what was found."""
    report = check_tree(SubmissionTree(tree, "bundle"), {OWN: own_rules()})
    folder = {id for id, rule in own_rules().items() if rule.scope == "folder"}
    return [(each.rule, each.path, each.found) for each in report.findings if each.rule in folder]


def test_a_good_bundle_has_nothing_to_find(bundle: Path) -> None:
    assert found(bundle) == []


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (
            cell("metrics.csv", 2, "eval_loss", "0.125"),
            ("metrics-agree", f"bundle/{SCIENCE}/runs/2/metrics.csv", "`eval_loss` 0.125 in epoch 2"),
        ),
        (
            fact("git.dirty", True),
            ("measured-code", f"bundle/{SCIENCE}/runs/2/system.json", "dirty true"),
        ),
        (
            fact("cpu.threads", "4"),
            (
                "measured-form",
                f"bundle/{SCIENCE}/runs/2/system.json",
                "`system.cpu.threads` is a string (`4`)",
            ),
        ),
    ],
)
def test_the_files_of_a_run_are_compared_with_its_log(
    plant: Plant, said: tuple[str, str, str], tree: Path
) -> None:
    plant(tree / SCIENCE / "runs/2")
    assert found(tree) == [said]


def test_a_log_of_both_layouts_is_compared_with_the_configuration_of_the_bundle(tree: Path) -> None:
    copy = tree / SCIENCE / "copy"
    copy.mkdir()
    shutil.move(tree / SCIENCE / "result-3.txt", copy / "result.txt")
    event("split_seed", 43)(copy)
    shutil.copy(copy / "result.txt", tree / RESULTS / "result_2.txt")
    shutil.move(copy / "result.txt", tree / SCIENCE / "result-3.txt")
    (only,) = found(tree)
    assert only == ("folder-config", f"bundle/{RESULTS}/result_2.txt", "`split_seed` 43")


def test_a_log_of_one_layout_alone_has_its_files_too(tree: Path) -> None:
    shutil.rmtree(tree / RESULTS)
    cell("metrics.csv", 1, "train_loss", "0.125")(tree / SCIENCE / "runs/1")
    assert [rule for rule, _, _ in found(tree)] == ["metrics-agree"]


def test_a_tree_that_is_no_bundle_of_ours_may_keep_anything_there(tree: Path) -> None:
    (tree / "MANIFEST.sha256").unlink()
    (tree / SCIENCE / "runs/1/metrics.csv").write_text("lr\n0.1\n")
    assert found(tree) == []


def test_a_folder_of_runs_in_a_tar_is_judged_by_the_names_in_the_tar(tmp_path: Path) -> None:
    commit = make_checkout(tmp_path / "code")
    assert git(tmp_path / "code", "rev-parse", "HEAD") == commit
    folder = write_run(tmp_path / "logs", 1, commit, config=CONFIG)
    cell("metrics.csv", 1, "train_loss", "0.125")(folder)
    archive = shutil.make_archive(str(tmp_path / "runs"), "tar", tmp_path, "logs")
    wrong = [each.path for each in check_paths([archive]).findings if each.rule == "metrics-agree"]
    assert wrong == [f"{archive}!/logs/quick-seed-1/metrics.csv"]
