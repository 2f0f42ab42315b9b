"""Fmask's equations by hand, and against an independent implementation where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmark.methods import fmask
from benchmark.methods.fmask import Bands


def pixel(*values: float) -> Any:
    """One pixel: numbers for arrays."""
    return Bands(*(np.float64(value) for value in values))  # type: ignore[arg-type]


#: blue, green, red, nir, swir1, swir2, cirrus, Celsius
CLOUD = pixel(0.6, 0.6, 0.6, 0.6, 0.5, 0.4, 0.0, -10.0)
LAND = pixel(0.06, 0.07, 0.08, 0.30, 0.25, 0.15, 0.0, 20.0)
WATER = pixel(0.05, 0.04, 0.03, 0.02, 0.01, 0.01, 0.0, 18.0)


def pixels(*each: Any) -> Any:
    return Bands(*(np.array(values) for values in zip(*each, strict=True)))


@pytest.mark.parametrize(
    "change",
    [
        {"swir2": 0.03},  # 1
        {"celsius": 27.0},
        {"green": 0.6, "swir1": 0.066},  # NDSI 0.80
        {"red": 0.1, "nir": 0.91},  # NDVI 0.80
        {"blue": 0.9, "green": 0.5, "red": 0.4},  # 2: whiteness 1.0
        {"blue": 0.15, "green": 0.15, "red": 0.15},  # 3: HOT -0.005
        {"nir": 0.3, "swir1": 0.5},  # 4: 0.6
    ],
)
def test_each_of_equations_1_to_4_excludes(change):
    found = fmask.potential_cloud(pixels(CLOUD, CLOUD._replace(**change)))
    assert found.tolist() == [True, False]


def test_cirrus_makes_any_pixel_potential_cloud_in_2015_only():
    bands = pixels(LAND, LAND._replace(cirrus=0.011), LAND._replace(cirrus=0.01))
    assert fmask.potential_cloud(bands).tolist() == [False, True, False]
    assert not fmask.potential_cloud(bands._replace(cirrus=None)).any()


def test_whiteness_by_hand():
    assert fmask.whiteness(*pixels(CLOUD._replace(blue=0.9, green=0.5, red=0.4))[:3]) == pytest.approx([1.0])


def test_water_by_hand():
    bands = pixels(
        WATER, LAND, CLOUD, WATER._replace(red=0.10, nir=0.12), WATER._replace(red=0.04, nir=0.045)
    )
    assert fmask.is_water(bands).tolist() == [True, False, False, False, True]


def test_probabilities_by_hand():
    bands = pixels(CLOUD._replace(celsius=16.0, swir1=0.055), CLOUD._replace(cirrus=0.02))
    water = fmask.water_probability(bands, 18.0)
    assert water.tolist() == pytest.approx([2 / 4 * 0.5, 28 / 4 + 0.5])
    land = fmask.land_probability(bands._replace(cirrus=None), 10.0, 20.0)
    # (20 + 4 - 16) / (24 - 6) and NDSI 0.545 / 0.655; (24 + 10) / 18 and NDSI 0.1 / 1.1
    assert land.tolist() == pytest.approx([8 / 18 * (1 - 0.545 / 0.655), 34 / 18 * (1 - 0.1 / 1.1)])


def scene(*each: tuple[Any, int]) -> tuple[Any, np.ndarray]:
    bands = pixels(*(kind for kind, count in each for _ in range(count)))
    return bands, np.ones(bands.red.shape, bool)


@pytest.mark.parametrize("clear", [LAND, WATER])
@pytest.mark.parametrize("edition", [2012, 2015])
def test_cold_bright_pixels_are_cloud_among_clear_ones(clear, edition):
    bands, where = scene((clear, 90), (CLOUD, 10))
    bands = bands if edition == 2015 else bands._replace(cirrus=None)
    found = fmask.cloud_by_day(bands, where)
    assert not found[:90].any()
    assert found[90:].all()


def test_what_is_35_degrees_colder_than_land_is_cloud_without_any_other_sign():
    bands, where = scene((LAND, 99), (LAND._replace(celsius=-15.1), 1))
    found = fmask.cloud_by_day(bands, where)
    assert found.tolist() == [False] * 99 + [True]


def test_certain_cloud_over_land_needs_no_spectral_test_in_2012():
    bands, where = scene((LAND, 99), (CLOUD._replace(swir2=0.02), 1))
    bands = bands._replace(cirrus=None)
    assert not fmask.potential_cloud(bands)[-1]
    assert fmask.cloud_by_day(bands, where)[-1]
    assert not fmask.cloud_by_day(bands._replace(cirrus=np.zeros(100)), where)[-1]


def test_with_nothing_clear_all_potential_cloud_is_cloud():
    bands, where = scene((CLOUD, 50))
    assert fmask.cloud_by_day(bands, where).all()
    assert not fmask.cloud_by_day(bands, np.zeros(50, bool)).any()


def test_with_little_clear_land_the_threshold_is_the_offset_alone():
    # warm cloud of probability (24 - 16) / 8 x (1 - 0.69) = 0.31; land's own is (24 - 20) / 8 x 0.42 = 0.21
    warm = CLOUD._replace(celsius=16.0, swir1=0.11, nir=0.6)
    bands, where = scene((LAND, 4), (WATER, 80), (warm, 96))
    assert fmask.cloud_by_day(bands, where)[84:].all()
    bands, where = scene((LAND, 40), (WATER, 80), (warm, 60))
    assert not fmask.cloud_by_day(bands, where)[120:].any()


def test_at_night_only_coldness_counts():
    temperature = np.full((20, 20), 290, np.float32)
    temperature[0, :3] = 285.9, 286.1, 240
    found = fmask.cloud_by_night(temperature, np.ones((20, 20), bool))
    assert found[0, :3].tolist() == [True, False, True]
    assert np.count_nonzero(found) == 2
    assert not fmask.cloud_by_night(temperature, np.zeros((20, 20), bool)).any()


def test_an_overcast_block_is_found_by_the_ground_elsewhere():
    temperature = np.full((1800, 300), 290, np.float32)
    temperature[1500:] = 250  # 16.7 % of the scene, less than the percentile of its cold end
    found = fmask.cloud_by_night(temperature, np.ones(temperature.shape, bool))
    assert not found[:1500].any()
    assert found[1500:].all()


def test_green_stands_for_blue_and_dark_reflectances_are_lifted():
    refs = np.linspace(0, 0.5, 6, dtype=np.float32)[None, None]
    bts = np.full((1, 1, 3), 300.15, np.float32)
    values = [float(np.asarray(band)[0, 0]) for band in fmask.bands_of(refs, bts, cirrus=True)]
    assert values == pytest.approx([1e-5, 1e-5, 0.1, 0.2, 0.4, 0.5, 0.3, 27.0])
    assert fmask.bands_of(refs, bts, cirrus=False).cirrus is None


@pytest.mark.parametrize("edition", [2012, 2015])
def test_the_tables_say_which_edition_with_which_constants(edition):
    tables = fmask.method(fmask.Options(edition)).fit([], 1)
    assert tables.keys() == fmask.CONSTANTS.keys() | {"edition"}
    assert tables["edition"] == edition


def test_five_of_nine_neighbours_decide():
    land = [value - 0.5 for value in (0.07, 0.08, 0.30, 0, 0.25, 0.15)] + [(293.15 - 270) / 22] * 3
    inputs = np.tile(np.array(land, np.float32), (30, 30, 1))
    cold = np.float32((233.15 - 270) / 22)
    inputs[5, 5, 6:] = cold
    inputs[20:23, 20:23, 6:] = cold
    method = fmask.method(fmask.Options())
    found = method.predict(inputs, method.fit([], 1))
    assert found[5, 5] == 0  # alone
    assert found[20:23, 20:23].tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    assert found.sum() == 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["any", "dark", "grey", "on the thresholds"])
def test_the_equations_agree_with_rio_cloudmask(dtype, kind):
    """rio-cloudmask has equation 10 with the near infrared and no 'certain' cloud: the edition of 2015."""
    rio = pytest.importorskip("rio_cloudmask.equations", reason="rio-cloudmask is not installed")
    rng = np.random.default_rng(0)
    refs = {
        "any": rng.uniform(1e-5, 1, (7, 20_000)),
        "dark": 10 ** rng.uniform(-5, 0, (7, 20_000)),
        "grey": np.maximum(rng.uniform(0.02, 0.6, 20_000) + rng.normal(0, 0.03, (7, 20_000)), 1e-5),
        "on the thresholds": rng.uniform(0.01, 0.4, (7, 20_000)).round(2),
    }[kind].astype(dtype)
    refs[6] *= dtype(0.05)
    degrees = rng.uniform(-60, 60, 20_000).round(1).astype(dtype)
    bands: Any = Bands(*(*refs, degrees))
    blue, green, red, nir, swir1, swir2, cirrus, celsius = bands
    ndvi, ndsi, water = rio.calc_ndvi(red, nir), rio.calc_ndsi(green, swir1), fmask.is_water(bands)
    for ours, theirs in ((cirrus, cirrus), (None, np.zeros_like(cirrus))):
        expected = rio.potential_cloud_pixels(
            ndvi, ndsi, blue, green, red, nir, swir1, swir2, theirs, celsius
        )
        np.testing.assert_array_equal(fmask.potential_cloud(bands._replace(cirrus=ours)), expected)
    np.testing.assert_array_equal(water, rio.water_test(ndvi, nir))

    potential = fmask.potential_cloud(bands)
    low, high = rio.temp_land(potential, water, celsius)
    white = rio.whiteness_index(blue, green, red)
    land = rio.land_temp_prob(celsius, low, high) * rio.variability_prob(ndvi, ndsi, white) + cirrus / 0.04
    warm = rio.temp_water(water, swir2, celsius)
    over_water = rio.water_temp_prob(warm, celsius) * rio.brightness_prob(swir1) + cirrus / 0.04
    threshold = rio.land_threshold(land, potential, water)
    expected = rio.potential_cloud_layer(potential, water, celsius, low, land, threshold, over_water)
    np.testing.assert_array_equal(fmask.cloud_by_day(bands, np.ones(20_000, bool)), expected)
