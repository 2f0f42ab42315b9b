"""Figures as files: the same bytes each time, only of what is at hand, and in the document."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pypdfium2
import pytest
from matplotlib.figure import Figure

from benchmark.core.errors import SubmissionError
from submission.figures.catalogue import FIGURES, captions, drawn, needs_scenes
from submission.figures.from_logs import draw_from_logs
from submission.figures.from_scenes import draw_from_scenes
from submission.figures.style import style, write
from submission.package import Options, package
from submission.runs.runs import RunSet, read_runs
from tests.support.runs.hand_runs import PIXELS, SCENES, correct, write_run
from tests.support.runs.scene_files import BEST, SEEDS

MAPS = [f"map-{name}" for name, _ in SCENES]


@pytest.fixture(scope="module")
def folder(runs: RunSet, place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All figures."""
    folder = tmp_path_factory.mktemp("figures")
    draw_from_logs(runs, folder)
    draw_from_scenes(runs, place, folder)
    return folder


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
