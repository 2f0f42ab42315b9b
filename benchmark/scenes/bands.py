"""The SLSTR bands of a scene, in the order of its channels."""

from __future__ import annotations

from typing import NamedTuple


class Band(NamedTuple):
    """Centre wavelength and width of a band in nanometres."""

    centre: float
    width: float


#: ESA, Sentinel-3 SLSTR user guide, 'Radiometric resolution'.
BANDS = {
    "S1": Band(554.27, 19.26),
    "S2": Band(659.47, 19.25),
    "S3": Band(868.00, 20.60),
    "S4": Band(1374.80, 20.80),
    "S5": Band(1613.40, 60.68),
    "S6": Band(2255.70, 50.15),
    "S7": Band(3742.00, 398.00),
    "S8": Band(10854.00, 776.00),
    "S9": Band(12022.50, 905.00),
}
REFLECTIVE, THERMAL = tuple(BANDS)[:6], tuple(BANDS)[6:]
