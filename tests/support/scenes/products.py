"""Write small products in the format of Sentinel-3, modelled on real ones, without using our reader."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

NAME = "S3A_SL_1_RBT____20210827T074336_20210827T074636_20210827T094954_0179_075_320_3060_LN2_O_NR_004"
#: Rows and columns of the 1 km grid, and columns of tie points.
ROWS, COLUMNS, TIES = 48, 60, 12
#: Column of the satellite's track on the 1 km grid and in the tie points, and first row of the orbit.
TRACK, TIE_TRACK, START = 40, 6, 20437
FILL = -32768
#: Orphans in a row of a 500 m grid; every third place is empty.
ORPHANS = 6
#: Irradiances of a stripe's detectors, which differ by more than the tests tolerate.
IRRADIANCE = (1800.0, 1750.0, 1700.0, 1650.0)
#: Flags of confidence_in.
UNFILLED, COSMETIC, DAY, TWILIGHT, SUMMARY = 32, 256, 1024, 2048, 16384

#: Edits an open file before it is closed; ``edits`` are keyed by file name.
Edit = Callable[[h5py.File], None]


def write_product(
    place: Path,
    *,
    period: str = "day",
    radiances: bool = True,
    name: str = NAME,
    seed: int = 0,
    edits: dict[str, Edit] | None = None,
) -> Path:
    """Write a product below ``place`` and return its folder. ``period``: day, twilight or night."""
    folder = place / f"{name}.SEN3"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    files = _Files(folder, f"{name}.SEN3", edits or {})
    seen = np.zeros((ROWS, COLUMNS), bool)
    seen[:, 3:-2] = True
    cloud = np.zeros((ROWS, COLUMNS), bool)
    cloud[10:30, 15:40] = True
    _write_thermal(files, rng, seen, cloud)
    _write_flags(files, rng, seen, cloud, period)
    _write_geometry(files, period)
    for stripe, bands in (("a", range(1, 7)), ("b", range(4, 7))):
        fine_seen = seen.repeat(2, 0).repeat(2, 1)
        for band in bands:
            if radiances:
                _write_radiance(files, rng, band, stripe, fine_seen, cloud, period)
            irradiance = np.array(IRRADIANCE) / band + (7 if stripe == "b" else 0)
            with files.open(f"S{band}_quality_{stripe}n.nc", 500) as file:
                _add(file, f"S{band}_solar_irradiance_{stripe}n", irradiance, _FillValue=np.nan)
        _write_fine_grid(files, rng, stripe, fine_seen)
    _write_positions(files, rng)
    _write_manifest(folder)
    return folder


def zipped(folder: Path, archive: Path, top: str | None = None) -> Path:
    """Zip a product as downloads are."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"{top or folder.name}/{path.name}")
    return archive


def unpack(file: Path, name: str) -> np.ndarray:
    """Decode a variable by hand: float64, NaN for fill values."""
    with h5py.File(file, "r") as opened:
        raw, attributes = opened[name][...], dict(opened[name].attrs)
    values = raw.astype(float)
    if "_FillValue" in attributes:
        values[raw == attributes["_FillValue"][0]] = np.nan
    return values * attributes.get("scale_factor", [1.0])[0] + attributes.get("add_offset", [0.0])[0]


class _Files:
    """Opens the files of a product with their global attributes, and applies the edits of a test."""

    def __init__(self, folder: Path, product: str, edits: dict[str, Edit]) -> None:
        self._folder, self._product, self._edits = folder, product, edits

    def open(self, name: str, metres: int, across: int | None = None) -> _Opened:
        return _Opened(self._folder / name, self._product, metres, across or metres, self._edits.get(name))


class _Opened:
    def __init__(self, path: Path, product: str, along: int, across: int, edit: Edit | None) -> None:
        self._edit = edit
        self._file = h5py.File(path, "w")
        start = {500: 2 * START - 1, 1000: START}[along]
        track = {500: 2 * TRACK, 1000: TRACK, 16000: TIE_TRACK}[across]
        self._file.attrs["product_name"] = np.bytes_(product)
        self._file.attrs["resolution"] = np.bytes_(f"[ {across} {along} ]")
        self._file.attrs["track_offset"] = np.array([track], np.int16)
        self._file.attrs["start_offset"] = np.array([start], np.int32)

    def __enter__(self) -> h5py.File:
        return self._file

    def __exit__(self, *error: object) -> None:
        if self._edit is not None:
            self._edit(self._file)
        self._file.close()


def _add(file: h5py.File, name: str, values: np.ndarray, **attributes: Any) -> None:
    chunks = values.shape if values.ndim == 2 else None
    dataset = file.create_dataset(name, data=values, chunks=chunks, compression=2 if chunks else None)
    for key, value in attributes.items():
        number = values.dtype if key == "_FillValue" else np.float64
        dataset.attrs[key] = np.bytes_(value) if isinstance(value, str) else np.array([value], number)


def _packed(values: np.ndarray, scale: float, offset: float) -> np.ndarray:
    packed = np.round((values - offset) / scale)
    return np.where(np.isfinite(packed), packed, FILL).astype(np.int16)


def _write_thermal(files: _Files, rng: np.random.Generator, seen: np.ndarray, cloud: np.ndarray) -> None:
    for band in (7, 8, 9):
        kelvin = np.where(cloud, 235.0, 290.0) + band + rng.normal(0, 0.5, seen.shape)
        kelvin[~seen] = np.nan
        with files.open(f"S{band}_BT_in.nc", 1000) as file:
            values = _packed(kelvin, 0.01, 283.73)
            _add(file, f"S{band}_BT_in", values, _FillValue=FILL, scale_factor=0.01, add_offset=283.73)
            _add(file, f"S{band}_exception_in", np.where(seen, 0, 128).astype(np.uint8))
            _add(file, f"S{band}_BT_orphan_in", np.full((ROWS, 8), FILL, np.int16), _FillValue=FILL)


def _write_flags(
    files: _Files, rng: np.random.Generator, seen: np.ndarray, cloud: np.ndarray, period: str
) -> None:
    confidence = np.where(seen, 0, UNFILLED) | np.where(cloud, SUMMARY, 0)
    confidence |= {"day": DAY, "twilight": 0, "night": 0}[period]
    if period == "twilight":
        confidence[: ROWS // 2] |= DAY
        confidence[ROWS // 2 :] |= TWILIGHT
    confidence |= np.where(rng.random(seen.shape) < 0.2, COSMETIC, 0)
    bayes = np.where(cloud & seen, 2, 0) | np.where(rng.random(seen.shape) < 0.01, 1, 0)
    with files.open("flags_in.nc", 1000) as file:
        _add(file, "bayes_in", bayes.astype(np.uint8))
        _add(file, "confidence_in", confidence.astype(np.uint16))
        _add(file, "cloud_in", np.where(cloud, 128, 0).astype(np.uint16))


def _write_geometry(files: _Files, period: str) -> None:
    rows, columns = np.mgrid[:ROWS, :TIES]
    degrees = {"day": 30.0, "twilight": 84.0, "night": 110.0}[period] + 0.25 * rows + 0.7 * columns
    degrees[:, -2:] = np.nan
    with files.open("geometry_tn.nc", 1000, 16000) as file:
        _add(file, "solar_zenith_tn", degrees, _FillValue=np.nan)


def _write_radiance(
    files: _Files,
    rng: np.random.Generator,
    band: int,
    stripe: str,
    seen: np.ndarray,
    cloud: np.ndarray,
    period: str,
) -> None:
    bright = np.where(cloud, 220.0, 40.0).repeat(2, 0).repeat(2, 1) / band
    radiance = bright * (1 + rng.uniform(-0.1, 0.1, seen.shape))
    radiance[~seen | (period == "night")] = np.nan
    with files.open(f"S{band}_radiance_{stripe}n.nc", 500) as file:
        values = _packed(radiance, 0.01, 0.0)
        name = f"S{band}_radiance_{stripe}n"
        _add(file, name, values, _FillValue=FILL, scale_factor=0.01, add_offset=0.0)
        _add(file, f"S{band}_exception_{stripe}n", np.where(seen, 0, 128).astype(np.uint8))
        orphans = np.where(
            np.arange(ORPHANS) % 3 == 2, np.nan, rng.uniform(30, 250, (len(seen), ORPHANS)) / band
        )
        if period == "night":
            orphans[:] = np.nan
        name, values = f"S{band}_radiance_orphan_{stripe}n", _packed(orphans, 0.01, 0.0)
        _add(file, name, values, _FillValue=FILL, scale_factor=0.01, add_offset=0.0)


def _write_fine_grid(files: _Files, rng: np.random.Generator, stripe: str, seen: np.ndarray) -> None:
    shape = seen.shape
    confidence = np.where(seen, 0, UNFILLED) | np.where(rng.random(shape) < 0.25, COSMETIC, 0)
    detector = np.where(seen, rng.integers(0, 4, shape), 255)
    rows, columns = np.indices(shape)
    with files.open(f"flags_{stripe}n.nc", 500) as file:
        _add(file, f"confidence_{stripe}n", confidence.astype(np.uint16))
    with files.open(f"indices_{stripe}n.nc", 500) as file:
        _add(file, f"detector_{stripe}n", detector.astype(np.uint8), _FillValue=255)
        orphan_detector = rng.integers(0, 4, (shape[0], ORPHANS)).astype(np.uint8)
        _add(file, f"detector_orphan_{stripe}n", orphan_detector, _FillValue=255)
    with files.open(f"cartesian_{stripe}n.nc", 500) as file:
        x = (2 * TRACK - columns) * 500.0 + rng.uniform(-240, 240, shape)
        y = (2 * START - 1 + rows) * 500.0 + rng.uniform(-240, 240, shape)
        _add(file, f"x_{stripe}n", x, _FillValue=np.nan)
        _add(file, f"y_{stripe}n", y, _FillValue=np.nan)
        place = rng.uniform(8, shape[1] - 8, (shape[0], ORPHANS))
        x = np.where(np.arange(ORPHANS) % 3 == 2, np.nan, (2 * TRACK - place) * 500.0)
        y = (2 * START - 1 + rows[:, :ORPHANS]) * 500.0 + rng.uniform(-240, 240, x.shape)
        _add(file, f"x_orphan_{stripe}n", x, _FillValue=np.nan)
        _add(file, f"y_orphan_{stripe}n", y, _FillValue=np.nan)


def _write_positions(files: _Files, rng: np.random.Generator) -> None:
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    with files.open("cartesian_in.nc", 1000) as file:
        _add(file, "x_in", (TRACK - columns) * 1000.0 + rng.uniform(-200, 200, rows.shape), _FillValue=np.nan)
        _add(file, "y_in", (START + rows) * 1000.0 + rng.uniform(-200, 200, rows.shape), _FillValue=np.nan)
    with files.open("geodetic_in.nc", 1000) as file:
        for axis, degrees in (("latitude", -5 - 0.009 * rows), ("longitude", 30 + 0.009 * columns)):
            values = np.round(degrees / 1e-6).astype(np.int32)
            _add(file, f"{axis}_in", values, _FillValue=-(2**31), scale_factor=1e-6)


def _write_manifest(folder: Path) -> None:
    entries = [
        f'<dataObject ID="{path.stem}"><byteStream mimeType="application/x-netcdf" '
        f'size="{path.stat().st_size}">\n<fileLocation locatorType="URL" href="./{path.name}"/>'
        "</byteStream></dataObject>"
        for path in sorted(folder.iterdir())
    ]
    text = '<?xml version="1.0"?>\n<xfdu:XFDU>\n' + "\n".join(entries) + "\n</xfdu:XFDU>\n"
    (folder / "xfdumanifest.xml").write_text(text)
