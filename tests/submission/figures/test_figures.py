"""Figures: they show what the logs, scenes and masks say, and name it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

from benchmark.scenes.scene import Scene
from submission.figures.accuracies import accuracy_by_scene
from submission.figures.curves import all_runs, best_run
from submission.figures.palette import short_name
from submission.figures.preprocessing import preprocessing
from submission.figures.scenes import (
    BINS,
    Reliability,
    SceneMap,
    calibration_error,
    draw_map,
    reliability,
    scene_map,
)
from submission.figures.style import run_line
from submission.figures.timeline import timeline
from submission.runs.runs import RunSet, read_runs
from tests.support.runs.hand_runs import PIXELS, SCENES, accuracy, correct, write_run
from tests.support.runs.run_changes import stopped_early
from tests.support.runs.scene_files import BEST, SEEDS


@pytest.fixture
def maps(runs: RunSet, place: Path) -> list[SceneMap]:
    return [
        scene_map(runs.best, place / f"data/synthetic/inference/{period}/{name}.hdf")
        for name, period in SCENES
    ]


def events(place: Path, seed: int) -> list[dict[str, Any]]:
    lines = (place / f"logs/quick-seed-{seed}/result.txt").read_text().splitlines()
    return [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]


def texts(figure: Figure) -> str:
    """Every word in a figure, once it is drawn."""
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    return "\n".join(text for text in found if text)


def labelled(figure: Figure) -> list[tuple[str, str]]:
    return [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]


# ---- curves


@pytest.mark.parametrize("split", ["train", "eval"])
def test_the_curves_of_all_runs_are_the_values_of_their_logs(split: str, runs: RunSet, place: Path) -> None:
    figure = all_runs(runs.runs, split)
    for axes, measure in zip(figure.axes, ("loss", "accuracy"), strict=True):
        for seed in SEEDS:
            logged = [e for e in events(place, seed) if e["key"] == f"{split}_{measure}"]
            points = [(e["metadata"]["epoch_num"], e["value"]) for e in logged]
            assert points in [[*zip(*line.get_data(), strict=True)] for line in axes.lines]


def test_curves_name_their_axes_runs_and_stopping_points(runs: RunSet) -> None:
    figure = all_runs(runs.runs, "eval")
    assert labelled(figure) == [("epoch", "binary cross-entropy"), ("epoch", "pixel accuracy")]
    said = texts(figure)
    for words in (
        "(a) Validation loss",
        "(b) Validation accuracy",
        "best epoch",
        "last epoch",
        "quality target 0.9",
    ):
        assert words in said
    for seed in SEEDS:
        assert f"seed {seed}: best epoch 2 of 2" in said


def test_the_best_epoch_of_a_run_that_stopped_early_is_not_its_last(place: Path, tmp_path: Path) -> None:
    config = (place / "logs/quick-seed-1/config.yaml").read_text().replace("seed: 1\n", "")
    write_run(tmp_path / "logs", 1, "0" * 40, config=config, change=stopped_early)
    early = read_runs([tmp_path / "logs"])
    figure = all_runs(early.runs, "eval")
    marks = {
        line.get_marker(): line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 1
    }
    assert marks == {"o": 1, "s": 2}
    assert "seed 1: best epoch 1 of 2" in texts(figure)
    assert "patience ran out" in texts(timeline(early.best))


def test_the_best_run_is_shown_with_its_score(runs: RunSet, place: Path) -> None:
    assert runs.best.seed == BEST
    figure = best_run(runs.best)
    said = texts(figure)
    for words in ("training", "validation", "best epoch (2)", f"test accuracy ({accuracy(BEST):.4f})"):
        assert words in said
    assert labelled(figure) == [("epoch", "binary cross-entropy"), ("epoch", "pixel accuracy")]


def test_no_two_of_many_runs_look_alike() -> None:
    looks = [tuple(run_line(number).values()) for number in range(28)]
    assert len(set(looks)) == 28
    assert all(before[1] != after[1] for before, after in pairwise(looks))  # also in a copy in grey


# ---- the timeline


def test_the_timeline_has_every_interval_of_the_log(runs: RunSet, place: Path) -> None:
    figure = timeline(runs.best)
    logged = events(place, BEST)
    start = next(e["time_ms"] for e in logged if e["key"] == "run_start")
    names = ("init", "staging", "epoch", "eval", "inference", "baselines")
    for name, bars in zip(names, figure.axes[0].collections, strict=True):
        begins = [(e["time_ms"] - start) / 1000 for e in logged if e["key"] == f"{name}_start"]
        ends = [(e["time_ms"] - start) / 1000 for e in logged if e["key"] == f"{name}_stop"]
        drawn_bars = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()]
        assert drawn_bars == pytest.approx(np.array([*zip(begins, ends, strict=True)]))
    said = texts(figure)
    for words in (
        "initialisation",
        "training epochs",
        "validation",
        "the clock starts and stops",
        "seconds since",
    ):
        assert words in said
    assert "target reached" not in said  # no validation accuracy is that high


# ---- scenes


def test_accuracy_by_scene_has_every_scene_of_every_run(runs: RunSet) -> None:
    figure = accuracy_by_scene(runs.runs)
    day = sum((correct(seed) - PIXELS) / PIXELS for seed in SEEDS) / 3
    said = texts(figure)
    assert f"(a) day, mean {day:.4f}" in said
    assert "(b) night, mean 1.0000" in said
    assert [x for x, _ in labelled(figure)] == ["accuracy", "accuracy"]
    values = sorted((correct(seed) - PIXELS) / PIXELS for seed in SEEDS)
    assert sorted(figure.axes[0].lines[0].get_xdata()) == pytest.approx(values)
    for words in ("one run", "mean of the runs", "mean of the scenes", "S3A_day", "S3A_night"):
        assert words in said


def test_a_map_shows_scene_label_probability_and_errors(maps: list[SceneMap]) -> None:
    day = maps[0]
    assert day.accuracy == pytest.approx((correct(BEST) - PIXELS) / PIXELS)
    figure = draw_map(day)
    said = texts(figure)
    for words in ("false colour", "label, cloud is white", "probability of cloud", "errors", "missed cloud"):
        assert words in said
    assert f"S3A_day, day, accuracy {day.accuracy:.4f}" in said
    assert "10.85 µm, cold is white" in texts(draw_map(maps[1]))
    errors = np.asarray(figure.axes[3].images[0].get_array())
    expected = {(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}
    thin = zip(day.mask[::4, ::4].flat, day.scene.label[::4, ::4].flat, errors.flat, strict=True)
    assert all(expected[int(mask), int(label)] == shown for mask, label, shown in thin)


def test_the_preprocessing_names_every_step(runs: RunSet, place: Path, maps: list[SceneMap]) -> None:
    figure = preprocessing(runs.config, place / "data/synthetic/training/day/S3A_training.hdf", maps[0])
    said = texts(figure)
    for words in (
        *("Training scene, 1200 × 1500", "centre of 1024 × 1280", "4 × 5 patches", "256 × 256 pixels"),
        *("Inference scene in zeros", "overlap by 80 pixels", "7 × 9 predictions", "inner 176 × 176"),
        "The mask put together",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("scene", "short"),
    [
        (
            "S3A_SL_1_RBT____20191001T113221_20191001T113521_20191002T153211_0179_050_023_1980_LN2_O_NT_003",
            "2019-10-01 11:32:21",
        ),
        ("S3A_day", "S3A_day"),
    ],
)
def test_a_scene_is_called_by_the_start_of_its_sensing(scene: str, short: str) -> None:
    assert short_name(scene) == short


# ---- reliability


def mapped(probability: np.ndarray, label: np.ndarray, period: str) -> SceneMap:
    inputs = np.zeros((*label.shape, 9), np.float32)
    scene = Scene(label, None, "S3A", inputs, label > 2, period, True, 0)
    return SceneMap(scene, probability.astype(np.float16), (probability > 0.5).astype(np.uint8))


@settings(max_examples=30)
@given(
    arrays(np.float16, (4, 5), elements=st.floats(0, 1, width=16)),
    arrays(np.uint8, (4, 5), elements=st.integers(0, 1)),
)
def test_reliability_counts_every_pixel_in_its_bin(probability: np.ndarray, label: np.ndarray) -> None:
    counts = Reliability()
    counts.add(Reliability.of(mapped(probability, label, "day")))
    counts.add(Reliability.of(mapped(probability, 1 - label, "night")))
    for number in range(BINS):
        inside = [
            (float(p), int(cloud))
            for p, cloud in zip(probability.flat, label.flat, strict=True)
            if number <= float(p) * BINS < number + 1 or (number == BINS - 1 and p == 1)
        ]
        assert counts.pixels["day"][number] == len(inside)
        assert counts.cloudy["day"][number] == sum(cloud for _, cloud in inside)
        assert counts.predicted["day"][number] == pytest.approx(sum(p for p, _ in inside))
        assert counts.cloudy["night"][number] == len(inside) - counts.cloudy["day"][number]


def test_a_perfect_probability_has_no_calibration_error_and_a_wrong_one_has_all() -> None:
    label = np.array([[0, 1, 1, 1]], np.uint8)
    counts = Reliability()
    counts.add(Reliability.of(mapped(np.full((1, 4), 0.75), label, "day")))
    counts.add(Reliability.of(mapped(1.0 - label, label, "night")))
    assert calibration_error(counts, "day") == 0
    assert calibration_error(counts, "night") == 1


def test_the_reliability_diagram_says_what_is_drawn(maps: list[SceneMap]) -> None:
    counts = Reliability()
    for made in maps:
        counts.add(Reliability.of(made))
    figure = reliability(counts)
    assert labelled(figure) == [
        ("predicted probability of cloud", "share of cloudy pixels"),
        ("predicted probability of cloud", "share of pixels"),
    ]
    said = texts(figure)
    # Every pixel was given 0.125 or 0.875, and by night all are right.
    assert "night: calibration error 0.1250" in said
    assert "perfect" in said
    assert "(b) Sharpness" in said
