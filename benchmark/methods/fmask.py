"""Fmask: cloud by the equations of Zhu and Woodcock (2012), or of Zhu, Wang and Woodcock (2015). NumPy only.

Potential cloud pixels pass spectral tests (equations 1 to 6). The temperatures of the other pixels, clear
land and water, give probabilities of cloud (7 to 16), thresholds turn these into a mask (17, 18), and a vote
among 3 x 3 pixels smooths it. Nothing is fitted. Fmask is defined by day only: at night just the two tests
that need no reflectance remain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.methods.interface import About, Fitted, Tables
from benchmark.methods.quantities import DARKEST, box_sum, is_measured, physical, warm_reference

ABOUT = About(
    title="Fmask",
    citations=(
        "Object-based cloud and cloud shadow detection in Landsat imagery (2012). "
        "https://doi.org/10.1016/j.rse.2011.10.028",
        "Improvement and expansion of the Fmask algorithm: cloud, cloud shadow, and snow detection for "
        "Landsats 4-7, 8, and Sentinel 2 images (2015). https://doi.org/10.1016/j.rse.2014.12.014",
    ),
    adapted="The equations and constants are the original's. SLSTR has no blue: green (S1) takes its place. "
    "The thermal band is S8. Saturation, cloud shadow, snow and the growth of clouds by three pixels of "
    "30 m are left out. Fmask is not defined at night: there, only tests of coldness are left, so that "
    "its score is that by day.",
)

#: Constants of the equations; temperatures in Celsius or as differences.
CONSTANTS = {
    "swir2_above": 0.03,  # 1, and 7
    "celsius_below": 27.0,
    "ndsi_below": 0.8,
    "ndvi_below": 0.8,
    "whiteness_below": 0.7,  # 2
    "hot_red": 0.5,  # 3
    "hot_offset": 0.08,
    "nir_swir1_above": 0.75,  # 4
    "water_ndvi_below": 0.01,  # 5
    "water_nir_below": 0.11,
    "turbid_ndvi_below": 0.1,
    "turbid_nir_below": 0.05,
    "cirrus_above": 0.01,  # 2015
    "cirrus_certain": 0.04,  # 2015
    "percentile_low": 17.5,  # 13
    "percentile_high": 82.5,  # 8, 13, 17
    "degrees": 4.0,  # 9, 14
    "brightest_water": 0.11,  # 10
    "land_offset": 0.2,  # 17
    "water_above": 0.5,  # 18
    "land_certain": 0.99,  # 18, not in 2015
    "colder_than_land": 35.0,  # 18
    "least_land": 0.03,  # share of a scene, for 17; with less, land_offset alone is the threshold
    "least_clear": 0.001,  # share of a scene, for 8 and 13
    "votes": 5.0,  # of 3 x 3 pixels
}


@dataclass(frozen=True)
class Options:
    """edition: 2012, or 2015, which tests for cirrus and has no 'certain' cloud over land."""

    edition: int = 2015

    def __post_init__(self) -> None:
        if self.edition not in (2012, 2015):
            raise ValueError(f"edition is {self.edition}; Fmask here is that of 2012 or of 2015")


class Bands(NamedTuple):
    """Fmask's input, [R, C] or flat: reflectances above 0, and degrees Celsius at 11 um."""

    blue: NDArray
    green: NDArray
    red: NDArray
    nir: NDArray
    swir1: NDArray
    swir2: NDArray
    #: 1.375 um; None in the edition of 2012.
    cirrus: NDArray | None
    celsius: NDArray


def method(options: Options) -> Fitted:
    """Return Fmask of an edition; P is 1 where it finds cloud, else 0. Its tables are its constants."""
    tables = {name: np.array(value) for name, value in CONSTANTS.items()}
    return Fitted(lambda images, seed: {**tables, "edition": np.array(options.edition)}, predict)


def predict(inputs: NDArray[np.float32], tables: Tables) -> NDArray[np.float32]:
    """Return 1 where Fmask finds cloud, else 0, also where unmeasured. inputs: [R, C, 9], normalised."""
    constants = {name: float(value) for name, value in tables.items()}
    refs, bts = physical(inputs)
    measured = is_measured(bts)
    day = (refs > 0).any(axis=-1)
    bands = bands_of(refs, bts, cirrus=int(tables["edition"]) == 2015)
    cloud = cloud_by_day(bands, measured & day, constants)
    cloud |= cloud_by_night(bts[..., 1], measured & ~day, constants)
    cloud = box_sum(cloud.astype(np.uint8)) >= constants["votes"]
    return (cloud & measured).astype(np.float32)


def bands_of(refs: NDArray[np.float32], bts: NDArray[np.float32], cirrus: bool) -> Bands:
    """Map SLSTR reflectances [R, C, 6] and kelvin [R, C, 3] to Fmask's bands: green for blue, S8 thermal."""
    s1, s2, s3, s4, s5, s6 = np.moveaxis(np.maximum(refs, DARKEST), -1, 0)
    return Bands(s1, s1, s2, s3, s5, s6, s4 if cirrus else None, bts[..., 1] - np.float32(273.15))


# ---- equations, numbered as in the publication of 2012


def potential_cloud(bands: Bands, constants: Mapping[str, float] = CONSTANTS) -> NDArray[np.bool_]:
    """Equations 1 to 4 and 6: potential cloud; with a cirrus band, also pixels that reflect there (2015)."""
    blue, green, red, nir, swir1, swir2, cirrus, celsius = bands
    basic = (
        (swir2 > constants["swir2_above"])
        & (celsius < constants["celsius_below"])
        & (index(green, swir1) < constants["ndsi_below"])
        & (index(nir, red) < constants["ndvi_below"])
    )
    white = whiteness(blue, green, red) < constants["whiteness_below"]
    hazy = blue - constants["hot_red"] * red - constants["hot_offset"] > 0
    no_rock = nir / swir1 > constants["nir_swir1_above"]
    potential = basic & white & hazy & no_rock
    return potential if cirrus is None else potential | (cirrus > constants["cirrus_above"])


def index(first: NDArray, second: NDArray) -> NDArray:
    """Return the normalised difference: NDSI of green and swir1, NDVI of nir and red."""
    return (first - second) / (first + second)


def whiteness(blue: NDArray, green: NDArray, red: NDArray) -> NDArray:
    """Equation 2: deviation of the visible bands from their mean, relative to it."""
    mean = (blue + green + red) / 3
    return abs((blue - mean) / mean) + abs((green - mean) / mean) + abs((red - mean) / mean)


def is_water(bands: Bands, constants: Mapping[str, float] = CONSTANTS) -> NDArray[np.bool_]:
    """Equation 5: dark in the near infrared, without vegetation."""
    ndvi, nir = index(bands.nir, bands.red), bands.nir
    water = (ndvi < constants["water_ndvi_below"]) & (nir < constants["water_nir_below"])
    return water | (ndvi < constants["turbid_ndvi_below"]) & (nir < constants["turbid_nir_below"])


def water_probability(bands: Bands, warm: float, constants: Mapping[str, float] = CONSTANTS) -> NDArray:
    """Equations 9 to 11: probability of cloud over water, whose clear pixels have ``warm`` [Celsius]."""
    colder = (warm - bands.celsius) / constants["degrees"]
    brightest = constants["brightest_water"]
    return colder * (np.minimum(bands.swir1, brightest) / brightest) + _cirrus_probability(bands, constants)


def land_probability(
    bands: Bands, low: float, high: float, constants: Mapping[str, float] = CONSTANTS
) -> NDArray:
    """Equations 14 to 16: probability over land, whose clear pixels have ``low`` to ``high`` [Celsius]."""
    degrees = constants["degrees"]
    colder = (high + degrees - bands.celsius) / (high + degrees - (low - degrees))
    ndvi, ndsi = index(bands.nir, bands.red), index(bands.green, bands.swir1)
    coloured = np.maximum(np.maximum(abs(ndvi), abs(ndsi)), whiteness(bands.blue, bands.green, bands.red))
    return colder * (1 - coloured) + _cirrus_probability(bands, constants)


def _cirrus_probability(bands: Bands, constants: Mapping[str, float]) -> NDArray | float:
    return 0.0 if bands.cirrus is None else bands.cirrus / constants["cirrus_certain"]


# ---- masks of a scene


def cloud_by_day(
    bands: Bands, where: NDArray[np.bool_], constants: Mapping[str, float] = CONSTANTS
) -> NDArray[np.bool_]:
    """Apply equation 18 within ``where`` [R, C], with percentiles from there (7, 8, 12, 13, 17)."""
    if not where.any():
        return where.copy()
    potential = potential_cloud(bands, constants)
    water = is_water(bands, constants)
    clear, clear_land = where & ~potential, where & ~potential & ~water
    clear_water = where & water & (bands.swir2 < constants["swir2_above"])
    pixels = np.count_nonzero(where)
    enough = constants["least_clear"] * pixels
    if np.count_nonzero(clear) <= enough:  # nothing to compare with
        return where & potential
    # with too little clear land or water, all clear pixels are used instead
    land_celsius, water_celsius = (
        bands.celsius[kind if np.count_nonzero(kind) > enough else clear]
        for kind in (clear_land, clear_water)
    )
    low, high = np.percentile(land_celsius, (constants["percentile_low"], constants["percentile_high"]))
    warm = np.percentile(water_celsius, constants["percentile_high"])
    over_land = land_probability(bands, low, high, constants)
    threshold = constants["land_offset"]
    if np.count_nonzero(clear_land) > constants["least_land"] * pixels:
        threshold += np.percentile(over_land[clear_land], constants["percentile_high"])
    cloud = potential & water & (water_probability(bands, warm, constants) > constants["water_above"])
    cloud |= potential & ~water & (over_land > threshold)
    cloud |= bands.celsius < low - constants["colder_than_land"]
    if bands.cirrus is None:
        cloud |= ~water & (over_land > constants["land_certain"])
    return cloud & where


def cloud_by_night(
    temperature: NDArray[np.float32], where: NDArray[np.bool_], constants: Mapping[str, float] = CONSTANTS
) -> NDArray[np.bool_]:
    """Apply the tests that need no reflectances, within ``where`` [R, C]; temperature at 11 um in kelvin.

    Cloud is colder than the warmest pixels nearby by more than equation 9's degrees, or than the cold end of
    all other pixels by equation 18's.
    """
    if not where.any():
        return where.copy()
    cold = warm_reference(temperature, where) - temperature > constants["degrees"]
    low = np.percentile(temperature[where & ~cold], constants["percentile_low"])
    return where & (cold | (temperature < low - constants["colder_than_land"]))
