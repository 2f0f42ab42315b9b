"""Methods next to each other: rows, paired differences, the table, the figure, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.comparison.__main__ import main
from benchmark.comparison.runs import read_runs, rows_of
from benchmark.comparison.significance import paired_difference
from benchmark.comparison.table import to_markdown
from benchmark.core.errors import RunError

SCENES = {"a": 0.5, "b": 0.75, "c": 0.25}


def write_log(root: Path, method: str | None, seed: int, gain: float = 0.0, **changes: Any) -> Path:
    """A log with the events that a comparison reads; without a method as before there were several."""
    value = 0.5 + gain
    part = {"accuracy": value, "kuiper_skill": gain, "iou": 0.4 + gain}
    result = {
        "value": value,
        "scores": {"bayes": {"all": part, "day": part}, "truth": {"all": part}},
        "timing": {"training_seconds": 10.0 + seed, "seconds_per_scene": 0.5},
        **({"parameters": 1234, "operations": 2_000_000_000} if method else {}),
    }
    events: list[tuple[str, Any, dict[str, Any]]] = [
        ("seed", seed, {}),
        ("data_kind", "synthetic", {}),
        ("train_split", 0.8, {}),
        ("split_seed", 42, {}),
        *((("scene_accuracy", score + gain, {"scene": name}) for name, score in SCENES.items())),
        ("epoch_energy", 1500.0, {}),
        ("result", result, {}),
        ("run_stop", None, {"status": "success"}),
    ]
    if method:
        events.insert(1, ("method", method, {"title": f"The {method} <b>"}))
        events.insert(2, ("method_options", {"size": 3}, {}))
        events[3:3] = [("method_sha256", "0" * 64, {}), ("epochs", 5, {}), ("config_digest", "1" * 64, {})]
    events = [(key, changes.get(key, value), metadata) for key, value, metadata in events]
    path = root / f"{method}-seed-{seed}" / "result.txt"
    path.parent.mkdir(parents=True)
    lines = [f":::MLLOG {json.dumps({'key': k, 'value': v, 'metadata': m})}\n" for k, v, m in events]
    path.write_text("".join(lines))
    return path


def test_rows_are_methods_with_their_seeds_the_best_first(tmp_path: Path) -> None:
    write_log(tmp_path, None, 1)
    for seed in (2, 1):
        write_log(tmp_path, "mine", seed, gain=0.125)
    rows = rows_of(read_runs([tmp_path]))
    assert [(row.name, [run.seed for run in row.runs]) for row in rows] == [("mine", [1, 2]), ("unet", [1])]
    assert rows[0].scenes == {"a": 0.625, "b": 0.875, "c": 0.375}
    text = to_markdown(rows)
    assert text.startswith("# Cloud masking methods on synthetic scenes")
    assert "| mine | 2 | 0.6250 | 0.125 |" in text
    assert "| 11.5 ± 0.7 | 0.50 | 1.5 |" in text
    assert "| unet | 1 | 0.5000 |" in text
    assert "- mine: The mine &#60;b&#62;" in text
    assert "| mine | unet | +0.1250 | +0.1250 to +0.1250 | yes |" in text
    assert "| RS-Net |" in text


def test_options_tell_rows_of_one_method_apart(tmp_path: Path) -> None:
    write_log(tmp_path, "mine", 1)
    write_log(tmp_path, "mine", 2, method_options={"size": 4})
    assert sorted(row.name for row in rows_of(read_runs([tmp_path]))) == ["mine (size 3)", "mine (size 4)"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"method_sha256": "5" * 64}, ["mine (source 00000000)", "mine (source 55555555)"]),
        ({"epochs": 9, "config_digest": "7" * 64}, ["mine (epochs 5)", "mine (epochs 9)"]),
        ({"config_digest": "7" * 64}, ["mine (configuration 11111111)", "mine (configuration 77777777)"]),
    ],
)
def test_only_runs_of_one_setup_are_repeats(
    tmp_path: Path, changes: dict[str, Any], names: list[str]
) -> None:
    write_log(tmp_path, "mine", 1)
    write_log(tmp_path, "mine", 2, **changes)
    assert sorted(row.name for row in rows_of(read_runs([tmp_path]))) == names


def test_a_run_that_is_there_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for copy in ("a", "b"):
        write_log(tmp_path / copy, "mine", 1)
    assert main([str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "seed 1 of mine, as in" in capsys.readouterr().err


def test_the_command_writes_table_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("mine", "yours"):
        write_log(tmp_path / "logs", name, 1, gain=0.1)
    assert main([str(tmp_path / "logs"), "--output", str(tmp_path / "out")]) == 0
    rows = list(csv.DictReader((tmp_path / "out/table1.csv").read_text().splitlines()))
    assert [(row["method"], row["options"], float(row["accuracy"])) for row in rows] == [
        ("mine", "size=3", 0.6),
        ("yours", "size=3", 0.6),
    ]
    assert (tmp_path / "out/table1.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out/table1.md").read_text() in capsys.readouterr().out


def test_runs_of_other_scenes_and_no_runs_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 1
    assert "no log" in capsys.readouterr().err
    write_log(tmp_path / "logs", "mine", 1)
    write_log(tmp_path / "logs", "mine", 2, split_seed=43)
    with pytest.raises(RunError, match="same scenes"):
        read_runs([tmp_path / "logs"])
    unfinished = write_log(tmp_path / "unfinished", "mine", 1)
    unfinished.write_text("".join(unfinished.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(RunError, match="none of a complete run"):
        read_runs([tmp_path / "unfinished"])
    unfinished.write_text(":::MLLOG {\n")
    with pytest.raises(RunError, match="no readable log"):
        read_runs([unfinished])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_a_paired_difference_lies_in_its_interval_and_turns_with_its_sign(
    scores: list[tuple[float, float]],
) -> None:
    one = {str(i): a for i, (a, _) in enumerate(scores)}
    other = {str(i): b for i, (_, b) in enumerate(scores)}
    found, turned = paired_difference(("1", one), ("2", other)), paired_difference(("2", other), ("1", one))
    assert found.mean == pytest.approx(np.mean([a - b for a, b in scores]))
    assert found.low - 1e-12 <= found.high
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_a_difference_of_every_scene_is_clear_and_one_of_chance_is_not() -> None:
    rng = np.random.default_rng(3)
    base = {str(i): value for i, value in enumerate(rng.uniform(0.5, 0.9, 20))}
    better = {name: value + 0.01 for name, value in base.items()}
    noisy = {name: value + float(rng.normal(0, 0.05)) for name, value in base.items()}
    assert paired_difference(("better", better), ("base", base)).is_clear
    assert not paired_difference(("noisy", noisy), ("base", base)).is_clear
