"""The Croissant descriptions, judged by MLCommons' own library and compared with the files they describe."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from pathlib import Path

import h5py
import pytest

from benchmark.config.files import config_path, load_config
from benchmark.croissant import CROISSANT, describe_real, main, to_json
from benchmark.scenes import scene as scenes
from tests.support.project import ROOT, TINY_SHAPE

REAL = ROOT / "docs" / "croissant-cloud_slstr_ds1.json"

# The library's dependencies warn of their own future, which is not judged here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def judged(path: Path, caplog: pytest.LogCaptureFixture) -> tuple[object, set[str]]:
    """The dataset as MLCommons' library reads it (which raises where it is invalid), and its warnings."""
    import mlcroissant

    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(jsonld=str(path))
    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.ctx.is_v1_1()
    assert "not standard" not in caplog.text
    return dataset.metadata, set(dataset.metadata.ctx.issues.warnings)


def properties(warnings: set[str]) -> set[str]:
    """The names of the properties that the library misses."""
    return {re.search(r'"\S+/(\w+)" is recommended', warning)[1] for warning in warnings}


def fields_of(metadata) -> dict[str, str]:
    records = metadata.record_sets[0]
    return {field.name: field.description for field in records.fields}


def test_the_description_of_the_real_dataset_is_valid_but_for_what_nobody_knows(caplog):
    metadata, warnings = judged(REAL, caplog)
    assert metadata.name == "cloud_slstr_ds1"
    assert properties(warnings) == {"datePublished", "license", "version"}
    sets = {item.id: item.includes for item in metadata.distribution}
    assert sets == {
        "scenes": ["training/**/S3A*.hdf", "inference/**/S3A*.hdf"],
        "training": ["training/**/S3A*.hdf"],
        "inference": ["inference/**/S3A*.hdf"],
    }
    fields = fields_of(metadata)
    assert list(fields) == ["refs", "bts", "rads", "bayes", "summary"]
    assert fields["bts"].endswith("in kelvin. Shape [1200, 1500, 3]: rows, columns, channels.")
    assert "reflectance" in fields["refs"].lower()
    assert "cloud, where bayes is above 0" in fields["bayes"]


def test_arrays_have_their_shapes_and_their_bands_with_centre_wavelengths():
    description = describe_real()
    assert description["conformsTo"][1] == "http://mlcommons.org/croissant/geo/1.0"
    fields = {field["name"]: field for field in description["recordSet"][0]["field"]}
    assert fields["refs"]["arrayShape"] == "1200,1500,6"
    assert fields["bts"]["geocr:bandConfiguration"]["geocr:bandNameList"] == ["S7", "S8", "S9"]
    centres = [band["geocr:centerWavelength"] for band in fields["bts"]["geocr:spectralBandMetadata"]]
    assert [(each["value"], each["unitText"]) for each in centres] == [
        (3742.0, "nm"),
        (10854.0, "nm"),
        (12022.5, "nm"),
    ]


def test_the_stored_description_is_what_the_program_says(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == to_json(describe_real()) == REAL.read_text()


def test_shapes_are_those_that_the_reference_configuration_and_the_reader_ask_for():
    geometry = load_config(config_path("reference"), []).geometry
    channels = {"refs": scenes.REFLECTANCES, "bts": scenes.TEMPERATURES, "bayes": 1}
    described = {field["name"]: field["description"] for field in describe_real()["recordSet"][0]["field"]}
    for name, count in channels.items():
        assert f"Shape {[geometry.rows, geometry.columns, count]}: rows, columns, channels" in described[name]


@pytest.fixture
def copy_of_dataset(tiny_place: Path, tmp_path: Path) -> Path:
    """A dataset of its own, so that a test may write into it."""
    return shutil.copytree(tiny_place / "data" / "synthetic", tmp_path / "scenes")


def test_the_description_of_a_folder_is_valid_and_names_every_file_with_its_digest(copy_of_dataset, caplog):
    assert main([str(copy_of_dataset)]) == 0
    path = copy_of_dataset / CROISSANT
    metadata, warnings = judged(path, caplog)
    assert properties(warnings) == {"datePublished"}
    files = {item.id: item for item in metadata.distribution if hasattr(item, "sha256")}
    on_disk = scenes.discover(copy_of_dataset)
    assert set(files) == {file.relative_to(copy_of_dataset).as_posix() for file in on_disk}
    for file in on_disk:
        described = files[file.relative_to(copy_of_dataset).as_posix()]
        assert described.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert described.content_size == f"{file.stat().st_size} B"
    fields = fields_of(metadata)
    with h5py.File(on_disk[0]) as scene:
        assert set(fields) == set(scene)
        for name, dataset in scene.items():
            assert f"Shape {list(dataset.shape)}:" in fields[name]
    assert (
        tuple(json.loads((copy_of_dataset / "dataset.json").read_text())[n] for n in ("rows", "columns"))
        == TINY_SHAPE
    )


def test_the_library_reads_a_record_of_every_scene(copy_of_dataset):
    import mlcroissant

    assert main([str(copy_of_dataset)]) == 0
    records = mlcroissant.Dataset(jsonld=str(copy_of_dataset / CROISSANT)).records("scenes-list")
    found = {record["scenes-list/file"]: record["scenes-list/cloud"] for record in records}
    assert set(found) == {
        file.relative_to(copy_of_dataset).as_posix() for file in scenes.discover(copy_of_dataset)
    }
    for name, cloud in found.items():
        with h5py.File(copy_of_dataset / name) as scene:
            assert cloud == pytest.approx((scene["bayes"][:] > 0).mean(), abs=1e-5)


def test_the_same_folder_is_described_in_the_same_words_again(copy_of_dataset):
    assert main([str(copy_of_dataset)]) == 0
    first = (copy_of_dataset / CROISSANT).read_bytes()
    assert main([str(copy_of_dataset)]) == 0
    assert (copy_of_dataset / CROISSANT).read_bytes() == first


def test_a_folder_without_a_complete_dataset_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "found:    no readable dataset.json" in said
    assert f"python -m benchmark.synthesis --output {tmp_path}" in said
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_differs_from_the_dataset_list_is_reported(copy_of_dataset, capsys):
    victim = scenes.discover(copy_of_dataset)[0]
    victim.write_bytes(b"short")
    assert main([str(copy_of_dataset)]) == 1
    said = capsys.readouterr().err
    assert f"error: {victim}" in said
    assert "found:    5 bytes of sha256" in said
    assert not (copy_of_dataset / CROISSANT).exists()


def test_a_missing_file_is_reported_with_the_command_that_makes_it(copy_of_dataset, capsys):
    victim = scenes.discover(copy_of_dataset)[0]
    victim.unlink()
    assert main([str(copy_of_dataset)]) == 1
    said = capsys.readouterr().err
    assert f"error: {victim}" in said
    assert "found:    no such file" in said
    assert "--verify --seed 5 --rows 60 --columns 76 --training 6 --inference 4" in said


def test_an_unwritable_place_is_reported(copy_of_dataset, capsys):
    os.mkdir(copy_of_dataset / CROISSANT)
    assert main([str(copy_of_dataset)]) == 1
    said = capsys.readouterr().err
    assert "found:    Is a directory" in said
    assert "expected: a readable and writable folder" in said
