"""Simulate what the radiometer sees of a synthetic world, one block of rows at a time. NumPy only.

Layers are plane-parallel; each scatters (two-stream) and emits. The three thermal channels are mixed in
radiance, with the Planck function as a power law about 280 K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmark.synthesis.random_fields import Array
from benchmark.synthesis.world import Layer, World

#: Signal-to-noise ratio of S1-S6 at reflectance 0.19; noise grows with the square root.
SIGNAL_TO_NOISE = (240.0, 240.0, 240.0, 165.0, 280.0, 175.0)
BRIGHTEST = 1.30
REFLECTANCE_STEP = 1 / 8192
KELVIN_STEP = 1 / 64

#: Reflectance of S1-S6 and of S7.
REFLECTANCE = {
    "ocean": (0.020, 0.012, 0.008, 0.006, 0.005, 0.004, 0.010),
    "vegetation": (0.065, 0.04, 0.30, 0.20, 0.18, 0.09, 0.04),
    "soil": (0.13, 0.16, 0.24, 0.25, 0.29, 0.24, 0.10),
    "desert": (0.22, 0.32, 0.40, 0.42, 0.50, 0.46, 0.22),
    "snow": (0.85, 0.82, 0.76, 0.25, 0.10, 0.07, 0.025),
    "ice": (0.55, 0.52, 0.45, 0.12, 0.08, 0.05, 0.025),
}
#: How much colder a surface looks because of its emissivity at S7, S8, S9, in kelvin.
EMISSIVITY_DEFICIT = {
    "vegetation": (1.2, 0.6, 0.3),
    "soil": (1.2, 0.6, 0.3),
    "desert": (3.2, 1.6, 0.3),
}
#: Scattering by air and haze over a dark surface, S1-S6.
PATH_REFLECTANCE = (0.055, 0.030, 0.012, 0.0, 0.005, 0.003)
#: Sun glint relative to S1, for S1-S6 and S7.
GLINT_FACTOR = (1.0, 1.0, 0.97, 0.3, 0.9, 0.85, 0.5)
#: Absorption of water and of ice cloud at S5 and S6.
SHORTWAVE_ABSORPTION = {4: (0.22, 0.62), 5: (0.34, 0.72)}

#: Exponent of the power-law Planck function at S7, S8, S9: 14388 / (wavelength in um x 280).
PLANCK_EXPONENT = (13.74, 4.74, 4.28)
PLANCK_REFERENCE = 280.0
#: Absorption per optical depth at S7, S8, S9, for water and for ice cloud.
THERMAL_ABSORPTION = ((0.46, 0.42), (0.50, 0.50), (0.55, 0.65))
#: Emissivity of thick cloud at S7, for water and for ice.
S7_CLOUD_EMISSIVITY = (0.86, 0.95)
#: Sunlight at S7 relative to the emission of a body at 280 K.
S7_SUNLIGHT = 19.6
S7_RANGE = (190.0, 311.0)
#: Noise of S7, S8, S9 at 300 K in kelvin; that of S7 grows steeply at low temperatures.
NOISE = (0.018, 0.013, 0.018)
S7_NOISE_EXPONENT = 12.7
S7_NOISE_LIMIT = 120.0


@dataclass(frozen=True)
class ClearSky:
    """The block without cloud: float32 [r, C]; kelvin and reflectance."""

    s7: Array
    s8: Array
    s9: Array
    s3: Array | None


@dataclass(frozen=True)
class Observation:
    """One block: float32 [r, C] per channel; no reflectances at night."""

    refs: list[Array]
    bts: list[Array]
    clear: ClearSky
    #: Total optical depth of the cloud.
    tau: Array


def observe(rng: np.random.Generator, world: World, block: slice) -> Observation:
    """Observe the rows ``block`` of a world, with the instrument's noise and digitisation."""
    classes = {name: share[block] for name, share in world.classes.items()}
    tau = np.zeros_like(world.skin[block])
    for layer in world.layers:
        tau += layer.tau[block]

    refs: list[Array] = []
    clear_s3 = None
    if world.day:
        refs, clear_s3 = _reflectances(world, block, classes)
        refs = [_digitise_reflectance(rng, channel, r) for channel, r in enumerate(refs)]
    bts, clear = _temperatures(world, block, classes)
    bts = [_digitise_temperature(rng, channel, t) for channel, t in enumerate(bts)]
    return Observation(refs, bts, ClearSky(*clear, clear_s3), tau)


def _mixed(classes: dict[str, Array], values: dict[str, float]) -> Array:
    """Return the sum over surface classes of share x value."""
    total = np.zeros_like(next(iter(classes.values())))
    for name, share in classes.items():
        if values.get(name):
            total += share * np.float32(values[name])
    return total


def _pair(water_ice: tuple[float, float], ice: float) -> np.float32:
    water, frozen = water_ice
    return np.float32(water + (frozen - water) * ice)


def _reflectances(world: World, block: slice, classes: dict[str, Array]) -> tuple[list[Array], Array]:
    """Return noise-free reflectances of S1-S6, and that of S3 without cloud."""
    mu0, glint = world.mu0[block], None if world.glint is None else world.glint[block]
    # Water vapour hides the surface at S4.
    vapour_window = np.float32(math.exp(-4.5 * world.water_vapour))
    longer = np.float32(0.5) / mu0 + np.float32(0.5) * world.slant
    refs: list[Array] = []
    for channel in range(6):
        r = _mixed(classes, {name: values[channel] for name, values in REFLECTANCE.items()})
        if glint is not None:
            r += np.float32(GLINT_FACTOR[channel]) * glint
        if channel == 3:
            r *= vapour_window
        r += np.float32(PATH_REFLECTANCE[channel]) * longer
        refs.append(r)
    clear_s3 = refs[2]

    for layer in world.layers:
        layer_tau, sunward = layer.tau[block], layer.tau_towards_sun
        rc = _cloud_albedo(layer_tau)
        if sunward is not None:
            shade = 1 - np.float32(0.45) * _cloud_albedo(sunward[block])
            refs = [r * shade for r in refs]
        below = np.float32(world.mean_temperature) - layer.top[block]
        moisture = np.float32(-1.1 * world.water_vapour)
        dry = np.exp(moisture * np.clip(np.float32(1.6) - below / 32, np.float32(0.05), 3) ** 2)
        soak = 1 - np.exp(layer_tau * np.float32(-1 / 8))
        for channel, under in enumerate(refs):
            if channel == 3:
                refs[channel] = rc * dry + (1 - rc) ** 2 * under
                continue
            reflected, through = rc, 1 - rc
            if channel in SHORTWAVE_ABSORPTION:
                kept = 1 - _pair(SHORTWAVE_ABSORPTION[channel], layer.ice) * soak
                reflected, through = rc * kept, through * kept
            refs[channel] = reflected + through**2 * under / (1 - reflected * under)
    return refs, clear_s3


def _cloud_albedo(tau: Array) -> Array:
    """Return the two-stream reflectance of a layer that absorbs nothing (asymmetry 0.85)."""
    scaled = np.float32(0.105) * tau
    return scaled / (1 + scaled)


def _temperatures(
    world: World, block: slice, classes: dict[str, Array]
) -> tuple[list[Array], tuple[Array, Array, Array]]:
    """Return noise-free brightness temperatures of S7-S9 in kelvin, and the same without cloud."""
    w, skin = world.water_vapour, world.skin[block]
    vapour = np.float32(0.4 + 0.55 * w + 0.06 * w * w) * world.slant
    split = np.float32(0.15 + 0.42 * w) * world.slant
    deficit = [
        _mixed(classes, {name: values[i] for name, values in EMISSIVITY_DEFICIT.items()}) for i in range(3)
    ]
    clear = [
        skin - np.float32(0.65) * vapour - np.float32(0.4) - deficit[0],
        skin - vapour - deficit[1],
        skin - vapour - split - deficit[2],
    ]
    radiance = [_planck(t, channel) for channel, t in enumerate(clear)]
    sunlight = None
    if world.day:
        sunlight = np.float32(S7_SUNLIGHT) * world.mu0[block]
        r7 = _mixed(classes, {name: values[6] for name, values in REFLECTANCE.items()})
        if world.glint is not None:
            r7 += np.float32(GLINT_FACTOR[6]) * world.glint[block]
        radiance[0] = radiance[0] + sunlight * r7
    clear_s7 = _temperature(radiance[0], 0)
    for layer in world.layers:
        radiance = _under_cloud(layer, block, radiance, sunlight)
    bts = [_temperature(i, channel) for channel, i in enumerate(radiance)]
    return bts, (clear_s7, clear[1], clear[2])


def _under_cloud(layer: Layer, block: slice, radiance: list[Array], sunlight: Array | None) -> list[Array]:
    """Return the radiance of S7-S9 above a layer, from the radiance below it."""
    log_top = np.log(layer.top[block] / np.float32(PLANCK_REFERENCE))
    tau = layer.tau[block]
    above = []
    for channel, below in enumerate(radiance):
        through = np.exp(tau * -_pair(THERMAL_ABSORPTION[channel], layer.ice))
        emitted = np.exp(log_top * np.float32(PLANCK_EXPONENT[channel]))
        if channel == 0:
            emitted *= _pair(S7_CLOUD_EMISSIVITY, layer.ice)
            if sunlight is not None:
                emitted += sunlight * np.float32(layer.r7)
        above.append(emitted + through * (below - emitted))
    return above


def _planck(kelvin: Array, channel: int) -> Array:
    return np.exp(np.log(kelvin / np.float32(PLANCK_REFERENCE)) * np.float32(PLANCK_EXPONENT[channel]))


def _temperature(radiance: Array, channel: int) -> Array:
    return np.float32(PLANCK_REFERENCE) * np.exp(np.log(radiance) / np.float32(PLANCK_EXPONENT[channel]))


def _digitise_reflectance(rng: np.random.Generator, channel: int, r: Array) -> Array:
    noise = rng.standard_normal(r.shape, dtype=np.float32)
    scale = np.float32(math.sqrt(0.19) / SIGNAL_TO_NOISE[channel])
    spread = scale * np.sqrt(np.maximum(r, np.float32(1e-3)))
    noisy = np.clip(r + spread * noise, 0, np.float32(BRIGHTEST))
    return np.rint(noisy / np.float32(REFLECTANCE_STEP)) * np.float32(REFLECTANCE_STEP)


def _digitise_temperature(rng: np.random.Generator, channel: int, kelvin: Array) -> Array:
    noise = rng.standard_normal(kelvin.shape, dtype=np.float32)
    spread: Array | np.float32 = np.float32(NOISE[channel])
    if channel == 0:
        growth = np.exp(np.log(300 / kelvin) * np.float32(S7_NOISE_EXPONENT))
        spread = spread * np.minimum(growth, np.float32(S7_NOISE_LIMIT))
    noisy = kelvin + spread * noise
    if channel == 0:
        noisy = np.clip(noisy, np.float32(S7_RANGE[0]), np.float32(S7_RANGE[1]))
    return np.rint(noisy / np.float32(KELVIN_STEP)) * np.float32(KELVIN_STEP)
