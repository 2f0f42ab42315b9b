"""From products' grids to the 1 km grid, against SciPy and against loops over pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import interpolate, ndimage

from benchmark.products.gridding import bilinear, halve, spline
from benchmark.products.product import open_product
from benchmark.products.reading import read_measured
from tests.support.scenes.products import (
    COLUMNS,
    IRRADIANCE,
    ROWS,
    START,
    TIE_TRACK,
    TRACK,
    unpack,
    write_product,
)

FINE = (2 * ROWS, 2 * COLUMNS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_product(tmp_path_factory.mktemp("product"))


def makers_reflectance(folder: Path, band: int) -> np.ndarray:
    """As the makers' public converter computes it, with SciPy: [R, C]."""
    radiance = unpack(folder / f"S{band}_radiance_an.nc", f"S{band}_radiance_an")
    zenith = np.nan_to_num(unpack(folder / "geometry_tn.nc", "solar_zenith_tn"))
    x = (np.arange(FINE[1]) - 2 * TRACK) * 500.0 / 16000.0 + TIE_TRACK
    y = np.arange(FINE[0]) * 500.0 / 1000.0 + START
    angles = interpolate.RectBivariateSpline(np.arange(zenith.shape[0]), np.arange(zenith.shape[1]), zenith)(
        y, x
    )
    cosine = np.where(angles < 90, np.cos(0.017453292 * angles), 1.0)
    reflectance = np.nan_to_num(radiance / (IRRADIANCE[0] / band * cosine) * np.pi)
    return resized(reflectance)


def resized(image: np.ndarray) -> np.ndarray:
    """What skimage.transform.resize to half the size is made of."""
    smooth = ndimage.gaussian_filter(image, 0.5, mode="mirror")
    return ndimage.zoom(smooth, 0.5, order=1, mode="mirror", grid_mode=True)


def test_halving_is_scikit_images_resize():
    image = np.random.default_rng(1).uniform(0, 1, (32, 46))
    np.testing.assert_allclose(halve(image), resized(image), rtol=0, atol=1e-14)


def test_the_spline_is_scipys_also_where_it_is_clamped():
    rng = np.random.default_rng(2)
    values, rows, columns = rng.uniform(0, 80, (9, 7)), np.linspace(-2, 11, 40), np.linspace(0, 6, 31)
    expected = interpolate.RectBivariateSpline(np.arange(9), np.arange(7), values)(rows, columns)
    found = spline(spline(values, rows).T, columns).T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_angles_between_tie_points_are_linear_and_go_on_beyond_the_edge():
    rows, columns = np.mgrid[:4, :5]
    found = bilinear(10.0 + 2 * rows + 3 * columns, np.array([-0.5, 1.25]), np.array([0.5, 4.5]))
    np.testing.assert_allclose(found, [[10.5, 22.5], [14.0, 26.0]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("band", [1, 4, 6])
def test_reflectance_is_that_of_the_makers(folder: Path, band: int):
    with open_product(folder) as product:
        measured = read_measured(product, "dataset")
    np.testing.assert_allclose(
        measured.refs[..., band - 1], makers_reflectance(folder, band), rtol=0, atol=1e-10
    )
    radiance = resized(np.nan_to_num(unpack(folder / f"S{band}_radiance_an.nc", f"S{band}_radiance_an")))
    np.testing.assert_allclose(measured.rads[..., band - 1], radiance, rtol=1e-6)
    assert measured.rads.dtype == np.float32
    assert measured.refs.dtype == np.float64


@pytest.mark.parametrize(("band", "stripes"), [(2, "a"), (5, "ab")])
def test_geometric_reflectance_is_the_mean_of_what_lies_in_the_pixel(folder: Path, band: int, stripes: str):
    with open_product(folder) as product:
        measured = read_measured(product, "geometric")
    zenith = unpack(folder / "geometry_tn.nc", "solar_zenith_tn")
    x, y = (unpack(folder / "cartesian_in.nc", f"{axis}_in") for axis in "xy")
    assert np.isfinite(zenith[:, :9]).all()
    samples = [samples_of(folder, band, stripe, kind) for stripe in stripes for kind in ("", "orphan_")]
    compared = 0
    for row in range(2, ROWS - 2, 3):
        for column in range(6, COLUMNS - 6, 3):
            inside = [
                values[(abs(sx - x[row, column]) <= 500) & (abs(sy - y[row, column]) <= 500) & good]
                for sx, sy, values, good in samples
            ]
            if found := np.concatenate(inside).tolist():
                assert measured.refs[row, column, band - 1] == pytest.approx(np.mean(found), abs=1e-5)
                compared += 1
    assert compared > 180


def samples_of(folder: Path, band: int, stripe: str, kind: str) -> tuple[np.ndarray, ...]:
    """Positions and reflectances of a stripe's samples or orphans, and which count, by plain formulas."""
    radiance = unpack(folder / f"S{band}_radiance_{stripe}n.nc", f"S{band}_radiance_{kind}{stripe}n")
    x, y = (unpack(folder / f"cartesian_{stripe}n.nc", f"{axis}_{kind}{stripe}n") for axis in "xy")
    detector = unpack(folder / f"indices_{stripe}n.nc", f"detector_{kind}{stripe}n")
    good = np.isfinite(radiance) & np.isfinite(detector)
    rows, columns = (index.astype(float) for index in np.indices(radiance.shape))
    if kind:
        columns = np.round(2 * TRACK - x / 500)
    else:
        confidence = unpack(folder / f"flags_{stripe}n.nc", f"confidence_{stripe}n").astype(int)
        good &= confidence & (32 | 256) == 0
    # the angles of the test's product are a plane: 30 + row / 4 + 0.7 column
    angle = 30 + 0.25 * (rows - 1) / 2 + 0.7 * ((columns - 2 * TRACK) / 32 + TIE_TRACK)
    irradiance = np.array(IRRADIANCE) / band + (7 if stripe == "b" else 0)
    of_detector = irradiance[np.nan_to_num(detector).astype(int)]
    return x, y, np.pi * radiance / (of_detector * np.cos(np.radians(angle))), good


def test_the_griddings_differ_by_sun_angle_and_place(folder: Path):
    with open_product(folder) as product:
        makers, exact = (read_measured(product, gridding) for gridding in ("dataset", "geometric"))
    clear = np.s_[:, 44:56, 0]
    ratio = makers.refs[clear] / exact.refs[clear]
    # the sun is 12 degrees higher in the first row than in the last, whose angle the makers took for all
    assert 1.1 < np.median(ratio[:6]) < 1.2
    assert 0.97 < np.median(ratio[-6:]) < 1.05
    np.testing.assert_array_equal(makers.bts, exact.bts)
