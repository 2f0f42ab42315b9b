"""Products made into scenes, by the command: what the files hold, and what is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmark.products import product as opening
from benchmark.products.__main__ import main
from benchmark.products.bands import read_thermal
from benchmark.products.product import open_product
from benchmark.scenes.scene import discover, read_scene
from tests.support.project import TINY, program, read_events, value_of
from tests.support.scenes.products import COLUMNS, FILL, NAME, ROWS, Edit, unpack, write_product, zipped

SHAPE = (ROWS, COLUMNS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_product(tmp_path_factory.mktemp("product"))


def converted(source: Path, output: Path, *options: str) -> Path:
    """The scene that the command makes of a product."""
    assert main([str(source), "--output", str(output), *options]) == 0
    (path,) = discover(output)
    return path


def contents(scene: Path) -> dict[str, np.ndarray]:
    with h5py.File(scene, "r") as file:
        return {name: dataset[...] for name, dataset in file.items()}


def test_a_scene_has_the_names_shapes_and_types_of_the_makers(folder: Path, tmp_path: Path):
    scene = converted(folder, tmp_path)
    assert scene == tmp_path / "day" / f"{NAME}.hdf"
    assert {name: (values.dtype.name, values.shape) for name, values in contents(scene).items()} == {
        "bts": ("float32", (*SHAPE, 3)),
        "rads": ("float32", (*SHAPE, 6)),
        "refs": ("float64", (*SHAPE, 6)),
        "bayes": ("float64", (*SHAPE, 1)),
        "summary": ("float64", (*SHAPE, 1)),
        "bayes_bits": ("uint8", (*SHAPE, 1)),
    }
    with h5py.File(scene, "r") as file:
        assert dict(file.attrs) == {"product": NAME, "gridding": "dataset", "thermal_only": False}


def test_temperatures_are_those_of_the_product_and_0_where_there_are_none(folder: Path, tmp_path: Path):
    bts = contents(converted(folder, tmp_path))["bts"]
    with open_product(folder) as product:
        exact = read_thermal(product)
    for channel in range(3):
        expected = unpack(folder / f"S{channel + 7}_BT_in.nc", f"S{channel + 7}_BT_in")
        np.testing.assert_allclose(exact[..., channel], expected, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(bts[..., channel], np.nan_to_num(expected).astype(np.float32))
    assert (bts[:, :3] == 0).all()
    assert (bts[:, 3:-2] > 200).all()


def test_the_label_is_cloud_and_the_bits_are_kept(folder: Path, tmp_path: Path):
    scene = contents(converted(folder, tmp_path))
    bits = unpack(folder / "flags_in.nc", "bayes_in")[..., np.newaxis]
    np.testing.assert_array_equal(scene["bayes_bits"], bits)
    np.testing.assert_array_equal(scene["bayes"], np.where(bits > 0, 255, 0))
    assert scene["summary"][12, 20, 0] == 255
    read = read_scene(tmp_path / "day" / f"{NAME}.hdf", SHAPE, "slstr")
    assert (read.period, read.filled) == ("day", 0)
    kelvin = scene["bts"][..., 1]
    assert (
        kelvin[read.inside & (read.label == 1)].mean() < kelvin[read.inside & (read.label == 0)].mean() - 30
    )


def test_no_result_of_the_bayesian_detection_is_no_cloud(tmp_path: Path):
    def edit(file: h5py.File) -> None:
        file["bayes_in"][0, 5:7] = (128, 130)

    scene = contents(converted(write_product(tmp_path, edits={"flags_in.nc": edit}), tmp_path / "scenes"))
    assert scene["bayes"][0, 5:7, 0].tolist() == [0, 255]


def test_a_zip_gives_the_same_scene_as_its_folder(folder: Path, tmp_path: Path):
    unpacked = converted(folder, tmp_path / "unpacked")
    packed = converted(zipped(folder, tmp_path / "download.zip"), tmp_path / "packed")
    assert packed.name == unpacked.name
    assert packed.read_bytes() == unpacked.read_bytes()


@pytest.mark.parametrize(("period", "place"), [("night", "night"), ("twilight", "night"), ("day", "day")])
def test_only_scenes_that_are_day_throughout_lie_in_day(tmp_path: Path, period: str, place: str):
    scene = converted(write_product(tmp_path, period=period), tmp_path / "scenes")
    assert scene.parent.name == place
    refs = contents(scene)["refs"]
    assert (refs > 0).any() == (period != "night")


def test_a_night_without_radiances_has_reflectances_of_0(tmp_path: Path):
    scene = converted(write_product(tmp_path, period="night", radiances=False), tmp_path / "scenes")
    assert not contents(scene)["refs"].any()
    assert read_scene(scene, SHAPE).period == "night"


def test_a_day_without_radiances_is_refused_unless_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = write_product(tmp_path, radiances=False)
    assert main([str(folder), "--output", str(tmp_path / "scenes")]) == 1
    said = capsys.readouterr().err
    assert "by day without S1_radiance_an.nc" in said
    assert "--thermal-only" in said
    scene = converted(folder, tmp_path / "scenes", "--thermal-only")
    assert scene.parent.name == "night"
    assert not contents(scene)["refs"].any()


def test_a_scene_that_is_there_is_kept_but_not_taken_for_another(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    scene = converted(folder, tmp_path)
    before = scene.stat().st_mtime_ns
    assert main([str(folder), "--output", str(tmp_path)]) == 0
    assert "already there" in capsys.readouterr().out
    assert scene.stat().st_mtime_ns == before
    assert main([str(folder), "--output", str(tmp_path), "--gridding", "geometric"]) == 1
    assert "a scene of gridding dataset" in capsys.readouterr().err


def test_one_bad_product_does_not_stop_the_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "notes.txt").write_text("not a product")
    assert main([str(tmp_path / "notes.txt"), str(folder), "--output", str(tmp_path / "scenes")]) == 1
    assert "notes.txt\n  found:    a file that is not a complete zip" in capsys.readouterr().err
    assert len(discover(tmp_path / "scenes")) == 1


def test_a_run_trains_on_products_and_is_scored_on_them(tmp_path: Path):
    for split, numbers in (("training", range(5)), ("inference", range(5, 7))):
        for number in numbers:
            name = NAME.replace("_0179_", f"_{number:04}_").replace("S3A", "S3B" if number == 1 else "S3A")
            folder = write_product(tmp_path / "products", name=name, seed=number)
            assert main([str(folder), "--output", str(tmp_path / "data" / split)]) == 0
    options = ("--set", f"geometry.rows={ROWS}", "--set", f"geometry.columns={COLUMNS}")
    options += ("--set", "training.epochs=1", "--method", "thresholds", "--data", "data")
    done = program("benchmark.run", "--config", TINY, "--seed", 1, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = value_of(read_events(tmp_path / "logs/tiny-thresholds-seed-1/result.txt"), "result")
    assert result["data"]["kind"] == "slstr"
    assert result["data"]["inference_scenes"] == 2
    assert result["value"] > 0.9


# ---- damaged products


def drop(name: str) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[name]

    return edit


def replace(name: str, values: np.ndarray) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[name]
        file[name] = values

    return edit


def outside(file: h5py.File) -> None:
    del file["S8_BT_in"]
    file["S8_BT_in"] = h5py.ExternalLink("S9_BT_in.nc", "S9_BT_in")


def foreign(file: h5py.File) -> None:
    file.attrs["product_name"] = np.bytes_(NAME.replace("074336", "080000") + ".SEN3")


def no_grid(file: h5py.File) -> None:
    del file.attrs["track_offset"]


EDITED: list[tuple[str, str, Edit, str]] = [
    ("without its variable", "S8_BT_in.nc", drop("S8_BT_in"), "S8_BT_in.nc: S8_BT_in\n  found:    missing"),
    (
        "of another size",
        "S9_BT_in.nc",
        replace("S9_BT_in", np.zeros((ROWS, COLUMNS - 1), np.int16)),
        f"int16 of shape [{ROWS}, {COLUMNS - 1}]\n  expected: numbers of shape {ROWS} x {COLUMNS}",
    ),
    (
        "of text",
        "flags_in.nc",
        replace("bayes_in", np.full((ROWS, COLUMNS), b"x")),
        "flags_in.nc: bayes_in\n  found:    |S1",
    ),
    ("in another file", "S8_BT_in.nc", outside, "nothing that is stored in this file"),
    ("of another product", "flags_in.nc", foreign, "found:    a file of 'S3A_SL_1_RBT____20210827T080000"),
    ("without a grid", "S1_radiance_an.nc", no_grid, "track_offset and start_offset"),
]


@pytest.mark.parametrize(
    ("file", "edit", "said"), [row[1:] for row in EDITED], ids=[row[0] for row in EDITED]
)
def test_a_file_that_is_not_as_it_should_be_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, edit: Edit, said: str
):
    assert_refused(write_product(tmp_path, edits={file: edit}), said, tmp_path, capsys)


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def truncate(name: str, *, manifest: bool) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:-700])
        if not manifest:
            (folder / "xfdumanifest.xml").unlink()

    return damage


def no_netcdf(folder: Path) -> None:
    (folder / "xfdumanifest.xml").unlink()
    (folder / "geometry_tn.nc").write_text("geometry")


def damaged_inside(folder: Path) -> None:
    """Overwrite the middle of the compressed numbers."""
    path = folder / "S7_BT_in.nc"
    with h5py.File(path, "r") as file:
        chunk = file["S7_BT_in"].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[chunk.byte_offset + 20 : chunk.byte_offset + 400] = bytes(380)
    path.write_bytes(bytes(raw))


DAMAGED: list[tuple[str, Callable[[Path], object], str]] = [
    ("thermal band missing", remove("S8_BT_in.nc"), "S8_BT_in.nc\n  found:    missing; the product holds"),
    ("flags missing", remove("flags_in.nc"), "flags_in.nc\n  found:    missing"),
    ("one radiance missing", remove("S4_radiance_an.nc"), "a scene by day without S4_radiance_an.nc\n"),
    ("irradiance missing", remove("S3_quality_an.nc"), "S3_quality_an.nc\n  found:    missing"),
    ("angles missing", remove("geometry_tn.nc"), "geometry_tn.nc\n  found:    missing"),
    ("cut short", truncate("S9_BT_in.nc", manifest=True), "bytes, as xfdumanifest.xml states"),
    ("cut short, no manifest", truncate("S9_BT_in.nc", manifest=False), "bytes that cannot be read"),
    ("no NetCDF", no_netcdf, "geometry_tn.nc\n  found:    8 bytes that cannot be read"),
    ("damaged inside", damaged_inside, "S7_BT_in.nc: S7_BT_in\n  found:    unreadable data"),
]


@pytest.mark.parametrize(("damage", "said"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED])
def test_a_damaged_product_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object], said: str
):
    folder = write_product(tmp_path)
    damage(folder)
    assert_refused(folder, said, tmp_path, capsys)


def assert_refused(source: Path, said: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command fails, says so with all three parts, and leaves nothing."""
    assert main([str(source), "--output", str(place / "scenes")]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert all(f"  {part}:" in error for part in ("found", "expected", "remedy"))
    assert not list((place / "scenes").rglob("*.hdf"))


def test_zips_with_odd_names_or_damage_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def archive(*names: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.glob('*.zip')))}.zip"
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, b"x")
        return path

    for names, said in (
        (("../S3A.SEN3/a.nc",), "a file called '../S3A.SEN3/a.nc'"),
        (("/etc/a.nc",), "a file called '/etc/a.nc'"),
        ((f"{NAME}.SEN3/a.nc", "b.nc"), "2 entries at the top"),
        ((), "0 entries at the top"),
        (("OTHER.SEN3/a.nc",), "a product called 'OTHER.SEN3'"),
    ):
        assert_refused(archive(*names), said, tmp_path, capsys)
    whole = zipped(folder, tmp_path / "whole.zip")
    raw = bytearray(whole.read_bytes())
    start = raw.index(b"S7_BT_in.nc") + 200
    raw[start : start + 300] = bytes(300)
    whole.write_bytes(bytes(raw))
    assert_refused(whole, "S7_BT_in.nc\n  found:", tmp_path, capsys)
    whole.write_bytes(bytes(raw[:5000]))
    assert_refused(whole, "a file that is not a complete zip", tmp_path, capsys)


def test_a_file_larger_than_any_of_a_product_is_not_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(opening, "LARGEST_FILE", 100)
    assert_refused(zipped(folder, tmp_path / "p.zip"), "expected: at most 100 bytes", tmp_path, capsys)


def test_a_name_that_is_no_products_makes_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = write_product(tmp_path).rename(tmp_path / "renamed")
    assert_refused(folder, "a product called 'renamed'", tmp_path, capsys)


def test_temperatures_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def unmeasured(file: h5py.File) -> None:
        next(file[name] for name in file if "_BT_in" in name)[...] = FILL

    nothing = {f"S{band}_BT_in.nc": unmeasured for band in (7, 8, 9)}
    assert_refused(write_product(tmp_path, edits=nothing), "no temperature in any pixel", tmp_path, capsys)
    # packed numbers whose scale and fill are lost
    unscaled = {"S8_BT_in.nc": replace("S8_BT_in", np.full(SHAPE, FILL, np.int16))}
    folder = write_product(tmp_path / "other", edits=unscaled)
    assert_refused(folder, "S8_BT_in\n  found:    temperatures of -32768 to -32768", tmp_path, capsys)
