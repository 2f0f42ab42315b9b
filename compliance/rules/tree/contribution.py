"""Rules on the contribution document: it must begin with the table, and agree with the logs."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator

from compliance.benchmarks import BENCHMARKS
from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.markdown_text import number_in, opening_table, tables
from compliance.subjects.tree import Folder, SubmissionTree
from compliance.wording import excerpt, listing

CONTRIBUTION_TABLE = ("measurement name", "reference model value", "submitted model value")
MARKDOWN_CONTRIBUTIONS = ("scientific_contribution.md", "sientific_contribution.md")


@tree_rule(
    "contribution-table",
    clause="P-table, P-measurement",
    expected="first a table: Measurement name | Reference model value | Submitted model value",
    remedy="begin the document with the table; only headings may stand before it",
)
def contribution_table(tree: SubmissionTree) -> Iterator[Problem]:
    """A contribution in Markdown must begin with the table of measurements."""
    application = {folder.name: key[1] for key, folder in tree.parts.science.items()}
    for folder, name, text in contributions(tree):
        table = opening_table(text)
        path = tree.shown(folder.path(name))
        words = [measure.word for measure in BENCHMARKS[application[folder.name]].measures]
        if table is None:
            yield problem("no table at the beginning", 1, path=path)
        elif tuple(heading.lower() for heading in table.headings[:3]) != CONTRIBUTION_TABLE:
            yield problem(f"a table of {listing(table.headings)}", table.line, path=path)
        elif not any(word in row[0].lower() for word in words for row in table.rows if row):
            yield problem(f"no row on {listing(words, last='or')}", table.line, path=path)


@tree_rule(
    "contribution-descriptor",
    clause="S-descriptor",
    expected="the name of the experiment's folder, its descriptor, in the text",
    remedy="say in the contribution what the experiment of this descriptor is",
)
def contribution_descriptor(tree: SubmissionTree) -> Iterator[Problem]:
    """A contribution in Markdown must name the descriptor of its experiment. Otherwise a reader does not
    know which experiment a folder holds."""
    descriptors = {folder.name: key[3] for key, folder in tree.parts.science.items()}
    for folder, name, text in contributions(tree):
        descriptor = descriptors[folder.name]
        if not re.search(rf"(?<![\w-]){re.escape(descriptor)}(?![\w-])", text, re.IGNORECASE):
            yield problem(f"no mention of {excerpt(descriptor)}", path=tree.shown(folder.path(name)))


@tree_rule(
    "contribution-score",
    clause="house",
    expected="the mean test accuracy of the logs",
    remedy="package the logs again; numbers of the document are computed, never typed",
)
def contribution_score(tree: SubmissionTree) -> Iterator[Problem]:
    """The test accuracy that a contribution submits must be the mean of its logs."""
    for folder, name, text in contributions(tree):
        table = opening_table(text)
        stated = [log.number("test_accuracy") for log in tree.logs[folder.name].values()]
        scores = [score for score in stated if score is not None]
        if table is None or not scores:
            continue
        mean = statistics.fmean(scores)
        for line, row in table.numbered():
            if len(row) >= 3 and "test accuracy" in row[0].lower() and not _prints(row[2], mean):
                yield problem(excerpt(row[2]), line, f"{mean:.6f}", path=tree.shown(folder.path(name)))


@tree_rule(
    "contribution-runs",
    clause="house",
    expected="a table with Seed and Test accuracy, one row for each log, with its value",
    remedy="package the logs again; every run is reported, with the numbers of its log",
)
def contribution_runs(tree: SubmissionTree) -> Iterator[Problem]:
    """A contribution in Markdown must report every run of the logs, with the seed and score of its log."""
    for folder, name, text in contributions(tree):
        path = tree.shown(folder.path(name))
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


@tree_rule(
    "contribution-statistics",
    clause="T-rounding",
    expected="the statistics of the logs' test accuracies",
    remedy="package the logs again; numbers of the document are computed, never typed",
)
def contribution_statistics(tree: SubmissionTree) -> Iterator[Problem]:
    """What a contribution says over all its runs must follow from their logs. The checker recomputes the
    mean, the sample's standard deviation, lowest, highest, olympic and geometric mean of the test accuracy,
    and the share of Student's distribution in its interval. It skips what the document does not state."""
    for folder, name, text in contributions(tree):
        path, scores = tree.shown(folder.path(name)), sorted(_scores(tree, folder).values())
        if not scores:
            continue
        true = _statistics(scores)
        for table in tables(text):
            for line, row in table.numbered() if {"quantity", "mean"} <= table.columns.keys() else ():
                said = {key: row[column] for key, column in table.columns.items() if key in true}
                for key, value in said.items() if row[table.columns["quantity"]] == "Test accuracy" else ():
                    figure = true[key]
                    if (number_in(value) is None) if figure is None else _prints(value, figure):
                        continue
                    expected = "none of so few runs" if figure is None else f"{figure:.6f}"
                    yield problem(f"{key} {excerpt(value)}", line, expected, path=path)
        for match in _INTERVAL.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield from _interval(match, line, scores, path)


@tree_rule(
    "contribution-geometric-mean",
    clause="T-geometric-mean",
    expected="the geometric mean of the final quality over the runs",
    remedy="state it, for example in a column `Geometric mean` of the statistics",
)
def contribution_geometric_mean(tree: SubmissionTree) -> Iterator[Problem]:
    """A contribution must report the geometric mean of the final quality. The open division requires
    it; if it is in a table, the checker recomputes it."""
    for folder, name, text in contributions(tree):
        if "geometric mean" not in text.lower():
            yield problem("no geometric mean", path=tree.shown(folder.path(name)))


_INTERVAL = re.compile(
    r"(\d+)% interval of the mean test accuracy, by Student's t with (\d+) degrees? of freedom, "
    r"is (\d\.\d+) to (\d\.\d+)"
)


def _statistics(scores: list[float]) -> dict[str, float | None]:
    """Return the statistics of sorted scores by column heading; None if there are too few scores."""
    return {
        "mean": statistics.fmean(scores),
        "standard deviation": statistics.stdev(scores) if len(scores) > 1 else None,
        "lowest": scores[0],
        "highest": scores[-1],
        "olympic mean": statistics.fmean(scores[1:-1]) if len(scores) > 2 else None,
        "geometric mean": statistics.geometric_mean(scores) if scores[0] > 0 else None,
    }


def _interval(match: re.Match[str], line: int, scores: list[float], path: str) -> Iterator[Problem]:
    """Report an interval that is off the mean or misstates its share of Student's distribution."""
    percent, degrees, low, high = int(match[1]), int(match[2]), float(match[3]), float(match[4])
    if degrees != len(scores) - 1 or degrees < 1:
        yield problem(f"{degrees} degrees of freedom", line, f"{len(scores) - 1}", path=path)
        return
    deviation, half = statistics.stdev(scores), (high - low) / 2
    rounding = 0.5 * 10 ** -len(match[3].partition(".")[2]) + 1e-9
    if abs((low + high) / 2 - statistics.fmean(scores)) > rounding:
        found = f"an interval around {(low + high) / 2:.6f}"
        yield problem(found, line, f"around the mean {statistics.fmean(scores):.6f}", path=path)
    error = deviation / math.sqrt(len(scores))
    bounds = [_held((half + sign * rounding) / error, degrees) for sign in (-1, 1)] if error else [0.0, 1.0]
    if not bounds[0] <= percent / 100 <= bounds[1]:
        found = f"{match[3]} to {match[4]}, which holds {100 * statistics.fmean(bounds):.1f} %"
        yield problem(found, line, f"{percent} % of Student's t", path=path)


def _held(limit: float, degrees: int) -> float:
    """Return the share of Student's distribution between -limit and limit, by Simpson's rule."""
    if limit <= 0:
        return 0.0
    parts_of_it = 2000
    scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    points = (limit * i / parts_of_it for i in range(parts_of_it + 1))
    density = [math.exp(scale - (degrees + 1) / 2 * math.log1p(x * x / degrees)) for x in points]
    ends, odd, even = density[0] + density[-1], sum(density[1::2]), sum(density[2:-1:2])
    return 2 * limit / parts_of_it / 3 * (ends + 4 * odd + 2 * even)


def _prints(text: str, value: float) -> bool:
    """Whether a printed number is the value rounded to the printed digits."""
    match = re.search(r"\d+(?:\.(\d+))?", text)
    number = number_in(text)
    decimals = len(match[1] or "") if match else 0
    return number is not None and abs(number - value) <= 0.5 * 10**-decimals + 1e-12


def _scores(tree: SubmissionTree, folder: Folder) -> dict[str, float]:
    """Map the seeds of an experiment's logs, in digits, to their test accuracy."""
    return {
        str(seed): score
        for log in tree.logs[folder.name].values()
        if (seed := log.integer("seed")) is not None and (score := log.number("test_accuracy")) is not None
    }


def contributions(tree: SubmissionTree) -> Iterator[tuple[Folder, str, str]]:
    """Yield folder, name and text of every contribution in Markdown."""
    for folder in tree.parts.science.values():
        for name in MARKDOWN_CONTRIBUTIONS:
            text = tree.text(folder.path(name)) if name in folder.files else None
            if text is not None:
                yield folder, name, text
