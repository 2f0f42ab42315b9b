"""Write the comparison as text: Markdown for people, CSV for programs."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmark.comparison.published import PAPER, TABLE_1
from benchmark.comparison.runs import ComparedRun, Row
from benchmark.comparison.significance import CONFIDENCE, Difference, differences_to_best
from benchmark.core.escaping import csv_text, markdown_line, markdown_table

#: Column -> the figure of a run, and its format. GFLOP: of one patch, forward, convolutions only.
COLUMNS: Mapping[str, tuple[Callable[[ComparedRun], float | None], str]] = {
    "accuracy": (lambda run: run.result["value"], ".4f"),
    "Kuiper skill": (lambda run: run.score("bayes", "all", "kuiper_skill"), ".3f"),
    "IoU": (lambda run: run.score("bayes", "all", "iou"), ".3f"),
    "day": (lambda run: run.score("bayes", "day", "accuracy"), ".4f"),
    "night": (lambda run: run.score("bayes", "night", "accuracy"), ".4f"),
    "against truth": (lambda run: run.score("truth", "all", "accuracy"), ".4f"),
    "parameters": (lambda run: run.result.get("parameters"), ",.0f"),
    "GFLOP": (lambda run: _giga(run.result.get("operations")), ".1f"),
    "training (s)": (lambda run: run.result["timing"]["training_seconds"], ".1f"),
    "scene (s)": (lambda run: run.result["timing"]["seconds_per_scene"], ".2f"),
    "energy (kJ)": (lambda run: None if run.energy is None else run.energy / 1000, ".1f"),
}


def title(rows: Sequence[Row]) -> str:
    """Return the table's title, which names synthetic scenes as such."""
    kind = rows[0].runs[0].data[0]
    return f"Cloud masking methods on {'synthetic' if kind == 'synthetic' else 'observed SLSTR'} scenes"


def to_markdown(rows: Sequence[Row]) -> str:
    """Return the complete document."""
    columns = [name for name in COLUMNS if any(_figures(row, name) for row in rows)]
    scenes = len(rows[0].runs[0].scenes)
    lines = [
        f"# {title(rows)}",
        "",
        *_warning(rows),
        f"Scored on the same {scenes} scenes, none of which was trained on or used to choose anything. "
        "Mean over the runs of a method, with the sample standard deviation where there are several.",
        "",
        markdown_table(
            ["method", "runs", *columns],
            ([row.name, str(len(row.runs)), *(_shown(row, name) for name in columns)] for row in rows),
            right=["runs", *columns],
        ),
        "",
        *(f"- {markdown_line(row.name)}: {markdown_line(row.title)}" for row in rows),
        "",
        *_differences(differences_to_best([(row.name, row.scenes) for row in rows]), scenes),
        *_published(rows),
    ]
    return "\n".join(lines)


def to_csv(rows: Sequence[Row]) -> str:
    """Return all runs at full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "options", "seed", *COLUMNS])
    for row in rows:
        for run in row.runs:
            options = "; ".join(f"{name}={value}" for name, value in run.options.items())
            figures = [figure(run) for figure, _ in COLUMNS.values()]
            known = ["" if figure is None else figure for figure in figures]
            writer.writerow([csv_text(run.method), csv_text(options), run.seed, *known])
    return text.getvalue()


def _warning(rows: Sequence[Row]) -> list[str]:
    if rows[0].runs[0].data[0] != "synthetic":
        return []
    return [
        "**The scenes are synthetic: the table shows that all methods run under one harness, and says "
        "nothing about how well any of them masks clouds in observations.**",
        "",
    ]


def _differences(differences: Sequence[Difference], scenes: int) -> list[str]:
    if not differences:
        return []
    return [
        "## Which methods differ",
        "",
        f"Mean difference in accuracy over the {scenes} scenes, the first row minus the other, with the "
        f"{CONFIDENCE:.0%} interval of a paired bootstrap over scenes.",
        "",
        markdown_table(
            ("first", "other", "difference", "interval", "differ"),
            map(_difference, differences),
            right=("difference", "interval"),
        ),
        "",
    ]


def _difference(each: Difference) -> list[str]:
    interval = f"{each.low:+.4f} to {each.high:+.4f}"
    return [each.first, each.second, f"{each.mean:+.4f}", interval, "yes" if each.is_clear else "not shown"]


def _published(rows: Sequence[Row]) -> list[str]:
    here = {run.method: row for row in rows for run in row.runs}
    cells = []
    for each in TABLE_1:
        ours = _shown(here[each.method], "accuracy") if each.method in here else "-"
        cells.append([each.model, each.data, each.truth, each.accuracy, ours, each.source])
    return [
        "## What the paper lists for other data",
        "",
        f"{PAPER}. Other sensors, scenes and reference masks: not comparable with the table above.",
        "",
        markdown_table(
            ("model", "data", "reference mask", "accuracy", "here", "source"),
            cells,
            right=("accuracy", "here"),
        ),
        "",
    ]


def _figures(row: Row, column: str) -> list[float]:
    """Return the figures of all runs, or nothing if a run has none."""
    found = [COLUMNS[column][0](run) for run in row.runs]
    return [each for each in found if each is not None] if None not in found else []


def _shown(row: Row, column: str) -> str:
    figures, form = _figures(row, column), COLUMNS[column][1]
    if not figures:
        return "-"
    mean = format(statistics.fmean(figures), form)
    spread = statistics.stdev(figures) if len(figures) > 1 else 0.0
    return f"{mean} ± {format(spread, form)}" if spread else mean


def _giga(operations: int | None) -> float | None:
    return None if operations is None else operations / 1e9
