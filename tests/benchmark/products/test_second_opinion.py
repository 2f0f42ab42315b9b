"""Products and masks as other programs read them; skipped where they are not installed (docs/products.md)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.predict.mask_file import write_mask_file
from benchmark.products.bands import read_flags, read_thermal
from benchmark.products.product import open_product

#: The folder of a real product: CLOUDMASK_PRODUCT=…/S3A_SL_1_RBT____….SEN3
REAL = os.environ.get("CLOUDMASK_PRODUCT", "")
SHAPE = (40, 50)

pytestmark = pytest.mark.filterwarnings("ignore")  # other programs' own


@pytest.mark.skipif(not REAL, reason="CLOUDMASK_PRODUCT names no real product")
def test_satpy_and_xarray_read_the_same_temperatures_and_flags():
    satpy, xarray = pytest.importorskip("satpy"), pytest.importorskip("xarray")
    folder = Path(REAL)
    with open_product(folder) as product:
        kelvin = read_thermal(product)
        flags = read_flags(product, kelvin.shape[:2])
    files = [str(path) for path in folder.glob("S[789]_BT_in.nc")]
    scene = satpy.Scene(filenames=files, reader="slstr_l1b")
    scene.load(["S7", "S8", "S9"])
    for channel, band in enumerate(("S7", "S8", "S9")):
        np.testing.assert_allclose(kelvin[..., channel], scene[band].values, rtol=0, atol=1e-6)
    with xarray.open_dataset(folder / "flags_in.nc", engine="h5netcdf") as opened:
        np.testing.assert_array_equal(flags.bayes, opened["bayes_in"].values)
        np.testing.assert_array_equal(flags.confidence, opened["confidence_in"].values)
    seen = np.isfinite(kelvin[..., 1])
    cloud = flags.bayes > 0
    assert kelvin[seen & cloud, 1].mean() < kelvin[seen & ~cloud, 1].mean() - 5


def mask_file(folder: Path, *, positions: bool) -> Path:
    path = folder / f"mask-{positions}.nc"
    probability = np.linspace(0, 1, SHAPE[0] * SHAPE[1]).reshape(SHAPE).astype(np.float16)
    inside = np.ones(SHAPE, bool)
    inside[:, :3] = False
    rows, columns = np.indices(SHAPE)
    where = (50 + 0.01 * rows, -20 + 0.01 * columns) if positions else None
    texts = dict.fromkeys(("title", "source", "references", "history"), "as in a test")
    write_mask_file(path, probability, inside, where, texts)
    return path


@pytest.mark.parametrize("positions", [True, False])
def test_the_cf_checker_finds_nothing(tmp_path: Path, positions: bool):
    runner = pytest.importorskip("compliance_checker.runner")
    runner.CheckSuite.load_all_available_checkers()
    report = tmp_path / "report.txt"
    path = mask_file(tmp_path, positions=positions)
    passed, failed = runner.ComplianceChecker.run_checker(
        str(path), ["cf:1.8"], 2, "strict", output_filename=str(report)
    )
    assert (passed, failed) == (True, False), report.read_text()
    assert "All tests passed!" in report.read_text()


def test_xarray_reads_the_mask_with_its_coordinates(tmp_path: Path):
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(mask_file(tmp_path, positions=True)) as opened:
        assert set(opened.coords) == {"latitude_in", "longitude_in"}
        assert np.isnan(opened["cloud_mask_in"].values[:, :3]).all()
        assert set(np.unique(opened["cloud_mask_in"].values[:, 3:])) == {0.0, 1.0}
