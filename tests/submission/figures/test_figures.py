"""Figures: they show what the logs, scenes and masks say, name it, and are the same bytes each time."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.figure import Figure

from benchmark.core.errors import SubmissionError
from benchmark.scenes.scene import Scene
from submission.figures.accuracies import accuracy_by_scene
from submission.figures.catalogue import FIGURES, captions, drawn, needs_scenes
from submission.figures.curves import all_runs, best_run
from submission.figures.from_logs import draw_from_logs
from submission.figures.from_scenes import draw_from_scenes
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
from submission.figures.style import run_line, style, write
from submission.figures.timeline import timeline
from submission.package import Options, package
from submission.runs.runs import RunSet, read_runs
from tests.support.run_changes import stopped_early
from tests.support.runs import PIXELS, SCENES, accuracy, correct, make_place, write_run
from tests.support.scene_files import add_scenes

SEEDS = (1, 2, 3)
BEST = max(SEEDS, key=accuracy)
MAPS = [f"map-{name}" for name, _ in SCENES]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with three runs, the scenes and the masks of the best of them."""
    place = tmp_path_factory.mktemp("place")
    make_place(place, SEEDS)
    add_scenes(place, BEST)
    return place


@pytest.fixture(scope="module")
def runs(place: Path) -> RunSet:
    return read_runs([place / "logs"])


@pytest.fixture
def maps(runs: RunSet, place: Path) -> list[SceneMap]:
    return [
        scene_map(runs.best, place / f"data/synthetic/inference/{period}/{name}.hdf")
        for name, period in SCENES
    ]


@pytest.fixture(scope="module")
def folder(runs: RunSet, place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All figures."""
    folder = tmp_path_factory.mktemp("figures")
    draw_from_logs(runs, folder)
    draw_from_scenes(runs, place, folder)
    return folder


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


# ---- as files


def test_every_figure_is_a_picture_and_a_vector_file(folder: Path) -> None:
    assert drawn(folder) == sorted([*FIGURES, *MAPS])
    assert sorted(path.stem for path in folder.glob("*.pdf")) == drawn(folder)
    assert len([*folder.iterdir()]) == 2 * len(drawn(folder))  # and nothing half-written
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        with contextlib.closing(pypdfium2.PdfDocument(path.with_suffix(".pdf"))) as pdf:
            assert len(pdf) == 1
            assert len(pdf[0].get_textpage().get_text_range()) > 40  # letters, not outlines


def test_figures_are_the_same_bytes_when_they_are_drawn_again_whoever_submits_the_runs_on_any_machine(
    runs: RunSet, place: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processors = 3 if len(os.sched_getaffinity(0)) == 1 else 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(processors)))
    for seed in SEEDS:
        write_run(tmp_path / "logs", seed, "1" * 40, org="Another University")
    again = tmp_path / "figures"
    draw_from_logs(read_runs([tmp_path / "logs"]), again)
    draw_from_scenes(runs, place, again)
    assert [path.name for path in sorted(again.iterdir())] == [path.name for path in sorted(folder.iterdir())]
    for path in folder.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def png_chunks(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    place = 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        yield content[place + 4 : place + 8].decode()
        place += 12 + length


def test_no_date_and_no_program_is_in_a_figure(folder: Path) -> None:
    for path in folder.glob("*.png"):
        assert set(png_chunks(path)) == {"IHDR", "pHYs", "IDAT", "IEND"}
    for path in folder.glob("*.pdf"):
        assert not re.search(rb"/(CreationDate|ModDate|Producer|Creator|ID)\b", path.read_bytes())


def test_a_figure_that_cannot_be_written_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    with style():
        write(Figure(), tmp_path, "figure")
        before = (tmp_path / "figure.png").read_bytes()
        (tmp_path / ".part-figure.png").mkdir()
        with pytest.raises(IsADirectoryError):
            write(Figure(figsize=(2, 2)), tmp_path, "figure")
    assert (tmp_path / "figure.png").read_bytes() == before


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


# ---- what is not at hand, and what is not the run's


def copied(place: Path, folder: Path) -> RunSet:
    shutil.copytree(place / "logs", folder / "logs")
    return read_runs([folder / "logs"])


def test_without_scenes_or_masks_only_the_logs_are_drawn_and_the_document_says_so(
    place: Path, tmp_path: Path
) -> None:
    alone = copied(place, tmp_path)
    draw_from_logs(alone, tmp_path / "figures")
    draw_from_scenes(alone, tmp_path, tmp_path / "figures")
    assert drawn(tmp_path / "figures") == sorted(name for name in FIGURES if not needs_scenes(name))
    for path in (tmp_path / "logs").glob("*/masks"):
        shutil.rmtree(path)
    draw_from_scenes(alone, place, tmp_path / "figures")
    assert not any(needs_scenes(name) for name in drawn(tmp_path / "figures"))
    made = package(Options([tmp_path / "logs"], tmp_path / "dist", checkout=place))
    (path,) = made.glob("*/cloudmask/*/*/scientific_contribution.md")
    assert "Left out: Figure 1, Figure 6, maps of scenes; their scenes and masks were not" in path.read_text()


def test_a_mask_of_another_run_is_refused(place: Path, tmp_path: Path) -> None:
    path = copied(place, tmp_path).best.folder.mask("S3A_day")
    with h5py.File(path, "a") as file:
        file["mask"][0, 0] ^= 1
    before = correct(BEST) - PIXELS
    with pytest.raises(SubmissionError) as refused:
        draw_from_scenes(read_runs([tmp_path / "logs"]), place, tmp_path / "figures")
    assert refused.value.where == str(path)
    assert refused.value.found in (f"{before + 1} right pixels", f"{before - 1} right pixels")
    assert refused.value.expected == f"{before} right pixels, as the log counts"
    assert "move its masks away to package without maps" in refused.value.remedy


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda path: path.write_bytes(b"no HDF5"), "file signature not found"),
        (lambda path: h5py.File(path, "w").close(), "probability"),
        (
            lambda path: (
                h5py.File(path, "w").create_dataset("probability", data=np.zeros((2, 3))).file.close()
            ),
            "probability of shape [2, 3], not [1200, 1500]",
        ),
    ],
)
def test_a_broken_mask_is_refused(change: Any, found: str, place: Path, tmp_path: Path) -> None:
    path = copied(place, tmp_path).best.folder.mask("S3A_day")
    path.unlink()
    change(path)
    with pytest.raises(SubmissionError) as refused:
        draw_from_scenes(read_runs([tmp_path / "logs"]), place, tmp_path / "figures")
    assert found in refused.value.found
    assert refused.value.expected == "the mask that the run wrote"


# ---- in the document


def test_a_bundle_with_scenes_shows_them_and_passes_every_rule(place: Path, tmp_path: Path) -> None:
    made = package(Options([place / "logs"], tmp_path / "dist", checkout=place))
    (science,) = made.glob("*/cloudmask/*/*")
    assert drawn(science / "figures") == sorted([*FIGURES, *MAPS])
    document = (science / "scientific_contribution.md").read_text()
    linked = re.findall(r"^!\[.*\]\((figures/.*)\)$", document, re.M)
    assert len(linked) == len(FIGURES) + len(MAPS)
    assert [name for name in linked if not (science / name).is_file()] == []
    day = f"{(correct(BEST) - PIXELS) / PIXELS:.4f}"
    assert f"Figure 8. Accuracy {day} in the best run (seed {BEST}): scene S3A_day." in document
    assert f"Figure 9. Accuracy 1.0000 in the best run (seed {BEST}): scene S3A_night." in document
    assert "`figures/` has all maps, and every figure also as a PDF." in document


def test_of_many_maps_the_document_shows_eight_from_the_hardest_to_the_easiest(
    place: Path, tmp_path: Path
) -> None:
    def many(lines: list[dict[str, Any]]) -> None:
        first = next(index for index, line in enumerate(lines) if line["key"] == "scene_accuracy")
        scene = lines[first]
        lines[first : first + 2] = [
            {
                **scene,
                "value": 0.9 - number / 1000,
                "metadata": {**scene["metadata"], "scene": f"S3A_{number}"},
            }
            for number in range(50)
        ]

    write_run(tmp_path, 1, "0" * 40, change=many)
    runs = read_runs([tmp_path])
    shown = list(captions([f"map-S3A_{number}" for number in range(50)], runs))
    assert len(shown) == 8
    assert (shown[0], shown[-1]) == ("map-S3A_49", "map-S3A_0")
