"""Submission trees of other programs: judged by the layout that they have, on what its text asks."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compliance.checker import check_paths
from compliance.registry import OWN
from compliance.rules import RULE_BY_ID
from compliance.rules.profiles import PROFILES
from compliance.selection import Selection
from compliance.subjects.discover import discover, is_tree
from compliance.subjects.system import FIELDS, GENERAL_FIELDS
from tests.support.submissions.foreign_trees import (
    CONFIG_DATA,
    LOGS,
    ORG,
    check,
    description,
    general,
    graver,
    moded,
    renamed,
    replaced,
    science,
    without,
)
from tests.support.written import write

TABLE = """\
| Measurement name | Reference model value | Submitted model value |
| - | - | - |
| {} | 0.8 | 0.9 |
"""
MEASURES = {"cloudmask": "Test accuracy", "earthquake": "NNSE", "stemdl": "F1", "uno": "Validation loss"}


@pytest.mark.parametrize("application", LOGS)
@pytest.mark.parametrize("make", [science, general])
def test_a_tree_with_all_that_the_text_of_its_layout_asks_passes(
    make: Callable[..., Path], application: str, tmp_path: Path
) -> None:
    make(tmp_path, application)
    report = check(tmp_path)
    assert report.trees == (str(tmp_path),)
    assert len(report.logs) == 2
    assert graver(report) == []
    assert report.exit_code == 0
    warned = {rule for rule, _ in graver(report, "warning")}
    assert {rule for rule in warned if RULE_BY_ID[rule].scope != "log"} == set()


def test_both_layouts_together_pass_and_their_logs_are_judged_once(tmp_path: Path) -> None:
    science(tmp_path)
    general(tmp_path)
    report = check(tmp_path)
    assert graver(report, "warning") == []
    assert len(report.logs) == 2


def test_a_folder_that_is_given_as_a_tree_and_has_neither_layout_is_told_so(tmp_path: Path) -> None:
    write(tmp_path / "org" / "results" / "result_1.txt", LOGS["cloudmask"])
    assert not is_tree(tmp_path)
    report = check_paths([tmp_path], Selection().rule_sets(), kind="tree")
    (found,) = (each for each in report.findings if each.rule == "tree-layout")
    assert (found.severity, found.found) == ("error", "neither")
    assert "cloudmask, earthquake, stemdl or uno" in found.expected
    science(tmp_path)
    assert "tree-layout" not in {each.rule for each in check(tmp_path).findings}


def test_an_abbreviated_organisation_is_a_warning_and_an_error_in_a_bundle_of_ours(tmp_path: Path) -> None:
    science(tmp_path, org="IAC")
    report = check(tmp_path)
    assert graver(report, "warning") == [("tree-identity", "folder IAC")] * 2
    assert report.exit_code == 0
    general(tmp_path / "general", org="IAC")
    assert ("tree-identity", "folder IAC") in graver(check(tmp_path / "general"), "warning")
    assert PROFILES[OWN].severity(OWN, RULE_BY_ID["tree-identity"]) == "error"


def test_a_manifest_makes_a_bundle_of_ours_with_all_that_one_promises(tmp_path: Path) -> None:
    science(tmp_path)
    write(tmp_path / "MANIFEST.sha256", "")
    report = check_paths([tmp_path], Selection().rule_sets())
    assert {finding.profile for finding in report.findings} == {OWN}
    assert {"tree-both-layouts", "manifest-complete", "tree-script-names", "run-system"} <= {
        finding.rule for finding in report.findings if finding.severity == "error"
    }


def test_an_experiment_for_two_benchmarks_on_one_system_is_two(tmp_path: Path) -> None:
    for application in ("earthquake", "stemdl"):
        science(tmp_path, application)
        general(tmp_path, application)
    (tree,) = discover(tmp_path).trees
    assert len(tree.parts.science) == len(tree.parts.results) == len(tree.parts.code) == 2
    (tmp_path / ORG / "stemdl" / "h100" / "faultzone-3" / "README.md").unlink()
    (tmp_path / ORG / "results" / "h100" / "earthquake" / "result_0.txt").unlink()
    (tmp_path / ORG / "results" / "h100" / "earthquake" / "result_1.txt").unlink()
    assert [each for each in graver(check(tmp_path)) if each[0].startswith("tree")] == [
        ("tree-science-files", "no README.md"),
        ("tree-general-files", f"no {ORG}/results/h100/earthquake/result_0.txt"),
    ]


def test_two_organisations_are_a_warning_and_a_file_beside_them_is_nobodys_business(tmp_path: Path) -> None:
    science(tmp_path)
    write(tmp_path / "README.md", "Our results.\n")
    assert graver(check(tmp_path), "warning") == []
    write(tmp_path / "Other" / "notes.txt", "x")
    found = f"2 folders: {ORG} and Other"
    assert graver(check(tmp_path), "warning") == [("tree-organisation", found)]


@pytest.mark.parametrize("application", MEASURES)
def test_a_contribution_in_markdown_has_the_table_of_its_benchmark_and_the_descriptor(
    application: str, tmp_path: Path
) -> None:
    folder = science(tmp_path, application)
    path = write(folder / "scientific_contribution.md", TABLE.format(MEASURES[application]) + "faultzone-3\n")
    without("scientific_contribution.pdf")(folder)
    of_text = {"contribution-table", "contribution-descriptor"}
    assert not of_text & {rule for rule, _ in graver(check(tmp_path), "warning")}
    path.write_text(TABLE.format("Seconds") + "another experiment\n")
    report = check(tmp_path)
    assert of_text <= {rule for rule, _ in graver(report, "warning")}
    assert report.exit_code == 0


def test_a_notebook_is_a_script(tmp_path: Path) -> None:
    folder = science(tmp_path)
    renamed("train.slurm", "train.ipynb")(folder)
    moded("train.ipynb", 0o644)(folder)
    assert graver(check(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  version: 1.1", "  version: mlcommons-earthquake-v1.1"),
        ("  tag: 1.1", "  tag: 1.1\n  commit: b40d7f2"),
        (CONFIG_DATA, "data: aws s3 sync s3://quakes data/\n"),
        ("Tseq: 3\n", "hyperparameters:\n  Tseq: 3\n  opt_base_learning_rate: 3e-4\n"),
        ("learning_rate: 3\n", "optimizer:\n  opt-base-learning-rate: 3e-4\n"),
        ("learning_rate: 3\n", "sgd: &sgd {learning_rate: 3e-4, clip: .inf}\nwarm: {<<: *sgd, rate: 1}\n"),
    ],
)
def test_other_ways_to_write_a_configuration_are_accepted(old: str, new: str, tmp_path: Path) -> None:
    replaced("config.yaml", old, new)(science(tmp_path))
    assert graver(check(tmp_path), "warning") == []


@pytest.mark.parametrize("top", [None, "submission"])
@pytest.mark.parametrize("make", [science, general])
def test_a_tree_is_found_in_a_tar_with_its_organisation_or_a_folder_on_top(
    make: Callable[..., Path], top: str | None, tmp_path: Path
) -> None:
    make(tmp_path / "tree")
    path = tmp_path / "tree.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "tree" / ORG, f"{top}/{ORG}" if top else ORG, filter=nobodys)
    report = check_paths([path], Selection().rule_sets())
    assert report.trees == (f"{path}!/{top}" if top else f"{path}!",)
    assert len(report.logs) == 2
    assert graver(report, "warning") == []


def nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uname = member.gname = ""
    return member


# ---- what is no tree


@pytest.mark.parametrize(
    "names",
    [
        ["logs/quick-seed-1/result.txt", "logs/quick-seed-1/config.yaml"],
        # a run's folder has a configuration too, however deep it lies
        ["logs/cloudmask/a/1/result.txt", "logs/cloudmask/a/1/config.yaml"],
        ["cloudmask/a/result-1.txt"],
        # published results of MLPerf HPC, and code of a repository
        ["NVIDIA/systems/dgx.json", "NVIDIA/results/dgx/deepcam/result_0.txt"],
        ["NVIDIA/benchmarks/deepcam/implementations/mxnet/run.sh", "a/result_0.txt"],
        ["benchmarks/cloudmask/target/greene/config.yaml", "a/result.txt"],
        ["org/results/h100/CloudMask/result_0.txt"],
    ],
)
def test_what_only_looks_like_a_tree_stays_a_folder_of_logs(names: list[str], tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / name, LOGS["cloudmask"] if "result" in name else "x: 1\n")
    assert not is_tree(tmp_path)
    found = discover(tmp_path)
    assert found.trees == []
    assert len(found.logs) == 1


def test_a_link_does_not_make_a_tree(tmp_path: Path) -> None:
    science(tmp_path / "elsewhere")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / ORG).symlink_to(tmp_path / "elsewhere" / ORG)
    assert not is_tree(tmp_path / "given")


# ---- descriptions


def test_a_description_as_mlperf_sysinfo_writes_it_passes_with_two_warnings(tmp_path: Path) -> None:
    lacking: dict[str, Any] = dict.fromkeys(GENERAL_FIELDS)
    path = write(tmp_path / "h100.json", description(**lacking))
    assert len(json.loads(path.read_text())) == len(FIELDS) - 2 == 33
    report = check(path)
    assert report.exit_code == 0
    assert graver(report, "warning") == [
        ("system-general-fields", "no field system_type"),
        ("system-general-fields", "no field host_network_card_count"),
    ]
    write(path, description(cooling=None))
    assert graver(check(path)) == [("system-fields", "no field cooling")]
    own = check_paths([path], {OWN: Selection().rules(OWN)})
    assert own.exit_code == 1
    write(path, description(**lacking))
    own = check_paths([path], {OWN: Selection().rules(OWN)})
    assert [each[0] for each in graver(own)] == ["system-general-fields"] * 2
