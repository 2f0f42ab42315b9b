"""Rules on submission trees: a good tree passes all, a planted fault is found by the rule it breaks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from compliance import registry
from compliance.rules import RULE_BY_ID, own_rules
from compliance.rules import system as rules_system
from compliance.rules.tree import contribution as rules_tree_contribution
from compliance.rules.tree import shape as rules_tree
from compliance.subjects import tree as tree_module
from compliance.subjects.discover import discover
from compliance.subjects.log import Log
from compliance.subjects.markdown_text import number_in, opening_table, tables
from compliance.subjects.parse import read_log
from compliance.subjects.tree import SubmissionTree
from compliance.wording import excerpt
from tests.support.project import read_events
from tests.support.runs import accuracy

__all__ = ["rules_system", "rules_tree"]

ORG = "New-York-University"
SCIENCE = f"{ORG}/cloudmask/test-node/quick"
GENERAL = f"{ORG}/benchmarks/cloudmask/implementations/test-node"
CODE = f"{ORG}/benchmarks/cloudmask/implementations/tensorflow"
RESULTS = f"{ORG}/results/test-node/cloudmask"
SYSTEM = f"{ORG}/systems/test-node.json"
MANIFEST = "MANIFEST.sha256"


@pytest.fixture
def tree(bundle: Path, tmp_path: Path) -> Path:
    """A copy of a good tree, to plant a fault in."""
    return Path(shutil.copytree(bundle, tmp_path / "tree"))


def findings(rule: str, root: Path) -> list[tuple[str, int | None, str, str]]:
    """(path from the root, line, found, expected) of what one rule finds in a tree."""
    (subject,) = discover(root).trees
    found = registry.judge(RULE_BY_ID[rule], subject)
    assert {each.rule for each in found} <= {rule}, found
    return [(named(Path(each.path), root), each.line, each.found, each.expected) for each in found]


def named(path: Path, root: Path) -> str:
    """The path from the root; nothing for the root itself."""
    return path.relative_to(root).as_posix() if path != root else ""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def expected_by(rule: str) -> str:
    return RULE_BY_ID[rule].expected


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


def test_a_second_organisation_and_a_file_beside_it_are_found(tree: Path) -> None:
    (tree / "Other").mkdir()
    (tree / "Other" / "file").write_text("x")
    (tree / "notes.txt").write_text("x")
    assert findings("tree-organisation", tree) == [
        ("", None, f"2 folders: {ORG} and Other", expected_by("tree-organisation")),
    ]
    assert findings("tree-beside", tree) == [
        ("", None, "notes.txt next to the folder of the organisation", expected_by("tree-beside")),
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
        ("an alias (*name)", "plain YAML")
    ]
    (tree / SCIENCE / "config.yaml").write_text("[" * 10_000)
    assert [text for _, _, text, _ in findings("tree-config", tree)] == ["more than 500 brackets"]
    (tree / SCIENCE / "config.yaml").write_text("- " * 100_000)
    assert [text for _, _, text, _ in findings("tree-config", tree)] == ["more than 65536 characters"]
    (tree / SCIENCE / "config.yaml").write_text("- " * 10_000)
    ((_, _, text, _),) = findings("tree-config", tree)
    assert text.startswith("maximum recursion depth exceeded")


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


def statistics_line(tree: Path) -> str:
    text = (tree / SCIENCE / "scientific_contribution.md").read_text()
    lines = text[text.index("## Statistics") :].splitlines()
    return next(line for line in lines if line.startswith("| Test accuracy |"))


@pytest.mark.parametrize(
    ("column", "name"),
    [
        *((2, "mean"), (3, "standard deviation"), (4, "lowest"), (5, "highest"), (6, "olympic mean")),
        (7, "geometric mean"),
    ],
)
def test_a_statistic_that_does_not_follow_from_the_logs_is_found(tree: Path, column: int, name: str) -> None:
    path = tree / SCIENCE / "scientific_contribution.md"
    assert findings("contribution-statistics", tree) == []
    line = statistics_line(tree)
    cells = line.split("|")
    cells[column] = " 0.1234 "
    edit(path, line, "|".join(cells))
    number = path.read_text().splitlines().index("|".join(cells)) + 1
    found = findings("contribution-statistics", tree)
    assert [(at, text) for _, at, text, _ in found] == [(number, f"{name} `0.1234`")]


def test_an_interval_that_is_not_that_of_the_logs_is_found(tree: Path) -> None:
    path = tree / SCIENCE / "scientific_contribution.md"
    text = path.read_text()
    (match,) = re.finditer(r"with (\d+) degrees? of freedom, is (0\.\d+) to (0\.\d+)", text)
    degrees, low, high = int(match[1]), float(match[2]), float(match[3])

    def told(replacement: str) -> list[tuple[str, str]]:
        path.write_text(text.replace(match[0], replacement))
        return [(found, expected) for _, _, found, expected in findings("contribution-statistics", tree)]

    assert told(match[0]) == []
    (other,) = told(f"with {degrees + 1} degrees of freedom, is {low} to {high}")
    assert other == (f"{degrees + 1} degrees of freedom", f"{degrees}")
    (wide,) = told(f"with {degrees} degrees of freedom, is {low - 0.05:.4f} to {high + 0.05:.4f}")
    assert wide[1] == "95 % of Student's t"
    (beside,) = told(f"with {degrees} degrees of freedom, is {low + 0.01:.4f} to {high + 0.01:.4f}")
    assert beside[1].startswith("around the mean 0.")


@pytest.mark.parametrize(
    ("limit", "degrees", "share"),  # printed tables of Student's distribution
    [
        (12.706, 1, 0.95),
        (4.303, 2, 0.95),
        (2.776, 4, 0.95),
        (1.96, 10**6, 0.95),
        (3.747, 4, 0.98),
        (0.0, 3, 0.0),
    ],
)
def test_the_share_that_an_interval_holds_is_that_of_the_tables(
    limit: float, degrees: int, share: float
) -> None:
    assert rules_tree_contribution._held(limit, degrees) == pytest.approx(share, abs=2e-4)


@pytest.mark.parametrize("text", ["", "Prose first.\n\n| a | b |\n| - | - |\n"])
def test_a_contribution_that_does_not_begin_with_the_table_is_found(text: str, tree: Path) -> None:
    (tree / SCIENCE / "scientific_contribution.md").write_text(text)
    assert [(line, found) for _, line, found, _ in findings("contribution-table", tree)] == [
        (1, "no table at the beginning")
    ]


def test_headings_may_stand_before_the_table_and_other_columns_may_not_be_in_it(tree: Path) -> None:
    path = tree / SCIENCE / "scientific_contribution.md"
    path.write_text(f"# Title\n\n{path.read_text()}")
    assert findings("contribution-table", tree) == []
    edit(path, "Reference model value", "Reference")
    assert findings("contribution-table", tree) == [
        (
            f"{SCIENCE}/scientific_contribution.md",
            3,
            "a table of Measurement name, Reference, Submitted model value and Average difference",
            expected_by("contribution-table"),
        )
    ]
    path.write_text(
        path.read_text().replace("Reference |", "Reference model value |").replace("Test accuracy, m", "M")
    )
    assert findings("contribution-table", tree)[0][1:3] == (3, "no row on accuracy")


def test_a_contribution_that_does_not_name_its_experiment_is_found(tree: Path) -> None:
    path = tree / SCIENCE / "scientific_contribution.md"
    assert "The experiment's descriptor is `quick`" in path.read_text()
    path.write_text("A quickly made experiment, quick-2.")
    assert findings("contribution-descriptor", tree) == [
        (f"{SCIENCE}/{path.name}", None, "no mention of `quick`", expected_by("contribution-descriptor"))
    ]
    path.write_text("The quick experiment.")
    assert findings("contribution-descriptor", tree) == []


def test_a_submitted_value_that_is_not_the_mean_of_the_logs_is_found(tree: Path) -> None:
    mean = sum(accuracy(seed) for seed in (1, 2, 3)) / 3
    edit(
        tree / SCIENCE / "scientific_contribution.md",
        f"(as published) | {mean:.4f} |",
        "(as published) | 0.9500 |",
    )
    assert findings("contribution-score", tree) == [
        (f"{SCIENCE}/scientific_contribution.md", 3, "`0.9500`", f"{mean:.6f}")
    ]


def test_a_run_with_another_score_than_its_log_or_left_out_is_found(tree: Path) -> None:
    path = tree / SCIENCE / "scientific_contribution.md"
    lines = path.read_text().splitlines()
    rows = {
        seed: next(n for n, line in enumerate(lines) if line.startswith(f"| result-{seed}.txt"))
        for seed in (1, 2, 3)
    }
    lines[rows[1]] = lines[rows[1]].replace(f"{accuracy(1):.4f}", "0.9999")
    lines[rows[2]] = lines[rows[2]].replace("| 2 | 2 | 2 |", "| 7 | 2 | 2 |")
    del lines[rows[3]]
    path.write_text("\n".join(lines))
    heading = rows[1] - 1
    assert [(line, found, expected) for _, line, found, expected in findings("contribution-runs", tree)] == [
        (rows[1] + 1, "seed 1: `0.9999`", f"{accuracy(1):.6f}"),
        (rows[2] + 1, "seed `7`", "a seed of the logs"),
        (heading, "no row for seed 2", f"2 with {accuracy(2):.6f}"),
        (heading, "no row for seed 3", f"3 with {accuracy(3):.6f}"),
    ]


def test_a_contribution_without_a_table_of_runs_is_found(tree: Path) -> None:
    edit(tree / SCIENCE / "scientific_contribution.md", "| Log | Seed |", "| Log | Number |")
    assert [text for _, _, text, _ in findings("contribution-runs", tree)] == [
        "no table with Seed and Test accuracy"
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


# Secrets are put together here, so that this file holds none.
KEY = "-----BEGIN OPENSSH PRIVATE " + "KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAA" * 3 + "\n"
TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize("folder", [SCIENCE, CODE])
def test_a_private_key_and_a_token_are_found_anywhere(folder: str, tree: Path) -> None:
    (tree / folder / "notes.md").write_text(f"one line\n{KEY}\ntoken {TOKEN}\n")
    name = f"{folder}/notes.md"
    assert findings("secret-key", tree) == [(name, 2, "a private key", "no private key")]
    assert findings("secret-token", tree) == [(name, 5, "a GitHub token", "no token, password or access key")]


def test_the_value_of_a_secret_is_not_repeated_in_the_finding(tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"{TOKEN}\npassword = hunter2hunter2\n")
    assert all(
        "hunter2" not in text and TOKEN not in text for _, _, text, _ in findings("secret-token", tree)
    )


@pytest.mark.parametrize(
    "line", ["password: hunter2hunter2", 'api_key="0123456789abc"', "https://me:pw123@host.org/x"]
)
def test_a_password_is_found_outside_of_the_code(line: str, tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"{line}\n")
    (tree / CODE / "example.py").write_text(f"{line}\n")
    assert [(path, line) for path, line, _, _ in findings("secret-token", tree)] == [
        (f"{SCIENCE}/notes.md", 1)
    ]


@pytest.mark.parametrize(
    "line", ["password: $PASSWORD", "the password is yours", "secret = null", "tokens: 5"]
)
def test_talk_of_passwords_is_no_password(line: str, tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"{line}\n")
    assert findings("secret-token", tree) == []


@pytest.mark.parametrize("name", ["id_rsa", "server.pem", "KEY.P12", "credentials"])
def test_a_file_named_like_a_key_is_found(name: str, tree: Path) -> None:
    (tree / CODE / name).write_text("x")
    assert [(path, text) for path, _, text, _ in findings("secret-file", tree)] == [(f"{CODE}/{name}", name)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("path /home/ada/data", "`/home/ada`"),
        ("file:///Users/ada/x", "`file:///Users/ada`"),
        (r"C:\Users\ada", r"`C:\Users\ada`"),
        ("https://nyu.edu/home/ada", None),
        ("data/home/ada", None),
        ("/scratch/data", None),
    ],
)
def test_a_home_folder_is_found_in_logs_and_documents(line: str, found: str | None, tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"\n{line}\n")
    (tree / CODE / "example.py").write_text("'/home/user'\n")
    assert [(line, text) for _, line, text, _ in findings("home-path", tree)] == (
        [(2, found)] if found else []
    )


def test_an_address_other_than_the_contacts_is_found(tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(
        "ada@cloudlab-nyu.org\nADA@cloudlab-nyu.org\nbob@cloudlab-nyu.org, git@github.com:x/y\n@handle\n"
    )
    (tree / CODE / "AUTHORS").write_text("bob@cloudlab-nyu.org\n")
    assert [(line, text) for _, line, text, _ in findings("e-mail-address", tree)] == [
        (3, "`bob@cloudlab-nyu.org`"),
        (3, "`git@github.com`"),
    ]


def test_what_looks_like_an_address_in_the_bytes_of_a_figure_or_pdf_is_none(tree: Path) -> None:
    for name, head in (
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("b.pdf", b"%PDF-1.7\n"),
        ("w.webp", b"RIFF\x10\x00\x00\x00WEBP"),
        ("c.png", b"text\n"),
    ):
        (tree / SCIENCE / name).write_bytes(head + b"n@NO.Ey")
    assert [path for path, *_ in findings("e-mail-address", tree)] == [f"{SCIENCE}/c.png"]


def test_a_tree_of_nothing_but_a_manifest_and_systems_breaks_no_rule(tmp_path: Path) -> None:
    (tmp_path / "Org" / "systems").mkdir(parents=True)
    (tmp_path / "Org" / "systems" / "x.json").write_text("\x00")
    (tmp_path / MANIFEST).write_bytes(b"\xff\x00\n\n")
    (subject,) = discover(tmp_path).trees
    assert "rule-crashed" not in {finding.rule for finding in registry.run("tree", subject, own_rules())}


def test_tables_are_read_as_markdown_has_them() -> None:
    text = "```\n| no | table |\n| - | - |\n```\n| a | b\\|c |\n|:--|--:|\n| 1 | −2.5 | 9 |\n| 3 |\n\nend"
    (table,) = tables(text)
    assert (table.line, table.headings, table.rows) == (5, ("a", "b|c"), (("1", "−2.5"), ("3", "")))
    assert number_in(table.rows[0][1]) == -2.5
    assert opening_table(text) is None
    assert opening_table("# x\n\n| a |\n| - |\n") is not None
