"""Compare sea surface temperature where a mask is clear with buoys: a score that needs no other mask.

    python -m benchmark.sst matchups.csv --masks logs/reference-seed-1/masks

The match-ups come from the makers of the dataset, who made the inference scenes from them. The selection and
the two numbers follow their own comparison: the median of satellite minus buoy, and its robust standard
deviation. Undetected cloud is cold: it lowers the median and widens the deviation. docs/products.md describes
the file format.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError
from benchmark.core.escaping import quoted, tell
from benchmark.core.files import open_regular, reason_of
from benchmark.core.hdf5 import open_hdf5

#: 0 degrees Celsius in kelvin; unfrozen water is warmer (the policy's MIN_SST).
MIN_SST = 273.15
#: Largest distance in degrees between a match-up's pixel and the buoy.
MOST_NORTH, MOST_EAST = 0.005, 0.01
#: Largest zenith angle of the satellite in degrees, in either view.
MOST_OBLIQUE = 55.0
#: The best quality level, and the dual-view retrieval at 11 and 12 um (D2), whose result is sat_sst_2.
BEST_QUALITY, DUAL_VIEW = 5, 4
#: The Bayesian mask counts as clear below this cloud probability in both views.
BAYES_CLEAR = 0.9
#: Factor from a median absolute deviation to the standard deviation of a normal distribution.
ROBUST = 1.4826

#: Numeric columns to read, by their names in lower case.
NUMBERS = (
    *("x_cems", "y_cems", "slat", "slon", "latitude_an", "longitude_an", "isst", "satzan", "satzao"),
    *("quality_level", "sst_algorithm_type", "sat_sst_2", "pcloudn", "pcloudo", "bayes_in"),
)
PRODUCT = "cems_path"
#: File ending and dataset name of a mask: first a run's own masks, then those of products.
MASKS = ((".h5", "mask"), ("_cloudmask_in.nc", "cloud_mask_in"))


class SstError(CloudMaskError):
    """Match-ups or masks that cannot be compared."""


class Deviation(NamedTuple):
    """Satellite minus buoy in kelvin: number of match-ups, median and robust standard deviation."""

    matchups: int
    median: float
    robust_deviation: float


def deviation(differences: NDArray[np.float64]) -> Deviation:
    """Return the median and 1.4826 times the median absolute deviation from it; NaN if empty."""
    if not differences.size:
        return Deviation(0, math.nan, math.nan)
    middle = float(np.median(differences))
    return Deviation(differences.size, middle, ROBUST * float(np.median(np.abs(differences - middle))))


def compare(matchups: Path, masks: Path) -> tuple[dict[str, Deviation], float]:
    """Return the deviations over all match-ups and over those each mask calls clear, and their agreement.

    Uses only match-ups whose product has a mask below ``masks``. Raises SstError.
    """
    products, columns = _read(matchups)
    chosen = _chosen(columns)
    difference = columns["sat_sst_2"] - (columns["isst"] + MIN_SST)
    cloud = np.full(len(products), np.nan)
    for name in sorted({product for product, wanted in zip(products, chosen, strict=True) if wanted}):
        at = np.flatnonzero(chosen & (np.array(products) == name))
        if (mask := _mask(masks, name)) is not None:
            cloud[at] = _at(mask, columns["y_cems"][at], columns["x_cems"][at], f"{matchups}: {name}")
    compared = np.isfinite(cloud)
    if not compared.any():
        raise SstError(
            masks,
            found=f"no mask of a product of the {int(chosen.sum())} usable match-ups",
            expected=f"files PRODUCT{MASKS[0][0]} of a run, or PRODUCT{MASKS[1][0]}",
            remedy="pass the folder of the masks with --masks",
        )
    bayes = (columns["pcloudn"] < BAYES_CLEAR) & (columns["pcloudo"] < BAYES_CLEAR)
    clear = {"all": compared, "bayes": compared & bayes, "mask": compared & (cloud == 0)}
    agreement = float(((cloud > 0) == (columns["bayes_in"] > 0.5))[compared].mean())
    return {name: deviation(difference[where]) for name, where in clear.items()}, agreement


def _chosen(columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Select the match-ups that the makers compare; comparisons with NaN are false."""
    return (
        (np.abs(columns["slat"] - columns["latitude_an"]) < MOST_NORTH)
        & (np.abs(columns["slon"] - columns["longitude_an"]) < MOST_EAST)
        & (columns["isst"] + MIN_SST > MIN_SST)
        & (columns["satzan"] <= MOST_OBLIQUE)
        & (columns["satzao"] <= MOST_OBLIQUE)
        & (columns["quality_level"] == BEST_QUALITY)
        & (columns["sst_algorithm_type"] == DUAL_VIEW)
        & (columns["sat_sst_2"] > MIN_SST)
    )


def _read(path: Path) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    """Return the product names and the numeric columns of a CSV file. Raises SstError."""
    expected = f"CSV with the columns {PRODUCT}, {', '.join(NUMBERS)}"
    remedy = "write it from the makers' file as docs/products.md says"
    products: list[str] = []
    numbers: list[list[float]] = []
    try:
        for line, row in _rows(path):
            missing = [name for name in (PRODUCT, *NUMBERS) if row.get(name) is None]
            if missing:
                raise SstError(
                    f"{path}:{line}", found=f"no {', '.join(missing)}", expected=expected, remedy=remedy
                )
            products.append(PurePosixPath(row[PRODUCT].replace("\\", "/")).name.removesuffix(".SEN3"))
            # pandas writes NaN as an empty cell
            numbers.append([float(row[name] or "nan") for name in NUMBERS])
    except OSError as error:
        raise SstError(path, found=reason_of(error), expected=expected, remedy="correct the path") from None
    except (csv.Error, ValueError) as error:  # includes UnicodeDecodeError
        raise SstError(path, found=quoted(str(error)), expected=expected, remedy=remedy) from None
    if not products:
        raise SstError(path, found="no match-up", expected=expected, remedy=remedy)
    return products, dict(zip(NUMBERS, np.array(numbers, np.float64).T, strict=True))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of each CSV row, keyed by column name in lower case."""
    with open_regular(path) as stream:
        reader = csv.DictReader(line.decode("utf-8") for line in stream)
        for row in reader:
            yield reader.line_num, {str(name).strip().lower(): value for name, value in row.items()}


def _mask(folder: Path, name: str) -> NDArray | None:
    """Return a product's mask, [R, C], or None if it has none. Raises SstError."""
    for ending, variable in MASKS:
        path = folder / f"{name}{ending}"
        if not path.is_file():
            continue
        try:
            with open_hdf5(path) as file:
                dataset = file.get(variable)
                if isinstance(dataset, h5py.Dataset) and dataset.ndim == 2 and dataset.dtype.kind in "iu":
                    mask: NDArray = dataset[...]
                    return mask
                found = f"no {variable} of two dimensions"
        except OSError as error:
            found = f"a file that HDF5 cannot read ({error})"
        raise SstError(path, found=found, expected="a mask", remedy="make the mask again")
    return None


def _at(mask: NDArray, rows: NDArray, columns: NDArray, where: str) -> NDArray[np.float64]:
    """Return the mask at rows and columns, NaN where the instrument saw nothing. Raises SstError."""
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    if not inside.all():
        odd = int(np.flatnonzero(~inside)[0])
        raise SstError(
            where,
            found=f"row {rows[odd]:g}, column {columns[odd]:g}",
            expected=f"a pixel of the mask's {mask.shape[0]} x {mask.shape[1]}",
            remedy="use masks of complete scenes, and the makers' y_cems and x_cems",
        )
    values = mask[rows.astype(int), columns.astype(int)].astype(np.float64)
    return np.where(values < 0, np.nan, values)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.sst",
        description="Compare sea surface temperature with buoys where a mask is clear.",
        epilog="Exit status: 0 done, 1 failed (the message says why), 2 wrong usage.",
    )
    parser.add_argument("matchups", type=Path, metavar="CSV", help="match-ups (docs/products.md)")
    parser.add_argument("--masks", type=Path, required=True, metavar="DIR", help="folder of the masks")
    options = parser.parse_args(arguments)
    try:
        deviations, agreement = compare(options.matchups, options.masks)
    except CloudMaskError as error:
        tell(f"error: {error}", error=True)
        return 1
    display = Display()
    display.say("SST minus buoy, kelvin    match-ups   median   robust deviation")
    for name, found in deviations.items():
        title = {"all": "all", "bayes": "clear by Bayes", "mask": "clear by the mask"}[name]
        display.say(f"{title:<24} {found.matchups:>10} {found.median:>+8.3f} {found.robust_deviation:>18.3f}")
    display.say(f"mask and bayes_in agree in {agreement:.3f} of the match-ups")
    return 0


if __name__ == "__main__":
    sys.exit(main())
