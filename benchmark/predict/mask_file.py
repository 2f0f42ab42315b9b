"""Write the mask of a product as NetCDF-4 by the CF conventions, on the product's own 1 km grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
from numpy.typing import NDArray

from benchmark.core.files import write_aside
from benchmark.record.masks import POLARITY, mask_of

CONVENTIONS = "CF-1.8"
#: Dimensions of the 1 km grid, named as in the product's own files.
DIMENSIONS = ("rows", "columns")
#: The mask's value where the instrument saw nothing.
NO_MASK = -1
#: The auxiliary coordinates: name, standard name, units.
COORDINATES = (
    ("latitude_in", "latitude", "degrees_north"),
    ("longitude_in", "longitude", "degrees_east"),
)

#: latitude and longitude float64 [R, C], degrees.
Positions = tuple[NDArray[np.float64], NDArray[np.float64]]


def write_mask_file(
    path: Path,
    probability: NDArray[np.float16],
    inside: NDArray[np.bool_],
    positions: Positions | None,
    attributes: Mapping[str, Any],
) -> None:
    """Write `cloud_probability_in` and `cloud_mask_in`, aside and renamed. Raises OSError.

    probability [R, C] of cloud: the mask is 1 where it is above one half. inside [R, C]: where the instrument
    saw something; the rest is fill. attributes: global ones, beyond the conventions.
    """
    mask = np.where(inside, mask_of(probability).astype(np.int8), np.int8(NO_MASK))
    seen = np.where(inside, probability.astype(np.float32), np.float32(np.nan))
    with write_aside(path) as part, h5netcdf.File(part, "w") as file:
        file.dimensions = dict(zip(DIMENSIONS, probability.shape, strict=True))
        for (name, standard_name, units), values in zip(COORDINATES, positions or (), strict=False):
            _create(
                file, name, values, np.nan, standard_name=standard_name, long_name=standard_name, units=units
            )
        common = {"coordinates": " ".join(name for name, _, _ in COORDINATES)} if positions else {}
        _create(
            file,
            "cloud_probability_in",
            seen,
            np.float32(np.nan),
            long_name="probability of cloud in the pixel",
            units="1",
            valid_range=np.array([0, 1], np.float32),
            ancillary_variables="cloud_mask_in",
            **common,
        )
        _create(
            file,
            "cloud_mask_in",
            mask,
            np.int8(NO_MASK),
            standard_name="cloud_binary_mask",
            long_name="cloud mask: where the probability of cloud is above one half",
            units="1",
            flag_values=np.array([0, 1], np.int8),
            flag_meanings="clear cloud",
            comment=POLARITY,
            **common,
        )
        for name, value in {"Conventions": CONVENTIONS, **attributes}.items():
            file.attrs[name] = value


def _create(file: h5netcdf.File, name: str, values: NDArray, fill: Any, **attributes: Any) -> None:
    variable = file.create_variable(
        name, DIMENSIONS, values.dtype, data=values, fillvalue=fill, compression="gzip", shuffle=True
    )
    for key, value in attributes.items():
        variable.attrs[key] = value
