"""The content of one synthetic scene: geometry, ground and cloud layers. NumPy only.

Constants are proposals from general knowledge unless docs/synthetic-scenes.md names a source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmark.synthesis.random_fields import Array, Shape, level_above, random_field, shifted

#: Surface by number of the scene pair (a day and a night scene): any ten scenes contain a mix.
SURFACES = ("ocean", "coast", "vegetation", "ocean", "polar", "ocean", "coast", "desert", "ocean", "coast")
#: Degrees north.
LATITUDES = {
    "ocean": (32.0, 55.0),
    "coast": (35.0, 58.0),
    "vegetation": (38.0, 58.0),
    "desert": (18.0, 34.0),
    "polar": (66.0, 80.0),
}
LAND_SHARE = {"ocean": (0.0, 0.0), "coast": (0.15, 0.6), "vegetation": (0.8, 1.0), "desert": (0.8, 1.0)}
LAND_SHARE["polar"] = (0.0, 0.6)
#: Mean surface temperature in kelvin: at the equator, the decrease at 60 degrees, and its spread.
WARMEST, COOLING, TEMPERATURE_SPREAD = 288.0, 1.5, 0.4
#: Sun glint on the sea, by day: peak reflectance.
GLINT_PEAK = (0.06, 0.12)
#: Freezing point of sea water in kelvin.
FREEZING_SEA = 271.3
#: Kelvin per metre of height.
LAPSE_RATE = 0.0065
#: Lowest cloud-top temperature in kelvin.
COLDEST_TOP = 200.0


@dataclass(frozen=True)
class CloudKind:
    """Properties of one kind of cloud; each layer draws one value from each range."""

    optical_depth: tuple[float, float]
    #: Cloud top: kelvin below the mean surface temperature.
    top_below: tuple[float, float]
    #: 0 water, 1 ice.
    ice: float
    slope: float
    stretch: tuple[float, float]
    #: Diameter of cells in pixels.
    cell: tuple[float, float] | None = None
    #: Reflectance at S7.
    r7: tuple[float, float] = (0.09, 0.20)


#: From the lowest to the highest: the order in which layers lie above each other.
CLOUDS: dict[str, CloudKind] = {
    "cu": CloudKind((5.0, 14.0), (16.0, 24.0), 0.0, 1.9, (1.0, 1.6), cell=(16.0, 32.0)),
    "st": CloudKind((5.0, 14.0), (14.0, 22.0), 0.0, 3.2, (1.0, 1.8)),
    "sc": CloudKind((5.0, 14.0), (14.0, 22.0), 0.0, 2.6, (1.0, 1.4), cell=(24.0, 52.0)),
    "mid": CloudKind((3.0, 18.0), (24.0, 44.0), 0.5, 2.7, (1.0, 2.5), r7=(0.05, 0.12)),
    "deep": CloudKind((15.0, 60.0), (40.0, 78.0), 1.0, 3.1, (1.2, 3.5), r7=(0.005, 0.03)),
    "ci": CloudKind((0.15, 2.2), (48.0, 75.0), 1.0, 3.0, (1.5, 4.0), r7=(0.02, 0.05)),
}
MAIN_CLOUDS = ("sc", "deep", "cu", "mid", "st")
#: Kinds that may accompany the main cloud: probability and range of cover.
COMPANIONS = {"cu": (0.40, (0.04, 0.25)), "mid": (0.15, (0.06, 0.42)), "ci": (0.42, (0.06, 0.42))}


@dataclass(frozen=True)
class Layer:
    """One cloud layer; arrays are float32 [R, C]."""

    kind: str
    cover: float
    #: 0 water, 1 ice.
    ice: float
    #: Reflectance at S7.
    r7: float
    #: Optical depth.
    tau: Array
    #: Optical depth of the cloud between a pixel and the sun; None at night.
    tau_towards_sun: Array | None
    #: Temperature of the top in kelvin.
    top: Array


@dataclass(frozen=True)
class World:
    """One scene before the radiometer sees it; arrays are float32 [R, C] unless stated otherwise."""

    day: bool
    surface: str
    #: Kelvin.
    mean_temperature: float
    #: g/cm2.
    water_vapour: float
    #: [1, C]: 1 / cos(view angle).
    slant: Array
    #: Cosine of the sun's zenith angle (day; 0 at night).
    mu0: Array
    #: Reflectance of the sun glint at S1; None without glint.
    glint: Array | None
    #: Skin temperature in kelvin.
    skin: Array
    #: Share of each surface class; only classes that occur.
    classes: dict[str, Array]
    layers: tuple[Layer, ...]
    #: Pixels without data at the left and right edge, and lines without any data.
    left: int
    right: int
    missing_lines: tuple[int, ...]


def draw_world(rng: np.random.Generator, index: int, shape: Shape) -> World:
    """Draw the world of scene ``index``: its regime follows from the index, the rest is random."""
    day, pair = index % 2 == 0, index // 2
    regime = SURFACES[pair % len(SURFACES)]
    main = MAIN_CLOUDS[(3 * pair + (0 if day else 2) + pair // 5) % len(MAIN_CLOUDS)]

    latitude = rng.uniform(*LATITUDES[regime])
    mean_temperature = WARMEST - COOLING * (latitude / 60.0) ** 2 + rng.normal(0.0, TEMPERATURE_SPREAD)
    polar_temperature = rng.uniform(275.0, 278.0)
    if regime == "polar":
        mean_temperature = polar_temperature
    water_vapour = max(0.2, 2.2 * math.exp(-((latitude / 48.0) ** 2)) + 0.5 + rng.normal(0.0, 0.2))

    left, right, missing_lines = _swath_edges(rng, shape)
    slant, mu0, sun_direction = _angles(rng, shape, day)
    skin, classes = _ground(rng, shape, regime, day, latitude, mean_temperature, float(mu0.mean()))
    glint = _glint(rng, shape, classes.get("ocean")) if day else None
    layers = _clouds(rng, shape, main, mean_temperature, float(mu0.mean()), sun_direction)
    return World(
        day, regime, mean_temperature, water_vapour, slant, mu0, glint, skin, classes, layers,
        left, right, missing_lines,
    )  # fmt: skip


def _swath_edges(rng: np.random.Generator, shape: Shape) -> tuple[int, int, tuple[int, ...]]:
    """Draw edge widths in pixels as in the published masks (20-31 and 11-17 of 1500), and dropouts."""
    rows, columns = shape
    left = max(1, round(int(rng.integers(20, 32)) * columns / 1500))
    right = max(1, round(int(rng.integers(11, 18)) * columns / 1500))
    lines = rng.integers(0, rows, size=int(rng.integers(1, 4)))
    dropout = rng.random() < 0.15
    return left, right, tuple(sorted({int(line) for line in lines})) if dropout else ()


def _angles(rng: np.random.Generator, shape: Shape, day: bool) -> tuple[Array, Array, tuple[float, float]]:
    """Draw 1 / cos(view angle) [1, C], cosine of the sun's zenith [R, C], shadow direction (row, column)."""
    down, across = _axes(shape)
    nadir = rng.uniform(0.05, 0.25)
    view = np.abs(across - np.float32(nadir)) / np.float32(1 + nadir) * np.float32(math.radians(55.0))
    zenith = rng.uniform(22.0, 68.0) + rng.uniform(-4.0, 4.0) * down + rng.uniform(-4.0, 4.0) * across
    azimuth = rng.uniform(0.0, 2 * math.pi)
    mu0 = np.cos(np.radians(zenith.astype(np.float32))) if day else np.zeros(shape, dtype=np.float32)
    return 1 / np.cos(view), mu0, (math.sin(azimuth), math.cos(azimuth))


def _axes(shape: Shape) -> tuple[Array, Array]:
    """Return positions along [R, 1] and across [1, C] the track, each from -1 to 1."""
    down = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    return down, np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]


def _glint(rng: np.random.Generator, shape: Shape, ocean: Array | None) -> Array | None:
    """Draw the reflection of the sun on the sea: a band of columns."""
    centre, width, peak = rng.uniform(-0.5, 0.5), rng.uniform(0.12, 0.30), rng.uniform(*GLINT_PEAK)
    if ocean is None:
        return None
    _, across = _axes(shape)
    return np.float32(peak) * np.exp(-(((across - np.float32(centre)) / np.float32(width)) ** 2) / 2) * ocean


def _ground(
    rng: np.random.Generator,
    shape: Shape,
    regime: str,
    day: bool,
    latitude: float,
    mean_temperature: float,
    mu0: float,
) -> tuple[Array, dict[str, Array]]:
    """Draw skin temperature (kelvin) and the share of each surface class."""
    down, across = _axes(shape)
    # Sea: eddies, a gradient along the track, and in half of the scenes a front.
    sea = random_field(rng, shape, 3.2, highest=60) * np.float32(rng.uniform(0.3, 0.7))
    sea += np.float32(mean_temperature) + np.float32(rng.uniform(-2.0, 2.0)) * down
    slope, offset, jump = rng.uniform(-1, 1), rng.uniform(-0.5, 0.5), rng.uniform(0.8, 2.2)
    sign, has_front = rng.choice([-1.0, 1.0]), rng.random() < 0.5
    if has_front:
        meander = random_field(rng, shape, 3.2, highest=30) * np.float32(0.15)
        distance = down + np.float32(slope) * across + meander - np.float32(offset)
        sea += np.float32(sign * jump) * np.tanh(distance / np.float32(0.05))
    np.maximum(sea, FREEZING_SEA, out=sea)

    share = rng.uniform(*LAND_SHARE[regime])
    freezing_land = rng.uniform(268.0, 276.0) if regime == "polar" else rng.uniform(262.0, 270.0)
    ice_share, ice_below = rng.uniform(0.2, 0.7), rng.uniform(2.0, 10.0)
    has_ice = rng.random() < 0.6 and regime == "polar"
    heating = rng.uniform(2.0, 12.0) * (0.4 + mu0) if day else -rng.uniform(0.0, 2.5)
    relief = rng.uniform(100.0, 450.0)

    classes: dict[str, Array] = {}
    skin = sea
    land = np.zeros(shape, dtype=bool)
    if share > 0:
        coastline = random_field(rng, shape, 3.3, highest=160)
        land = coastline > level_above(coastline, share)
        height = np.abs(random_field(rng, shape, 2.6, highest=400)) * np.float32(relief)
        texture = random_field(rng, shape, 2.6, highest=400)
        ground = np.float32(mean_temperature + heating) + np.float32(0.25 * heating) * texture
        ground -= np.float32(LAPSE_RATE) * height
        skin = np.where(land, ground, sea)
        snow = np.zeros(shape, dtype=bool)
        if regime == "polar" or latitude > 48.0:
            snow = land & (ground < freezing_land)
        bare = np.clip(np.float32(0.5) + np.float32(0.5) * texture, 0, 1) * (land & ~snow)
        first, second = ("desert", "soil") if regime == "desert" else ("vegetation", "soil")
        classes[first] = (land & ~snow) - bare
        classes[second] = bare
        if snow.any():
            classes["snow"] = snow.astype(np.float32)
    ice = np.zeros(shape, dtype=bool)
    if has_ice:
        floes = random_field(rng, shape, 2.6, highest=400)
        ice = (floes > level_above(floes, ice_share)) & ~land
        frozen = np.float32(FREEZING_SEA - ice_below) + random_field(rng, shape, 3.0, highest=100)
        skin = np.where(ice, frozen, skin)
        classes["ice"] = ice.astype(np.float32)
    water = ~(land | ice)
    if water.any():
        classes["ocean"] = water.astype(np.float32)
    return skin, classes


def _clouds(
    rng: np.random.Generator,
    shape: Shape,
    main: str,
    mean_temperature: float,
    mu0: float,
    sun_direction: tuple[float, float],
) -> tuple[Layer, ...]:
    """Draw the main layer and its companions, lowest first."""
    covers = {main: 0.08 + 0.72 * rng.beta(2.0, 1.6)}
    for kind, (probability, cover_range) in COMPANIONS.items():
        present, cover = rng.random() < probability, rng.uniform(*cover_range)
        if present:
            covers.setdefault(kind, cover)
    return tuple(
        _cloud(rng, shape, kind, covers[kind], mean_temperature, mu0, sun_direction)
        for kind in CLOUDS
        if kind in covers
    )


def _cloud(
    rng: np.random.Generator,
    shape: Shape,
    name: str,
    cover: float,
    mean_temperature: float,
    mu0: float,
    sun_direction: tuple[float, float],
) -> Layer:
    kind = CLOUDS[name]
    low, high = kind.optical_depth
    depth = math.exp(rng.uniform(math.log(low), math.log(high)))
    below = rng.uniform(*kind.top_below)
    r7 = rng.uniform(*kind.r7)
    angle, stretch = rng.uniform(0.0, math.pi), rng.uniform(*kind.stretch)
    cell = None
    if kind.cell is not None:
        # At least four cells must fit into a small scene.
        cell = min(rng.uniform(*kind.cell), max(shape) / 4)
    field = random_field(rng, shape, kind.slope, angle=angle, stretch=stretch, cell=cell)
    field -= np.float32(level_above(field, cover))
    u = np.maximum(field, 0)
    tau = np.float32(depth) * u / (1 + np.float32(0.15) * u) * (1 + np.float32(0.5) * u)
    top = np.float32(mean_temperature) - np.float32(below) * (
        np.float32(0.75) + np.float32(0.25) * np.minimum(u, 2)
    )
    np.maximum(top, COLDEST_TOP, out=top)
    towards_sun = None
    if mu0 > 0:
        # A pixel is a kilometre: height in kilometres times tan(zenith) is the shadow's length.
        tangent = math.sqrt(1 - mu0**2) / mu0
        reach = min(max(1.0, below * 1e-3 / LAPSE_RATE * tangent), 40.0, min(shape) / 8)
        towards_sun = shifted(tau, round(reach * sun_direction[0]), round(reach * sun_direction[1]))
    return Layer(name, cover, kind.ice, r7, tau, towards_sun, top)
