"""Submission trees of other programs: judged by the layout that they have, on what its text asks."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmark import ROOT
from compliance.checker import check_paths
from compliance.clauses.texts import HOUSE
from compliance.finding import Finding, Severity
from compliance.registry import OWN
from compliance.reports.report import Report
from compliance.rules import RULE_BY_ID
from compliance.rules.profiles import PROFILES, SCIENCE
from compliance.selection import Selection
from compliance.subjects.discover import discover, is_tree
from compliance.subjects.system import FIELDS, GENERAL_FIELDS
from submission.system.description import SYSTEMS

FOREIGN = ROOT / "tests" / "data" / "foreign"
#: The log of uno is that of earthquake, renamed: no program that conforms is known.
LOGS = {
    "cloudmask": (FOREIGN / "1-letter.log").read_text(),
    "earthquake": (FOREIGN / "9-earthquake-letter.log").read_text(),
    "stemdl": (FOREIGN / "10-stemdl-letter.log").read_text(),
    "uno": (FOREIGN / "9-earthquake-letter.log").read_text().replace("earthquake", "uno"),
}
#: As the logs name it.
ORG = "Institute-of-Atmospheric-Computing"
PARAMETERS: dict[str, list[str]] = {
    "cloudmask": ["epochs", "learning_rate", "batch_size", "MIN_SST", "PATCH_SIZE", "seed"],
    "earthquake": [
        *("TFTTransformerepochs", "TFTTransformerbatch_size", "TFTTransformertestvalbatch_size"),
        *("TFTd_model", "Tseq", "TFTdropout_rate", "learning_rate", "early_stopping_patience"),
    ],
    "stemdl": ["num_epochs", "learning_rate", "batch_size"],
    "uno": ["epochs", "opt_base_learning_rate", "global_batch_size"],
}
#: The example of submit.adoc, with its spelling.
CONFIG = """\
github:
  discription: EarthQuake Prediction
  repo: https://github.com/example/quakeformer
  branch: main
  version: 1.1
  tag: 1.1
data:
- aws s3 sync s3://quakes data/
"""
TABLE = """\
| Measurement name | Reference model value | Submitted model value |
| - | - | - |
| {} | 0.8 | 0.9 |
"""
MEASURES = {"cloudmask": "Test accuracy", "earthquake": "NNSE", "stemdl": "F1", "uno": "Validation loss"}


def write(path: Path, text: str | bytes, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def logs_of(application: str) -> list[str]:
    """The logs of two runs, the second one later."""
    later = re.sub(r'(?<="time_ms": )\d+', lambda time: str(int(time[0]) + 10**8), LOGS[application])
    return [LOGS[application], later]


def science(root: Path, application: str = "earthquake", org: str = ORG, system: str = "h100") -> Path:
    """All that submit.adoc asks of an experiment, in its layout."""
    folder = root / org / application / system / "faultzone-3"
    values = "".join(f"{name}: 3\n" for name in PARAMETERS[application])
    # the version without the benchmark's name, as in the example
    version = re.search(r"-v(\d\.\d)", LOGS[application])[1]  # type: ignore[index]
    write(folder / "config.yaml", CONFIG.replace("1.1", version) + values)
    write(folder / "README.md", "Run train.slurm, once for each seed.\n")
    write(folder / "train.slurm", "#!/bin/bash\npython train.py\n", 0o755)
    write(folder / "scientific_contribution.pdf", b"%PDF-1.7\n")
    for number, text in enumerate(logs_of(application), start=1):
        write(folder / f"result-{number}.txt", text)
    return folder


def description(**changes: str | None) -> str:
    fields = json.loads((SYSTEMS / "greene-v100.json").read_text())
    fields |= {
        "submitter": "Institute of Atmospheric Computing",
        "system_name": "h100",
        "status": "Research, Development, or Internal (RDI)",
    }
    fields |= changes
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def general(root: Path, application: str = "earthquake", org: str = ORG, system: str = "h100") -> Path:
    """All that the general rules ask of a system with results, in their layout."""
    folder = root / org
    write(folder / "systems" / f"{system}.json", description())
    implementations = folder / "benchmarks" / application / "implementations"
    write(implementations / "pytorch" / "train.py", "print('train')\n")
    write(implementations / "pytorch" / "LICENSE", "Apache License 2.0\n")
    for name in ("setup.sh", "init_datasets.sh", "run_and_time.sh"):
        write(implementations / system / name, "#!/bin/bash\n", 0o755)
    write(implementations / system / "README.md", "Run run_and_time.sh.\n")
    notes = (
        *("starting_weights_filename", "weight_transformations", "weight_data_types"),
        *("input_data_types", "retraining"),
    )
    write(
        implementations / system / f"{system}_pytorch.json", json.dumps(dict.fromkeys(notes, "none, float32"))
    )
    for number, text in enumerate(logs_of(application)):
        write(folder / "results" / system / application / f"result_{number}.txt", text)
    return folder


def check(root: Path) -> Report:
    report = check_paths([root], Selection().rule_sets())
    assert not report.failures
    assert {finding.profile for finding in report.findings} <= {SCIENCE}
    return report


def graver(report: Report, least: Severity = "error") -> list[tuple[str, str]]:
    """Rule and what it found, of errors, or of errors and warnings."""
    kept = ("error",) if least == "error" else ("error", "warning")
    return [(each.rule, each.found) for each in report.findings if each.severity in kept]


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


def without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def renamed(name: str, to: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).rename(folder / to)

    return change


def moded(name: str, mode: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).chmod(mode)


def of(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        write(folder / name, text)

    return change


class Fault(NamedTuple):
    """What a tree lacks, the rule that says so, and what it says."""

    change: Callable[[Path], None]
    rule: str
    found: str
    severity: Severity = "error"


CONFIG_DATA = "data:\n- aws s3 sync s3://quakes data/\n"
RUN_IT = "Run train.slurm, once for each seed.\n"
REPO = "  repo: https://github.com/example/quakeformer\n"
COMMIT = "  tag: 1.1\n  commit: 0000000"


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
