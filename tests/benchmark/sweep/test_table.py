"""Progress read from logs, and the tables made of it."""

from __future__ import annotations

import csv

from rich.table import Table

from benchmark.core.display import Display
from benchmark.sweep.__main__ import texts
from benchmark.sweep.status import LoggedProgress, read_progress
from benchmark.sweep.table import PointTable, Row, to_csv, to_markdown
from tests.support.surroundings.sweeps import LOGS


def test_progress_is_read_from_the_end_of_a_log(tmp_path):
    whole = (LOGS / "completed.txt").read_text().splitlines(keepends=True)
    complete = read_progress(LOGS / "completed.txt")
    assert (complete.outcome, complete.epochs, complete.is_complete) == ("success", 3, True)
    cut = tmp_path / "result.txt"
    end = next(number for number, line in enumerate(whole) if '"test_accuracy"' in line)
    cut.write_text("".join(whole[:end]) + ':::MLLOG {"key": "run_stop", "meta')
    running = read_progress(cut)
    assert (running.outcome, running.epochs, running.test_accuracy) == (None, 3, None)
    assert running.seconds_per_epoch is not None
    cut.write_text("\0" * 100_000)
    assert read_progress(cut) == read_progress(tmp_path / "none") == LoggedProgress()


def test_a_table_has_the_papers_columns_with_mean_and_spread():
    paper = [(200.0, 0.896, 0.884, 142.47, 1.73), (147.0, 0.909, 0.896, 98.75, 1.45)]
    rows = [Row(f"a-seed-{seed}", seed, figures) for seed, figures in enumerate(paper, start=1)]
    table = PointTable({"training.batch_size": "32"}, rows)
    assert to_markdown("a", [table]).splitlines() == [
        "# a",
        "",
        "## training.batch_size 32",
        "",
        "| run | epochs | train accuracy | test accuracy | train time (min) | inference time (min) |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| a-seed-1 | 200 | 0.8960 | 0.8840 | 142.47 | 1.73 |",
        "| a-seed-2 | 147 | 0.9090 | 0.8960 | 98.75 | 1.45 |",
        "| mean | 173.5 | 0.9025 | 0.8900 | 120.61 | 1.59 |",
        "| standard deviation | 37.5 | 0.0092 | 0.0085 | 30.91 | 0.20 |",
    ]
    assert to_csv([table]).splitlines()[1] == "a-seed-1,32,1,200.0,0.896,0.884,142.47,1.73"


def test_no_value_of_an_experiment_becomes_a_formula_a_heading_or_markup(capsys):
    for value, cell in (
        ("=1+1", "'=1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-x", "'-x"),
        ("-1e-3", "-1e-3"),
        ("+5", "+5"),
        ("[/red] # *x* <b>\x1b[31m", "[/red] # *x* <b>\\x1b[31m"),
    ):
        table = PointTable({"method.options.a": value}, [Row("a-seed-1", 1, (1.0, 0.5, 0.5, 1.0, 1.0))])
        heading, line = list(csv.reader(to_csv([table]).splitlines()))
        assert (heading[1], line[1]) == ("method.options.a", cell)
    assert to_markdown("a", [table]).splitlines()[2] == (
        "## method.options.a &#91;/red&#93; &#35; &#42;x&#42; &#60;b&#62;&#92;x1b&#91;31m"
    )
    display = Display()
    title, heading = texts(table.title, value)
    shown = Table(title=title)
    shown.add_column(heading)
    display.console.print(shown)
    shown = capsys.readouterr().out
    assert "method.options.a [/red]" in shown
    assert "\x1b" not in shown
