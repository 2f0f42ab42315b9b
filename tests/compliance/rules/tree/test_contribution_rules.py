"""Rules on the contribution: its tables and statistics follow from the logs, or a rule says which do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compliance.rules.tree import contribution as rules_tree_contribution
from compliance.subjects.markdown_text import number_in, opening_table, tables
from tests.support.runs.hand_runs import accuracy
from tests.support.submissions.trees import (
    SCIENCE,
    edit,
    expected_by,
    findings,
)


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
        path.read_text().replace("Reference |", "Reference model value |").replace("test accuracy, m", "m")
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


def test_tables_are_read_as_markdown_has_them() -> None:
    text = "```\n| no | table |\n| - | - |\n```\n| a | b\\|c |\n|:--|--:|\n| 1 | −2.5 | 9 |\n| 3 |\n\nend"
    (table,) = tables(text)
    assert (table.line, table.headings, table.rows) == (5, ("a", "b|c"), (("1", "−2.5"), ("3", "")))
    assert number_in(table.rows[0][1]) == -2.5
    assert opening_table(text) is None
    assert opening_table("# x\n\n| a |\n| - |\n") is not None
