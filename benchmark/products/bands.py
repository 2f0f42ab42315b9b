"""Read a product's bands as physical values: temperature on the 1 km grid, radiance on the 500 m grids.

Reflectance is pi L / (E0 cos z), with the radiance L, the solar irradiance E0 on the product's date and the
solar zenith angle z.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.products.flags import Flags
from benchmark.products.gridding import bilinear, spline, tie_positions
from benchmark.products.product import AGAIN, Product, ProductError
from benchmark.products.variables import Grid, check_same_product, read_grid, read_raw, read_values

THERMAL = ("S7", "S8", "S9")
REFLECTIVE = ("S1", "S2", "S3", "S4", "S5", "S6")
#: Degrees to radians, as the makers of the dataset wrote it.
MAKERS_RADIANS = 0.017453292
#: Zenith angle of the sun on the horizon.
HORIZON = 90.0
#: Kelvin; values packed in two bytes end at 611 K.
HOTTEST = 1000.0


class Radiance(NamedTuple):
    """Radiances of a 500 m grid [R, C] and of its orphans [R, n], NaN if missing, and the grid."""

    values: NDArray[np.float64]
    orphans: NDArray[np.float64]
    grid: Grid


class SunAngles(NamedTuple):
    """The solar zenith angle in degrees at the tie points [r, c], NaN if unknown, and their grid."""

    degrees: NDArray[np.float64]
    grid: Grid


def read_thermal(product: Product) -> NDArray[np.float64]:
    """Read the brightness temperatures of S7 to S9 on the 1 km grid: kelvin [R, C, 3], NaN if missing."""
    shape: tuple[int | None, ...] = (None, None)
    channels = []
    for band in THERMAL:
        name = f"{band}_BT_in.nc"
        with product.open(name) as file:
            check_same_product(product, file, name)
            channels.append(read_values(file, product.where(name), f"{band}_BT_in", shape))
        _check_kelvin(f"{product.where(name)}: {band}_BT_in", channels[-1])
        shape = channels[0].shape
    return np.stack(channels, axis=-1)


def _check_kelvin(where: str, values: NDArray[np.float64]) -> None:
    """Reject values that cannot be temperatures, such as packed numbers without their scale."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        found = "no temperature in any pixel"
    elif finite.min() <= 0 or finite.max() >= HOTTEST:
        found = f"temperatures of {finite.min():.6g} to {finite.max():.6g} K"
    else:
        return
    expected = f"measurements above 0 and below {HOTTEST:.0f} K"
    raise ProductError(where, found=found, expected=expected, remedy=AGAIN)


def read_flags(product: Product, shape: tuple[int, int]) -> Flags:
    """Read the flags of the 1 km grid. Raises ProductError."""
    name = "flags_in.nc"
    with product.open(name) as file:
        check_same_product(product, file, name)
        bayes, confidence = (
            read_raw(file, product.where(name), variable, shape) for variable in ("bayes_in", "confidence_in")
        )
    return Flags(bayes, confidence)


def read_sun(product: Product, rows: int) -> SunAngles:
    """Read the solar angles at the tie points, which have one row for each row of the 1 km grid."""
    name = "geometry_tn.nc"
    with product.open(name) as file:
        check_same_product(product, file, name)
        where = product.where(name)
        return SunAngles(read_values(file, where, "solar_zenith_tn", (rows, None)), read_grid(file, where))


def read_radiance(
    product: Product, band: str, stripe: str, shape: tuple[int, int], *, orphans: bool = False
) -> Radiance:
    """Read a band's radiance on a 500 m grid of ``shape``, mW m-2 sr-1 nm-1; orphans only on request.

    Raises ProductError.
    """
    name, variable = radiance_file(band, stripe), f"{band}_radiance"
    with product.open(name) as file:
        check_same_product(product, file, name)
        where = product.where(name)
        values, found = read_values(file, where, f"{variable}_{stripe}n", shape), np.empty((shape[0], 0))
        if orphans:
            found = read_values(file, where, f"{variable}_orphan_{stripe}n", (shape[0], None))
        return Radiance(values, found, read_grid(file, where))


def radiance_file(band: str, stripe: str) -> str:
    """Return the file name of a band's radiances: stripe a, or for S4 to S6 also b."""
    return f"{band}_radiance_{stripe}n.nc"


def read_irradiance(product: Product, band: str, stripe: str) -> NDArray[np.float64]:
    """Read the solar irradiance of each detector of a band and stripe, mW m-2 nm-1. Raises ProductError."""
    name = f"{band}_quality_{stripe}n.nc"
    with product.open(name) as file:
        check_same_product(product, file, name)
        return read_values(file, product.where(name), f"{band}_solar_irradiance_{stripe}n", (None,))


def makers_cosine(sun: SunAngles, shape: tuple[int, int], grid: Grid) -> NDArray[np.float64]:
    """Return the cosine that the makers of the dataset divided by, for a 500 m grid: [1 or rows, columns].

    It reproduces two quirks: unknown angles count as 0, and the tie row is the image row plus start_offset.
    That lies beyond the last tie row (except for the first rows of an orbit), so every row gets the angles of
    the last. Below the horizon the cosine counts as 1.
    """
    angles, last = np.nan_to_num(sun.degrees, nan=0.0), len(sun.degrees) - 1
    rows = np.arange(shape[0]) * grid.along / sun.grid.along + sun.grid.start_offset
    angles = angles[-1:] if bool((rows >= last).all()) else spline(angles, rows)
    angles = spline(angles.T, tie_positions(shape, grid, sun.grid)[1]).T
    return np.where(angles < HORIZON, np.cos(MAKERS_RADIANS * angles), 1.0)


def true_cosine(sun: SunAngles, shape: tuple[int, int], grid: Grid) -> NDArray[np.float64]:
    """Return the cosine of the sun's zenith angle per pixel of a 500 m grid, NaN from the horizon down."""
    angles = bilinear(sun.degrees, *tie_positions(shape, grid, sun.grid))
    return np.where(angles < HORIZON, np.cos(np.radians(angles)), np.nan)
