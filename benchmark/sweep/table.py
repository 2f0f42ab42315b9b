"""Tabulate the scores of an experiment's runs: one row per run, mean and spread for each point.

The rules for logs belong to the package `compliance`, which imports this one and so cannot be imported here.
`check_logs` is the only place in the benchmark that runs its command.
"""

from __future__ import annotations

import csv
import io
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmark import ROOT
from benchmark.core.errors import RunError
from benchmark.core.escaping import csv_text, markdown_line, markdown_table
from benchmark.sweep.status import RunStatus

#: The columns of the paper's Table 3, with times in minutes for a complete run, and their formats.
COLUMNS: Mapping[str, str] = {
    "epochs": ".0f",
    "train accuracy": ".4f",
    "test accuracy": ".4f",
    "train time (min)": ".2f",
    "inference time (min)": ".2f",
}


@dataclass(frozen=True)
class Row:
    """The scores of one run: its figures in the order of COLUMNS."""

    run: str
    seed: int
    figures: tuple[float, ...]


@dataclass(frozen=True)
class PointTable:
    """The runs that differ only in their seed."""

    #: What distinguishes the point from the others: field -> value.
    varied: Mapping[str, str]
    rows: Sequence[Row]

    @property
    def title(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.varied.items())

    def summary(self) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Yield the mean and, for two runs or more, the sample standard deviation of every column."""
        columns = list(zip(*(row.figures for row in self.rows), strict=True))
        yield "mean", tuple(map(statistics.fmean, columns))
        if len(self.rows) > 1:
            yield "standard deviation", tuple(map(statistics.stdev, columns))


def point_tables(statuses: Sequence[RunStatus]) -> list[PointTable]:
    """Return a table for every point of the experiment that has a complete run."""
    done = [each for each in statuses if each.state == "complete"]
    # runs of one point are adjacent
    points = groupby(done, key=lambda each: each.run.config.name)
    tables = [(list(group), name) for name, group in points]
    return [PointTable(group[0].run.varied, [_row(each) for each in group]) for group, _ in tables]


def _row(status: RunStatus) -> Row:
    result = status.progress.result or {}
    try:
        timing = result["timing"]
        figures = (
            result["epochs_run"],
            result["train_accuracy"],
            result["value"],
            timing["training_seconds"] / 60,
            timing["inference_seconds"] / 60,
        )
        return Row(status.run.name, status.run.config.seed, tuple(map(float, figures)))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            status.run.name,
            found=f"a result without usable figures ({type(error).__name__} {error})",
            expected="the fields that docs/events.md describes",
            remedy="check its log: python -m compliance.check",
        ) from None


def to_markdown(name: str, tables: Sequence[PointTable]) -> str:
    """Return the tables as a Markdown document."""
    blocks = [f"# {markdown_line(name)}"]
    for table in tables:
        blocks += [f"## {markdown_line(table.title)}"] if table.title else []
        rows = [*((row.run, row.figures) for row in table.rows), *table.summary()]
        cells = ([label, *shown(figures)] for label, figures in rows)
        blocks.append(markdown_table(["run", *COLUMNS], cells, right=COLUMNS))
    return "\n\n".join(blocks) + "\n"


def to_csv(tables: Sequence[PointTable]) -> str:
    """Return all rows at full precision, with a column for each parameter that varies."""
    varied = list(dict.fromkeys(name for table in tables for name in table.varied))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *map(csv_text, varied), "seed", *COLUMNS])
    for table in tables:
        values = [csv_text(table.varied.get(name, "")) for name in varied]
        writer.writerows([row.run, *values, row.seed, *row.figures] for row in table.rows)
    return text.getvalue()


def shown(figures: Sequence[float]) -> list[str]:
    """Return a row's figures as text; the mean number of epochs may be fractional."""
    return [
        format(figure, form if form != ".0f" or figure.is_integer() else ".1f")
        for figure, form in zip(figures, COLUMNS.values(), strict=True)
    ]


# ---- the checker, as a separate program


def check_logs(logs: Mapping[str, Sequence[Path]], advance: Callable[[int, str], None]) -> list[str]:
    """Check the logs of every point as one set; return the errors as lines of text."""
    errors: list[str] = []
    for number, (point, paths) in enumerate(logs.items(), start=1):
        errors += _check(paths)
        advance(number, point)
    return errors


def _check(paths: Sequence[Path]) -> list[str]:
    command = [sys.executable, "-m", "compliance.check", "--format", "json", "--severity", "error"]
    code = str(ROOT)
    done = subprocess.run(
        [*command, *map(str, paths)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([code, os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
        findings = [f"{each['path']}: {each['rule']}: {each['message']}" for each in report["findings"]]
        return findings + [f"{each['where']}: {each['found']}" for each in report["failures"]]
    except (ValueError, KeyError, TypeError):
        raise RunError(
            "compliance.check",
            found=f"exit status {done.returncode}: {(done.stdout + done.stderr).strip()[-500:]}",
            expected="its report as JSON",
            remedy="run it by hand on the experiment's folder",
        ) from None
