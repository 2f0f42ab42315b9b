"""A bundle's score computed again from its weights: an honest one is confirmed, a forged one refused."""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import SubmissionError
from benchmark.core.files import sha256_of
from benchmark.record.events import PRECISIONS
from benchmark.record.run_folder import RunFolder
from benchmark.record.weights import in_layer_order, read_arrays, save_tables, save_weights
from submission.bundle.masks import read_picture, write_picture
from submission.bundle.reading import find_tree, read_bundle
from submission.package import Options, package
from submission.verify.__main__ import main
from submission.verify.rescore import TOLERANCE, recount, rescore
from submission.verify.work import RepeatError
from tests.support.runs.forgery import improve


@pytest.fixture(scope="module")
def place(trained_place: Path) -> Path:
    return trained_place


@pytest.fixture(scope="module")
def bundle(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    return package(Options([place / "logs/unet"], dist, masks=True, checkout=place))


def rescored(bundle: Path, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit status of verifying a bundle with its scores, and what was said."""
    status = main([str(bundle), "--rescore", *arguments])
    return status, capfd.readouterr().out


def test_the_weights_of_a_bundle_give_the_masks_of_its_log_bit_for_bit(
    bundle: Path, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, said = rescored(bundle, capfd, "1", "--data", str(place / "data/synthetic"))
    assert status == 0, said
    assert re.search(
        r"scored again: +the run of seed 1, bit for bit: accuracy 0\.\d{6} from the same masks", said
    )


def test_a_fitted_method_is_scored_again_on_scenes_that_are_made_for_it(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fitted = package(Options([place / "logs/bayes"], tmp_path / "dist", checkout=place))
    status, said = rescored(fitted, capfd)
    assert status == 0, said
    assert "scored again:     the run of seed 1, bit for bit: accuracy 0." in said


def test_a_score_that_was_raised_in_every_file_is_refused(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    forged = Path(shutil.copytree(place / "logs/unet", tmp_path / "logs"))
    (folder,) = map(RunFolder, forged.iterdir())
    accuracy = improve(folder, place)
    made = package(Options([forged], tmp_path / "dist", checkout=place))
    assert main([str(made)]) == 0  # all that the bundle says agrees with itself
    assert f"{accuracy:.4f}" in capfd.readouterr().out
    status, said = rescored(made, capfd, "--data", str(place / "data/synthetic"))
    assert status == 1
    assert said.count("error [verify-rescore]") == 4
    assert "pixels right" in said


# ---- masks


def test_masks_next_to_a_bundle_are_counted_again(
    bundle: Path, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--recount", "--data", str(place / "data/synthetic")]) == 0
    said = capfd.readouterr().out
    archive = bundle.with_name(f"{bundle.name}.masks.tar.gz")
    assert f"masks:            sha256 {sha256_of(archive)} as in bundle.json" in said
    assert "counted again:    the run of seed 1, bit for bit: accuracy 0." in said
    with tarfile.open(archive) as tar:
        pictures = [member for member in tar if member.name.endswith(".png")]
        with Image.open(tar.extractfile(pictures[0])) as picture:  # type: ignore[arg-type]
            assert (picture.mode, picture.size) == ("1", (76, 60))
    assert len(pictures) == 4


def copies(bundle: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of a bundle, and of the masks next to it."""
    copy = Path(shutil.copytree(bundle, tmp_path / bundle.name))
    masks = bundle.with_name(f"{bundle.name}.masks.tar.gz")
    return copy, Path(shutil.copy(masks, tmp_path / masks.name))


def test_other_masks_next_to_a_bundle_are_a_finding(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy, masks = copies(bundle, tmp_path)
    masks.write_bytes(masks.read_bytes() + b"\0")
    assert main([str(copy), "--recount"]) == 1
    said = capfd.readouterr().out
    assert "The masks next to the bundle must be those that it was packaged with." in said
    assert "not repeated:     what was found comes first" in said


def test_masks_that_are_not_there_are_no_finding_and_cannot_be_counted(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy, masks = copies(bundle, tmp_path)
    masks.unlink()
    assert main([str(copy)]) == 0
    assert f"masks:            not here: {masks.name} of sha256 " in capfd.readouterr().out
    assert main([str(copy), "--recount"]) == 2
    assert "found:    not there" in capfd.readouterr().out


def test_one_pixel_of_a_mask_that_was_changed_is_found(bundle: Path, tmp_path: Path, place: Path) -> None:
    masks = tmp_path / "masks"
    with tarfile.open(bundle.with_name(f"{bundle.name}.masks.tar.gz")) as tar:
        tar.extractall(masks, filter="data")
    (folder,) = masks.iterdir()
    path = min((folder / "1").iterdir())
    mask = read_picture(path, (60, 76))
    mask[3, 4] ^= 1
    write_picture(path, mask)
    with read_bundle(find_tree(bundle)) as read:
        ((said, (finding,)),) = recount(read, folder, data=place / "data/synthetic")
    assert said.endswith("compared bit for bit: the node is like the submitted run's")
    assert path.stem in finding.found
    path.write_bytes(b"GIF89a")
    with read_bundle(find_tree(bundle)) as read, pytest.raises(SubmissionError) as error:
        list(recount(read, folder, data=place / "data/synthetic"))
    assert error.value.expected == "a PNG of one bit a pixel, 60 x 76"


def test_a_run_without_a_mask_is_not_packaged_with_masks(place: Path, tmp_path: Path) -> None:
    logs = Path(shutil.copytree(place / "logs/unet", tmp_path / "logs"))
    shutil.rmtree(logs / "quickstart-seed-1/masks")
    with pytest.raises(SubmissionError) as error:
        package(Options([logs], tmp_path / "dist", masks=True, checkout=place))
    assert error.value.remedy == "package without --masks, or make the run again"
    assert list((tmp_path / "dist").iterdir()) == []


# ---- weights


def other_weights(path: Path) -> None:
    weights = in_layer_order(read_arrays(path))
    save_weights(path, [weights[0] * 2, *weights[1:]])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (other_weights, "weights of sha256 "),
        (lambda path: save_weights(path, [np.zeros(3)]), "weights of sha256 "),
        (lambda path: save_tables(path, {"a": np.zeros(3)}), "weights of sha256 a"),
    ],
    ids=("changed", "of another network", "tables"),
)
def test_weights_that_are_not_the_logs_are_a_finding(
    change: Callable[[Path], object], found: str, bundle: Path, tmp_path: Path, place: Path
) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    change(*copy.rglob("weights.npz"))
    with read_bundle(find_tree(copy)) as read:
        ((said, (finding,)),) = rescore(read, 1, place / "data/synthetic")
    assert said == "the run of seed 1: not scored, its weights are others"
    assert finding.found.startswith(found)
    assert finding.expected == f"{read.runs.first.result['weights_sha256']}, as logged"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda path: path.write_bytes(b"PK\x03\x04"), "BadZipFile: File is not a zip file"),
        (lambda path: np.savez(path, w=np.array(["text"])), "'w', which is not of numbers"),
        (lambda path: np.savez(path, w=np.array([{}])), "ValueError: Object arrays cannot be loaded"),
        (Path.unlink, "not there"),
    ],
    ids=("damaged", "no numbers", "objects", "missing"),
)
def test_a_file_that_holds_no_weights_ends_the_rescoring(
    change: Callable[[Path], object], found: str, bundle: Path, tmp_path: Path, place: Path
) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    change(*copy.rglob("weights.npz"))
    with read_bundle(find_tree(copy)) as read, pytest.raises(RepeatError) as error:
        list(rescore(read, None, place / "data/synthetic"))
    assert error.value.found.startswith(found)


def test_weights_that_are_larger_than_a_file_may_be_are_left_out_and_named(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submission.package.FILE_BYTES", 10**6)
    made = package(Options([place / "logs/unet"], tmp_path / "dist", checkout=place))
    weights = RunFolder(place / "logs/unet/quickstart-seed-1").weights
    assert f"left out: {weights} of {weights.stat().st_size} bytes" in capfd.readouterr().out
    assert list(made.rglob("weights.npz")) == []
    status, said = rescored(made, capfd, "--data", str(place / "data/synthetic"))
    assert status == 2
    assert "found:    not there" in said


def test_every_precision_of_a_run_has_its_tolerance() -> None:
    assert set(TOLERANCE) == set(PRECISIONS)
