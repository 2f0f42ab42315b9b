"""Sea surface temperature against buoys, on match-ups that the test makes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from benchmark.sst import compare, main

#: Rows and columns of the masks; columns from 20 are cloud in the first product.
SHAPE = (30, 40)
FIRST, SECOND = (f"S3A_SL_1_RBT____2019100{day}T100000" for day in (1, 2))


def matchup(product: str, column: int, difference: float, **changes: Any) -> dict[str, Any]:
    """A match-up that the makers compare, at row 5."""
    return {
        "CEMS_path": f"/neodc/sentinel3a/{product}.SEN3",
        **{"x_cems": column, "y_cems": 5, "slat": 50.0, "slon": -20.0, "latitude_an": 50.001},
        **{"longitude_an": -20.002, "ISST": 15.0, "satzan": 20, "satzao": 55, "quality_level": 5},
        **{"sst_algorithm_type": 4, "sat_sst_2": 288.15 + difference, "pcloudn": 0.1, "pcloudo": 0.1},
        "bayes_in": 0,
        **changes,
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    mask = np.zeros(SHAPE, np.int8)
    mask[:, 20:] = 1
    with h5py.File(folder / f"{FIRST}.h5", "w") as file:
        file["mask"] = mask.astype(np.uint8)
    mask[:, :2] = -1
    with h5py.File(folder / f"{SECOND}_cloudmask_in.nc", "w") as file:
        file["cloud_mask_in"] = mask
    return folder


ROWS = [
    *(matchup(FIRST, 3 + n, difference) for n, difference in enumerate((-0.3, -0.1, 0.0, 0.2, 0.4))),
    # cold where the mask has cloud, and where the Bayesian mask does
    matchup(FIRST, 25, -6.0, pcloudn=0.99, bayes_in=2),
    matchup(SECOND, 25, -4.0),
    # beyond the swath, and of a product without a mask
    matchup(SECOND, 1, -9.0),
    matchup("S3A_other", 5, -9.0),
    # left out by the makers' rules
    matchup(FIRST, 5, 9.0, slat=50.1),
    matchup(FIRST, 5, 9.0, slon=-20.1),
    matchup(FIRST, 5, 9.0, ISST=-1.0),
    matchup(FIRST, 5, 9.0, satzao=56),
    matchup(FIRST, 5, 9.0, quality_level=4),
    matchup(FIRST, 5, 9.0, sst_algorithm_type=1),
    matchup(FIRST, 5, 9.0, sat_sst_2=0),
    matchup(FIRST, 5, 9.0, satzan=""),
]


def test_the_median_and_robust_deviation_are_those_of_the_makers(tmp_path: Path, masks: Path):
    deviations, agreement = compare(write(tmp_path / "m.csv", ROWS), masks)
    clear = np.array([-0.3, -0.1, 0.0, 0.2, 0.4])
    assert deviations["mask"].matchups == 5
    assert deviations["mask"].median == pytest.approx(0.0, abs=1e-9)
    assert deviations["mask"].robust_deviation == pytest.approx(1.4826 * np.median(abs(clear)), abs=1e-9)
    # the Bayesian mask misses the second cloud
    assert deviations["bayes"].matchups == 6
    assert deviations["bayes"].median == pytest.approx(-0.05, abs=1e-9)
    assert deviations["all"].matchups == 7
    assert agreement == pytest.approx(6 / 7)


def test_the_command_prints_what_was_compared(
    tmp_path: Path, masks: Path, capsys: pytest.CaptureFixture[str]
):
    assert main([str(write(tmp_path / "m.csv", ROWS)), "--masks", str(masks)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["clear", "by", "the", "mask", "5", "+0.000", "0.297"]
    assert lines[4] == "mask and bayes_in agree in 0.857 of the match-ups"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"x_cems": 1}], "no cems_path, y_cems"),
        ([matchup(FIRST, 5, 0.0, satzan="far")], "could not convert string to float"),
        ([matchup(FIRST, 99, 0.0)], "row 5, column 99"),
        ([matchup("S3A_other", 5, 0.0)], "no mask of a product of the 1 usable match-ups"),
    ],
)
def test_match_ups_that_cannot_be_compared_are_refused(
    tmp_path: Path, masks: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]], said: str
):
    assert main([str(write(tmp_path / "m.csv", rows)), "--masks", str(masks)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "remedy" in error


def test_a_missing_or_empty_file_and_a_broken_mask_are_refused(
    tmp_path: Path, masks: Path, capsys: pytest.CaptureFixture[str]
):
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    for path, said in ((tmp_path / "none.csv", "No such file"), (empty, "no match-up")):
        assert main([str(path), "--masks", str(masks)]) == 1
        assert said in capsys.readouterr().err
    (masks / f"{FIRST}.h5").write_text("no mask")
    assert main([str(write(tmp_path / "m.csv", ROWS)), "--masks", str(masks)]) == 1
    assert "a file that HDF5 cannot read" in capsys.readouterr().err
