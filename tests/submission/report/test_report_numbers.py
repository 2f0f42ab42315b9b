"""The report for reading: its numbers, recomputed from raw log lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from compliance.checker import check_paths
from submission.package import Options, package
from submission.report.timeline import Scale
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import SCENES, write_run
from tests.support.runs.run_changes import stopped_early
from tests.support.submissions.facts import Facts, expected_tables, facts
from tests.support.submissions.report_pages import CURVES, Page, read_page, scene_rows


def plain(row: str) -> list[str]:
    """The cells of a row of Markdown, as a page shows them."""
    return [cell.replace("**", "").replace("`", "") for cell in row.strip("| ").split(" | ")]


def repackaged(place: Path, folder: Path, **run: Any) -> Path:
    """The report of a bundle of one run that is written with these arguments."""
    write_run(folder / "logs", 1, git(place, "rev-parse", "HEAD"), **run)
    made = package(Options([folder / "logs"], folder / "dist", checkout=place))
    return next(made.glob("*/cloudmask/*/*/report.html"))


def test_every_row_of_the_documents_tables_is_in_the_report(page: Page, runs: list[Facts]) -> None:
    for row in expected_tables(runs):
        assert plain(row) in page.rows


def test_every_other_row_is_the_documents_a_scenes_or_a_finding(
    page: Page, science: Path, runs: list[Facts]
) -> None:
    document = (science / "scientific_contribution.md").read_text().splitlines()
    known = [plain(line) for line in document if line.startswith("| ")] + scene_rows(runs)
    others = [row for row in page.rows if row not in known and row[0] not in ("error", "warning", "note")]
    assert others == [
        ["Scene", "Period", "Mean accuracy", "Seed 1", "Seed 2", "Seed 3"],
        ["Severity", "Rule", "Place", "Found", "Expected", "What to do"],
    ]


def test_the_table_of_scenes_has_every_accuracy(page: Page, runs: list[Facts]) -> None:
    assert [row for row in page.rows if row[0] in dict(SCENES)] == scene_rows(runs)


def test_the_curves_are_those_of_the_logs(page: Page, runs: list[Facts]) -> None:
    assert page.data["target"] == {"value": 0.9, "text": "0.9"}
    assert [run["name"] for run in page.data["runs"]] == ["seed 1", "seed 2", "seed 3"]
    for shown, run in zip(page.data["runs"], runs, strict=True):
        assert shown["best"] == run.best_epoch
        for key in CURVES:
            events = run.of(key)
            assert shown["series"][key] == {
                "epochs": [event["metadata"]["epoch_num"] for event in events],
                "values": [event["value"] for event in events],
                "texts": [f"{event['value']:.4f}" for event in events],
            }


def test_the_scenes_of_the_browser_are_those_of_the_logs(page: Page, runs: list[Facts]) -> None:
    shown = page.data["scenes"]
    best = max(runs, key=lambda run: run.value("test_accuracy"))
    wrong = [
        f"{event['metadata']['pixels'] - event['metadata']['correct']:,} of {event['metadata']['pixels']:,}"
        for event in best.of("scene_accuracy")
    ]
    rows = [[scene["name"], scene["period"], scene["mean"], *scene["accuracies"]] for scene in shown]
    assert rows == scene_rows(runs)
    assert [scene["errors"] for scene in shown] == wrong


def test_the_timeline_is_that_of_the_best_runs_events(page: Page, runs: list[Facts]) -> None:
    best = max(runs, key=lambda run: run.value("test_accuracy"))
    parts = ("init", "staging", "epoch", "eval", "inference", "baselines")
    words = ("initialisation", "staging", "training epochs", "validation", "inference", "baselines")
    text = re.sub(r"\d[\d.]* to [\d.]+ s ", "", page.text.partition("Timeline The best run")[2])
    text = re.sub(r"-?\d[\d.]* to -?[\d.]+ s ?", "", text)
    for name, word in zip(parts, words, strict=True):
        assert f"{word} {best.seconds(name):.1f} s" in " ".join(text.split())
    assert f"the clock starts: 0.0 s the clock stops: {best.seconds('run'):.1f} s" in page.text


def test_bars_lie_where_their_events_do(report: Path, runs: list[Facts]) -> None:
    best = max(runs, key=lambda run: run.value("test_accuracy"))
    start = best.of("run_start")[0]["time_ms"]
    first = (best.of("init_start")[0]["time_ms"] - start) / 1000
    span = best.seconds("run") - first
    expected = []
    for begin, end in zip(best.of("epoch_start"), best.of("epoch_stop"), strict=True):
        left, length = (begin["time_ms"] - start) / 1000, (end["time_ms"] - begin["time_ms"]) / 1000
        expected.append((f"{100 * (left - first) / span:.3f}%", f"{100 * length / span:.3f}%"))
    part = report.read_text().partition("<span>training epochs</span>")[2].partition("</div>")[0]
    assert re.findall(r'<rect x="([^"]+)" y="10%" height="80%" width="([^"]+)"', part) == expected


def test_a_timeline_of_no_length_has_a_scale() -> None:
    assert Scale(2.0, 2.0).percent(2.0) == "0.000%"


def test_the_findings_are_those_of_the_checker(page: Page, science: Path, bundle: Path) -> None:
    logs = [*science.glob("result-*.txt")]
    checked = check_paths([*logs, next(bundle.glob("*/systems/*.json"))]).findings
    expected = sorted([f.severity, f.rule, f.found, f.expected, f.remedy] for f in checked)
    shown = [row for row in page.rows if row[0] in ("error", "warning", "note")]
    assert sorted([row[0], row[1], *row[3:]] for row in shown) == expected
    assert expected
    assert {row[2].partition(":")[0] for row in shown} <= {log.name for log in logs} | {"test-node.json"}


def test_a_run_that_stopped_early_says_when(place: Path, blank_figures: None, tmp_path: Path) -> None:
    report = repackaged(place, tmp_path, change=stopped_early)
    (run,) = facts(tmp_path / "logs")
    seconds = (run.of("early_stop")[0]["time_ms"] - run.of("run_start")[0]["time_ms"]) / 1000
    page = read_page(report)
    assert f"patience ran out: {seconds:.1f} s" in page.text
    assert page.data["runs"][0]["best"] == 1
