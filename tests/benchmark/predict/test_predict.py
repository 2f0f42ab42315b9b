"""Masks of products and scenes by a finished run: the same as the run's, in files that others read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from benchmark.predict.__main__ import main
from benchmark.products.__main__ import main as make_scenes
from benchmark.record.masks import mask_digest
from tests.conftest import FinishedRun
from tests.support.project import TINY, program, value_of
from tests.support.scenes.products import COLUMNS, NAME, ROWS, unpack, write_product, zipped

SHAPE = (ROWS, COLUMNS)
MASK = f"{NAME}_cloudmask_in.nc"
#: Cloud is what is colder than the mean of the training scenes.
METHOD = """
import numpy as np

from benchmark.methods.interface import About, Fitted

ABOUT = About(title="A threshold", citations=(), adapted="Made for a test.")


def fit(images, seed):
    return {"threshold": np.array(np.mean([image.inputs[..., 7].mean() for image in images]))}


def predict(inputs, tables):
    return (inputs[..., 7] < tables["threshold"]).astype(np.float32)


def method():
    return Fitted(fit, predict)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_product(tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="module")
def mask_file(folder: Path, tiny_run: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("masks")
    assert predict(tiny_run, folder, "--output", output) == 0
    return output / MASK


def predict(run: FinishedRun, *arguments: object) -> int:
    return main([*map(str, arguments), "--run", str(run.folder.root)])


def texts(attributes: h5py.AttributeManager) -> dict[str, object]:
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in attributes.items()}


def test_a_mask_lies_on_the_products_grid_with_its_coordinates(folder: Path, mask_file: Path):
    with h5py.File(mask_file, "r") as file:
        probability, mask = file["cloud_probability_in"][...], file["cloud_mask_in"][...]
        latitude, longitude = file["latitude_in"][...], file["longitude_in"][...]
    assert probability.dtype == np.float32
    assert mask.dtype == np.int8
    inside = np.zeros(SHAPE, bool)
    inside[:, 3:-2] = True
    np.testing.assert_array_equal(np.isfinite(probability), inside)
    np.testing.assert_array_equal(mask, np.where(inside, probability > 0.5, -1))
    np.testing.assert_allclose(latitude, unpack(folder / "geodetic_in.nc", "latitude_in"), atol=1e-9)
    np.testing.assert_allclose(longitude, unpack(folder / "geodetic_in.nc", "longitude_in"), atol=1e-9)


def test_a_mask_follows_the_cf_conventions(mask_file: Path):
    """What the CF checker looks at in such a file (docs/products.md says how it was run)."""
    with h5py.File(mask_file, "r") as file:
        assert texts(file.attrs)["Conventions"] == "CF-1.8"
        for name in ("title", "source", "references", "history"):
            assert texts(file.attrs)[name]
        for name, size in zip(("rows", "columns"), SHAPE, strict=True):
            assert file[name].attrs["CLASS"] == b"DIMENSION_SCALE"
            assert file[name].shape == (size,)
        for name in ("latitude_in", "longitude_in", "cloud_probability_in", "cloud_mask_in"):
            variable = file[name]
            assert [dimension[0].name for dimension in variable.dims] == ["/rows", "/columns"]
            said = texts(variable.attrs)
            assert said["long_name"]
            assert np.asarray(said["_FillValue"]).dtype == variable.dtype
        units = {name: texts(file[name].attrs)["units"] for name in ("latitude_in", "longitude_in")}
        assert units == {"latitude_in": "degrees_north", "longitude_in": "degrees_east"}
        for name in ("cloud_probability_in", "cloud_mask_in"):
            assert texts(file[name].attrs)["coordinates"] == "latitude_in longitude_in"
        mask = texts(file["cloud_mask_in"].attrs)
        assert mask["flag_values"].tolist() == [0, 1]
        assert mask["flag_values"].dtype == np.int8
        assert mask["flag_meanings"] == "clear cloud"
        assert mask["standard_name"] == "cloud_binary_mask"


def test_a_mask_says_of_what_and_by_what_it_was_made(mask_file: Path, tiny_run: FinishedRun):
    with h5py.File(mask_file, "r") as file:
        said = texts(file.attrs)
    logged = value_of(tiny_run.events, "result")
    assert said["product"] == NAME
    assert said["run"] == "tiny-seed-1"
    assert said["seed"] == 1
    assert said["commit"] == value_of(tiny_run.events, "submission_github_commit_version")
    assert said["weights_sha256"] == logged["weights_sha256"]
    assert (said["method"], said["precision"]) == ("unet", "float32")
    assert (said["gridding"], said["reflectances"]) == ("dataset", "day")
    assert said["tiling"] == "tiles of 16 pixels, as runs are scored"


def test_product_zip_and_scene_give_the_same_mask(
    folder: Path, mask_file: Path, tiny_run: FinishedRun, tmp_path: Path
):
    assert make_scenes([str(folder), "--output", str(tmp_path / "scenes")]) == 0
    packed = zipped(folder, tmp_path / "download.zip")
    assert predict(tiny_run, packed, "--output", tmp_path / "packed") == 0
    assert predict(tiny_run, tmp_path / "scenes" / "day" / f"{NAME}.hdf") == 0
    with h5py.File(mask_file, "r") as file:
        expected = file["cloud_probability_in"][...]
    for made in (tmp_path / "packed" / MASK, tmp_path / "scenes" / "day" / MASK):
        with h5py.File(made, "r") as file:
            np.testing.assert_array_equal(file["cloud_probability_in"][...], expected)
    assert "coordinates" not in file_attributes(tmp_path / "scenes" / "day" / MASK, "cloud_mask_in")


def file_attributes(path: Path, variable: str) -> dict[str, object]:
    with h5py.File(path, "r") as file:
        return texts(file[variable].attrs)


def test_a_scored_scene_gives_the_mask_that_was_scored(tiny_run: FinishedRun, tmp_path: Path):
    (scene, *_) = sorted((tiny_run.place / "data/synthetic/inference").rglob("S3A*.hdf"))
    assert predict(tiny_run, scene, "--output", tmp_path) == 0
    with h5py.File(tmp_path / f"{scene.stem}_cloudmask_in.nc", "r") as file:
        mask, synthetic = file["cloud_mask_in"][...], texts(file.attrs)["synthetic"]
    with h5py.File(tiny_run.folder.mask(scene.stem), "r") as file:
        scored = file["mask"][...]
    np.testing.assert_array_equal(mask[mask >= 0], scored[mask >= 0])
    assert synthetic == "true"
    assert mask_digest(scored) in json.dumps(tiny_run.events)


def test_in_one_piece_a_scene_has_no_seams(
    folder: Path, mask_file: Path, tiny_run: FinishedRun, tmp_path: Path
):
    assert predict(tiny_run, folder, "--output", tmp_path, "--whole", "--quicklook") == 0
    with h5py.File(tmp_path / MASK, "r") as file, h5py.File(mask_file, "r") as tiled:
        whole, tiles = (opened["cloud_probability_in"][...] for opened in (file, tiled))
        assert texts(file.attrs)["tiling"] == "one piece"
    assert 0 < np.nanmax(abs(whole - tiles)) < 0.6
    picture = np.asarray(Image.open(tmp_path / f"{MASK[:-3]}.png"))
    assert picture.shape == (ROWS // 2, COLUMNS + 8, 3)


def test_a_day_without_reflectances_needs_to_be_asked_for(
    tiny_run: FinishedRun, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    bare = write_product(tmp_path, radiances=False, name=NAME.replace("_004", "_005"))
    assert predict(tiny_run, bare, folder, "--output", tmp_path) == 1
    said = capsys.readouterr()
    assert "pass --thermal-only" in said.err
    assert f"{MASK}: day, cloud" in said.out
    assert predict(tiny_run, bare, "--output", tmp_path, "--thermal-only") == 0
    with h5py.File(tmp_path / f"{bare.stem}_cloudmask_in.nc", "r") as file:
        assert texts(file.attrs)["reflectances"] == "left out, 0 as at night"


@pytest.fixture(scope="module")
def fitted_run(tiny_place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a fitted method that is a file of the user's."""
    place = tmp_path_factory.mktemp("fitted")
    (place / "mine.py").write_text(METHOD)
    data = ("--data", tiny_place / "data" / "synthetic")
    done = program("benchmark.run", "--config", TINY, "--method", "mine.py", *data, "--seed", 1, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "logs" / "tiny-mine-seed-1"


def test_a_fitted_method_predicts_if_its_file_is_still_the_same(
    fitted_run: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(fitted_run.parent.parent)
    arguments = [str(folder), "--run", "logs/tiny-mine-seed-1", "--output", str(tmp_path)]
    assert main(arguments) == 0
    with h5py.File(tmp_path / MASK, "r") as file:
        mask = file["cloud_mask_in"][...]
        assert (texts(file.attrs)["method"], texts(file.attrs)["method_source"]) == ("mine", "mine.py")
    # the product's cloud is 55 K colder than the rest
    assert mask[12:28, 18:38].mean() > 0.9
    assert mask[32:, 18:38].mean() < 0.1
    with Path("mine.py").open("a") as source:
        source.write("# changed\n")
    assert main(arguments) == 1
    assert "another file than the one that the run used" in capsys.readouterr().err


def test_runs_that_cannot_predict_are_refused(
    tiny_run: FinishedRun, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def refusal(root: Path) -> str:
        assert main([str(folder), "--run", str(root), "--output", str(tmp_path / "masks")]) == 1
        assert not (tmp_path / "masks").exists()
        return capsys.readouterr().err

    assert "no such folder" in refusal(tmp_path / "none")
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (tiny_run.folder.log, tiny_run.folder.config):
        shutil.copy(path, copy)
    assert "weights.npz\n  found:    No such file" in refusal(copy)
    with np.load(tiny_run.folder.weights) as file:
        weights = dict(file)
    weights["0000"] = weights["0000"] + 1
    np.savez(copy / "weights.npz", **weights)
    assert "those that the log states" in refusal(copy)
    (copy / "result.txt").write_text("")
    assert "no log of a complete run" in refusal(copy)
