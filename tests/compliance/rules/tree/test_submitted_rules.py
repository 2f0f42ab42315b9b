"""Rules on what makes a tree a submission: small trees of logs typed by hand, observed and synthetic."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmark.record.events import DEFAULT_ORG
from compliance import registry
from compliance.rules import RULE_BY_ID
from compliance.subjects.discover import discover
from compliance.subjects.timeline import CONTACT
from compliance.subjects.tree import DEMONSTRATION as MARK
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, with_value, without, without_all

SCIENCE = "Org/cloudmask/epyc/five"
RULES = ("tree-synthetic", "tree-submitter", "tree-published", "contribution-geometric-mean")
GITHUB = {"repo": "https://github.com/org/cloudmask", "branch": "main", "tag": "v1.1"}
#: What the packager writes of a commit that is nowhere but in the bundle.
UNPUBLISHED = {
    "repo": "no public remote; the code is in this bundle",
    "tag": "no tag points at this commit",
}
NAMED, MARKED = "Test accuracy, one run", "Demonstration on synthetic scenes: test accuracy, one run"


def contribution(row: str, text: str = "The geometric mean is 0.93.") -> str:
    head = "| Measurement name | Reference model value | Submitted model value |\n| - | - | - |\n"
    return f"{head}| {row} | 0.92 | 0.93 |\n\n{text}\n"


OBSERVED: dict[str, str] = {
    "result-1.txt": COMPLETED,
    "result-2.txt": with_value(COMPLETED, "seed", 2),
    "config.yaml": yaml.safe_dump({"github": GITHUB}),
    "scientific_contribution.md": contribution(NAMED),
}
#: No contact, no repository, no tag; and the organisation of the shipped configurations.
DEMONSTRATION: dict[str, str] = {
    "result-1.txt": with_value(EARLY_STOPPED, "submission_org", DEFAULT_ORG),
    "config.yaml": yaml.safe_dump({"github": UNPUBLISHED}),
    "scientific_contribution.md": contribution(MARKED),
    MARK: "# Demonstration\n",
}


def findings(folder: Path, files: dict[str, str]) -> list[tuple[str, str, int | None, str, str]]:
    """(rule, path from the experiment's folder, line, found, expected) in a tree with these files."""
    (folder / "Org/systems").mkdir(parents=True)
    (folder / "MANIFEST.sha256").touch()
    for name, text in files.items():
        (folder / SCIENCE / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / SCIENCE / name).write_text(text)
    (tree,) = discover(folder).trees
    found = registry.run("tree", tree, {id: RULE_BY_ID[id] for id in RULES})
    science = folder / SCIENCE
    return [
        (each.rule, str(Path(each.path).relative_to(science)), each.line, each.found, each.expected)
        for each in found
    ]


def expected_by(rule: str) -> str:
    return RULE_BY_ID[rule].expected


@pytest.mark.parametrize("files", [OBSERVED, DEMONSTRATION], ids=["observed", "demonstration"])
def test_a_submission_and_a_demonstration_that_say_what_they_are_pass(
    files: dict[str, str], tmp_path: Path
) -> None:
    assert findings(tmp_path, files) == []


# ---- tree-synthetic


def test_synthetic_runs_in_a_tree_that_does_not_say_so_are_found(tmp_path: Path) -> None:
    files = {name: text for name, text in DEMONSTRATION.items() if name != MARK}
    files["scientific_contribution.md"] = f"# Title\n\n{contribution(NAMED)}"
    assert findings(tmp_path, files) == [
        ("tree-synthetic", ".", None, f"synthetic scenes and no {MARK}", expected_by("tree-synthetic")),
        (
            *("tree-synthetic", "scientific_contribution.md", 5),
            *(f"a row `{NAMED}`", "a row that begins with `Demonstration`"),
        ),
    ]


def test_one_synthetic_run_among_observed_ones_is_found(tmp_path: Path) -> None:
    files = {**OBSERVED, "result-3.txt": EARLY_STOPPED}
    assert [found for _, _, _, found, _ in findings(tmp_path, files)] == [
        f"synthetic scenes and no {MARK}",
        f"a row `{NAMED}`",
    ]


def test_observed_runs_in_a_tree_that_calls_itself_a_demonstration_are_found(tmp_path: Path) -> None:
    found = findings(tmp_path, {**OBSERVED, MARK: ""})
    assert found == [
        ("tree-synthetic", ".", None, f"observed scenes and {MARK}", expected_by("tree-synthetic"))
    ]


def test_the_mark_of_another_folder_is_none_of_the_experiments(tmp_path: Path) -> None:
    files = {name: text for name, text in DEMONSTRATION.items() if name != MARK}
    assert len(findings(tmp_path, {**files, f"runs/1/{MARK}": "", f"../{MARK}": ""})) == 1


@pytest.mark.parametrize("name", ["scientific_contribution.md", "sientific_contribution.md"])
@pytest.mark.parametrize(
    ("row", "passes"),
    [
        (MARKED, True),
        ("Demonstration: test accuracy", True),
        ("Seconds in all", True),
        ("test ACCURACY", False),
        ("Test accuracy of a Demonstration", False),
        ("demonstration: test accuracy", False),
    ],
)
def test_a_row_on_the_accuracy_of_synthetic_scenes_begins_with_the_word(
    row: str, passes: bool, name: str, tmp_path: Path
) -> None:
    files = {file: text for file, text in DEMONSTRATION.items() if not file.startswith("scientific")}
    found = findings(tmp_path, {**files, name: contribution(row)})
    assert [(path, line, text) for _, path, line, text, _ in found] == (
        [] if passes else [(name, 3, f"a row `{row}`")]
    )


def test_a_demonstration_without_contribution_or_without_table_is_left_to_other_rules(tmp_path: Path) -> None:
    files = {file: text for file, text in DEMONSTRATION.items() if not file.startswith("scientific")}
    assert findings(tmp_path / "none", files) == []
    prose = {**files, "scientific_contribution.md": "Test accuracy and its geometric mean.\n"}
    assert findings(tmp_path / "prose", prose) == []


# ---- tree-submitter


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (with_value(COMPLETED, "submission_org", DEFAULT_ORG), [f"organisation `{DEFAULT_ORG}`"]),
        (without(COMPLETED, CONTACT[0]), [f"no `{CONTACT[0]}`"]),
        (without(COMPLETED, CONTACT[1]), [f"no `{CONTACT[1]}`"]),
        (without_all(COMPLETED, *CONTACT), [f"no `{CONTACT[0]}` and no `{CONTACT[1]}`"]),
        (
            without(with_value(COMPLETED, "submission_org", DEFAULT_ORG), CONTACT[1]),
            [f"organisation `{DEFAULT_ORG}`", f"no `{CONTACT[1]}`"],
        ),
        (with_value(COMPLETED, "submission_org", f"{DEFAULT_ORG} users"), []),
    ],
    ids=["organisation", "no name", "no address", "no contact", "both", "a real one"],
)
def test_a_submission_of_nobody_is_found_in_every_log_of_it(
    text: str, found: list[str], tmp_path: Path
) -> None:
    assert findings(tmp_path, {**OBSERVED, "result-2.txt": text}) == [
        ("tree-submitter", "result-2.txt", None, said, expected_by("tree-submitter")) for said in found
    ]


# ---- tree-published


@pytest.mark.parametrize(
    ("github", "found"),
    [
        ({"repo": "git@github.com:org/cloudmask.git"}, []),
        ({"repo": "ssh://git@host.org/cloudmask"}, []),
        ({"repo": " http://host.org/cloudmask\n"}, []),
        ({"repo": UNPUBLISHED["repo"]}, [f"github.repo `{UNPUBLISHED['repo']}`"]),
        ({"repo": "/srv/git/cloudmask"}, ["github.repo `/srv/git/cloudmask`"]),
        ({"repo": "https://"}, ["github.repo `https://`"]),
        ({"repo": 7}, ["github.repo 7"]),
        ({"tag": UNPUBLISHED["tag"]}, [f"github.tag `{UNPUBLISHED['tag']}`"]),
        ({"tag": 1.1}, []),
        ({"tag": ""}, ["github.tag ``"]),
        (
            UNPUBLISHED,
            [f"github.repo `{UNPUBLISHED['repo']}`", f"github.tag `{UNPUBLISHED['tag']}`"],
        ),
    ],
)
def test_code_that_is_nowhere_to_be_had_is_found(
    github: dict[str, object], found: list[str], tmp_path: Path
) -> None:
    config = yaml.safe_dump({"github": GITHUB | github})
    assert findings(tmp_path, {**OBSERVED, "config.yaml": config}) == [
        ("tree-published", "config.yaml", None, said, expected_by("tree-published")) for said in found
    ]
    assert RULE_BY_ID["tree-published"].severity == "warning"


@pytest.mark.parametrize(
    "config",
    ["", "[", "- a\n- b\n", "github: https://github.com/org/cloudmask\n", "github: {repo: null}\n", None],
)
def test_a_configuration_that_says_nothing_of_its_repository_is_left_to_other_rules(
    config: str | None, tmp_path: Path
) -> None:
    files = {name: text for name, text in OBSERVED.items() if name != "config.yaml"}
    assert findings(tmp_path, files if config is None else {**files, "config.yaml": config}) == []


# ---- the geometric mean


@pytest.mark.parametrize("files", [OBSERVED, DEMONSTRATION], ids=["observed", "demonstration"])
def test_a_contribution_without_the_geometric_mean_is_found(files: dict[str, str], tmp_path: Path) -> None:
    said = files["scientific_contribution.md"]
    without_it = said.replace("geometric mean", "mean")
    assert findings(tmp_path / "without", {**files, "scientific_contribution.md": without_it}) == [
        (
            *("contribution-geometric-mean", "scientific_contribution.md", None),
            *("no geometric mean", expected_by("contribution-geometric-mean")),
        )
    ]
    column = without_it + "\n| Quantity | Geometric mean |\n| - | - |\n| Test accuracy | 0.9300 |\n"
    assert findings(tmp_path / "with", {**files, "scientific_contribution.md": column}) == []
