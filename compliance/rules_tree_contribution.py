"""Rules on the contribution document: it begins with the table, and its numbers are those of the logs."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

from compliance.markdown import number_in, opening_table, tables
from compliance.registry import Problem, problem, rule
from compliance.subjects import Tree
from compliance.tree_read import logs, read_text
from compliance.tree_view import Folder, parts
from compliance.wording import excerpt, listing

CONTRIBUTION_TABLE = ("measurement name", "reference model value", "submitted model value")
MARKDOWN_CONTRIBUTIONS = ("scientific_contribution.md", "sientific_contribution.md")


@rule(
    "contribution-table",
    scope="tree",
    severity="error",
    clause="P 'Overview'",
    expected="first a table: Measurement name | Reference model value | Submitted model value",
    remedy="begin the document with the table; only headings may stand before it",
)
def contribution_table(tree: Tree) -> Iterator[Problem]:
    """A contribution in Markdown must begin with the table of measurements."""
    for folder, name, text in _contributions(tree):
        table = opening_table(text)
        path = tree.root / folder.path(name)
        if table is None:
            yield problem("no table at the beginning", 1, path=path)
        elif tuple(heading.lower() for heading in table.headings[:3]) != CONTRIBUTION_TABLE:
            yield problem(f"a table of {listing(table.headings)}", table.line, path=path)
        elif not any("test accuracy" in row[0].lower() for row in table.rows if row):
            yield problem("no row on the test accuracy", table.line, path=path)


@rule(
    "contribution-score",
    scope="tree",
    severity="error",
    clause="P 'Overview'; P 'Benchmark Results'",
    expected="the mean test accuracy of the logs",
    remedy="package the logs again; numbers of the document are computed, never typed",
)
def contribution_score(tree: Tree) -> Iterator[Problem]:
    """The test accuracy that a contribution submits must be the mean of its logs."""
    for folder, name, text in _contributions(tree):
        table = opening_table(text)
        scores = [
            score for _, log in logs(tree, folder) if (score := log.number("test_accuracy")) is not None
        ]
        if table is None or not scores:
            continue
        mean = statistics.fmean(scores)
        for line, row in table.numbered():
            if len(row) >= 3 and "test accuracy" in row[0].lower() and not _prints(row[2], mean):
                yield problem(excerpt(row[2]), line, f"{mean:.6f}", path=tree.root / folder.path(name))


@rule(
    "contribution-runs",
    scope="tree",
    severity="error",
    clause="P 'Benchmark Results' (how the result was achieved); T (all runs)",
    expected="a table with Seed and Test accuracy, one row for each log, with its value",
    remedy="package the logs again; every run is reported, with the numbers of its log",
)
def contribution_runs(tree: Tree) -> Iterator[Problem]:
    """A contribution in Markdown must report every run of the logs, with the seed and score of its log."""
    for folder, name, text in _contributions(tree):
        path = tree.root / folder.path(name)
        scores = _scores(tree, folder)
        table = next(
            (each for each in tables(text) if {"seed", "test accuracy"} <= each.columns.keys()), None
        )
        if table is None:
            yield problem("no table with Seed and Test accuracy", path=path)
            continue
        reported = set()
        for line, row in table.numbered():
            seed, said = row[table.columns["seed"]], row[table.columns["test accuracy"]]
            score = scores.get(seed)
            reported.add(seed)
            if score is None:
                yield problem(f"seed {excerpt(seed)}", line, "a seed of the logs", path=path)
            elif not _prints(said, score):
                yield problem(f"seed {seed}: {excerpt(said)}", line, f"{score:.6f}", path=path)
        for seed, score in scores.items():
            if seed not in reported:
                yield problem(f"no row for seed {seed}", table.line, f"{seed} with {score:.6f}", path=path)


def _prints(text: str, value: float) -> bool:
    """Whether a printed number is the value, rounded to the digits that are printed."""
    match = re.search(r"\d+(?:\.(\d+))?", text)
    number = number_in(text)
    decimals = len(match[1] or "") if match else 0
    return number is not None and abs(number - value) <= 0.5 * 10**-decimals + 1e-12


def _scores(tree: Tree, folder: Folder) -> dict[str, float]:
    """Seed, in digits -> test accuracy, of an experiment's logs."""
    return {
        str(seed): score
        for _, log in logs(tree, folder)
        if (seed := log.integer("seed")) is not None and (score := log.number("test_accuracy")) is not None
    }


def _contributions(tree: Tree) -> Iterator[tuple[Folder, str, str]]:
    """Folder, name and text of every contribution in Markdown."""
    for folder in parts(tree).science.values():
        for name in MARKDOWN_CONTRIBUTIONS:
            text = read_text(tree, folder.path(name)) if name in folder.files else None
            if text is not None:
                yield folder, name, text
