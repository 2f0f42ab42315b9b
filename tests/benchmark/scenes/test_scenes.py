"""Reading scene files: every form the dataset may have, and every form it must not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.core.errors import SceneError
from benchmark.scenes.scene import discover, drop_from_page_cache, is_synthetic, read_scene, split
from tests.support.project import ROOT, SHAPE, write_scene_file

NAME = "S3A_SL_1_RBT____20191001T113221_20191001T113521_20191002T153211_0179_050_023_1980_LN2_O_NT_003.hdf"


def refusal(path, shape=SHAPE) -> SceneError:
    with pytest.raises(SceneError) as caught:
        read_scene(path, shape)
    return caught.value


def test_inputs_are_normalised_as_the_reference_does_and_cloud_is_where_bayes_is_above_zero(tmp_path):
    path = write_scene_file(tmp_path / NAME)
    with h5py.File(path) as file:
        refs, bts, bayes = (file[name][...] for name in ("refs", "bts", "bayes"))
    scene = read_scene(path, SHAPE)
    assert scene.inputs.dtype == np.float32
    assert scene.inputs.shape == (*SHAPE, 9)
    np.testing.assert_array_equal(scene.inputs[..., :6], refs - np.float32(0.5))
    np.testing.assert_allclose(scene.inputs[..., 6:], (bts - 270) / 22, rtol=1e-6)
    np.testing.assert_array_equal(scene.label, bayes[..., 0] == 2)
    assert (scene.name, scene.period, scene.filled, scene.truth) == (NAME[:-4], "day", 0, None)
    assert scene.inside.all()
    assert not scene.synthetic


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("storage", [{}, {"chunks": True}, {"compression": "gzip"}, {"compression": "lzf"}])
def test_values_of_any_width_and_storage_are_read_alike(tmp_path, kind, storage):
    plain = write_scene_file(tmp_path / "plain" / NAME)
    other = tmp_path / "other" / NAME
    other.parent.mkdir()
    with h5py.File(plain) as source, h5py.File(other, "w") as file:
        for name in ("refs", "bts", "bayes"):
            file.create_dataset(name, data=source[name][...].astype(kind), **storage)
        file["rads"] = np.zeros((2, 2))
        file["summary"] = "ignored"
    a, b = read_scene(plain, SHAPE), read_scene(other, SHAPE)
    tolerance = 0.01 if kind == np.float16 else 1e-6
    np.testing.assert_allclose(a.inputs, b.inputs, atol=tolerance)
    np.testing.assert_array_equal(a.label, b.label)


def test_values_that_are_not_finite_are_filled_with_zero_and_counted(tmp_path):
    refs = np.full((*SHAPE, 6), 0.25, np.float32)
    bts = np.full((*SHAPE, 3), 281, np.float32)
    refs[3, 4, 2], bts[5, 6, 0], bts[7, 8, :] = np.nan, np.inf, -np.inf
    bts[9, 9, 1] = 1e30  # finite, yet beyond the half precision of staged patches
    scene = read_scene(write_scene_file(tmp_path / NAME, refs=refs, bts=bts), SHAPE)
    assert scene.filled == 6
    assert np.isfinite(scene.inputs).all()
    assert (scene.inputs[3, 4, 2], scene.inputs[5, 6, 6]) == (0, 0)
    assert scene.inside[5, 6]  # two channels were measured
    assert not scene.inside[7, 8]


def test_borders_without_a_temperature_are_outside_and_a_scene_without_reflectance_is_night(tmp_path):
    bts = np.full((*SHAPE, 3), 250, np.float32)
    bts[:, :20] = 0
    path = write_scene_file(tmp_path / NAME, refs=np.zeros((*SHAPE, 6), np.float32), bts=bts)
    scene = read_scene(path, SHAPE)
    assert scene.period == "night"
    assert not scene.inside[:, :20].any()
    assert scene.inside[:, 20:].all()


def test_truth_is_read_where_the_file_has_it_and_synthetic_scenes_say_so(tmp_path):
    truth = np.eye(*SHAPE, dtype=np.uint8)
    path = write_scene_file(tmp_path / NAME, truth=truth)
    with h5py.File(path, "a") as file:
        file.attrs["synthetic"] = True
    scene = read_scene(path, SHAPE)
    np.testing.assert_array_equal(scene.truth, truth)
    assert scene.synthetic
    assert is_synthetic(path)


def test_a_missing_dataset_is_named_with_what_the_file_holds(tmp_path):
    error = refusal(write_scene_file(tmp_path / NAME, bayes=None))
    assert error.where.endswith(f"{NAME}: dataset bayes")
    assert error.found == "missing; the file holds bts, refs"
    assert error.expected == "numbers of shape [150, 188, 1]"
    assert "--on-bad-scene=skip" in error.remedy


@pytest.mark.parametrize(
    ("changes", "dataset", "found"),
    [
        ({"refs": np.zeros((150, 188, 5))}, "refs", "float64 of shape [150, 188, 5]"),
        ({"bts": np.zeros((188, 150, 3), "f4")}, "bts", "float32 of shape [188, 150, 3]"),
        ({"bayes": np.zeros((150, 188), "u1")}, "bayes", "uint8 of shape [150, 188]"),
        ({"bts": np.zeros((150, 188, 3), "S4")}, "bts", "|S4 of shape [150, 188, 3]"),
        ({"truth": np.zeros((3, 3), "u1")}, "truth", "uint8 of shape [3, 3]"),
    ],
)
def test_wrong_shapes_and_types_are_named(tmp_path, changes, dataset, found):
    error = refusal(write_scene_file(tmp_path / NAME, **changes))
    assert error.where.endswith(f": dataset {dataset}")
    assert error.found == found


def test_a_truncated_file_is_refused_with_its_size(tmp_path):
    path = write_scene_file(tmp_path / NAME)
    path.write_bytes(path.read_bytes()[:100_000])
    assert refusal(path).found.startswith("100000 bytes that HDF5 cannot open")


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "S3A_pipe.hdf")
    (tmp_path / "S3A_folder.hdf").mkdir()
    (tmp_path / "S3A_link.hdf").symlink_to(tmp_path / "none")
    for name, found in (
        ("pipe", "a pipe"),
        ("folder", "a folder"),
        ("link", "No such file or directory"),
    ):
        assert refusal(tmp_path / f"S3A_{name}.hdf").found == found
    assert drop_from_page_cache(discover(tmp_path))


def test_a_scene_without_a_single_temperature_is_refused(tmp_path):
    bts = np.full((*SHAPE, 3), np.nan, np.float32)
    refs = np.full((*SHAPE, 6), np.nan, np.float32)
    error = refusal(write_scene_file(tmp_path / NAME, refs=refs, bts=bts))
    assert error.where.endswith(": dataset bts")
    assert (error.found, error.expected) == ("no temperature in any pixel", "measurements")
    bts[3, 4, 1] = 280
    scene = read_scene(write_scene_file(tmp_path / NAME, refs=refs, bts=bts), SHAPE)
    assert (scene.inside.sum(), scene.filled) == (1, scene.inputs.size - 1)


@pytest.mark.parametrize("name", [b"S3A_\xff.hdf", b"S3A_\n.hdf", b"S3A_\x1b[31m.hdf"])
def test_a_name_that_no_log_can_state_is_refused(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.touch()
    with pytest.raises(SceneError) as caught:
        discover(tmp_path)
    assert (caught.value.found, caught.value.remedy) == (repr(path.name), "rename the file")
    assert str(caught.value).replace("\n", "").isprintable()


NO_LOCKS = """
#include <errno.h>
int flock(int file, int operation) { errno = ENOLCK; return -1; }
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler, to take the locks away")
def test_scenes_and_masks_are_read_and_written_where_there_are_no_locks(tmp_path):
    write_scene_file(tmp_path / NAME)
    (tmp_path / "no_locks.c").write_text(NO_LOCKS)
    library = tmp_path / "no_locks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "no_locks.c"], check=True)
    program = f"""
import numpy, pathlib
from benchmark.record.masks import read_mask, write_mask
from benchmark.scenes.scene import read_scene
scene = read_scene(pathlib.Path({NAME!r}), {SHAPE})
write_mask(pathlib.Path("mask.h5"), numpy.float16(scene.label), scene.label, {{}})
print((read_mask(pathlib.Path("mask.h5")) == scene.label).all())
"""
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


def test_damage_inside_a_compressed_dataset_is_reported_as_unreadable_data(tmp_path):
    path = tmp_path / NAME
    write_scene_file(path)
    with h5py.File(path, "a") as file:
        values = file["bts"][...]
        del file["bts"]
        data = file.create_dataset("bts", data=values, compression="gzip", chunks=(150, 188, 3))
        offset = data.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(offset + 100)
        raw.write(b"\xff" * 5000)
    error = refusal(path)
    assert error.where.endswith(": dataset bts")
    assert error.found.startswith("unreadable data")


def test_a_dataset_that_lies_in_another_file_is_not_followed(tmp_path):
    other = write_scene_file(tmp_path / "other.hdf")
    path = write_scene_file(tmp_path / NAME, bts=None)
    with h5py.File(path, "a") as file:
        file["bts"] = h5py.ExternalLink(str(other), "bts")
    assert refusal(path).found == "no dataset stored in this file"


def test_scenes_are_found_at_any_depth_in_sorted_order(tmp_path):
    for name in (
        "night/S3A_b.hdf",
        "day/2019/S3A_c.hdf",
        "day/S3A_a.hdf",
        "S3A_z.hdf",
        "S3B_x.hdf",
        "S3C_x.hdf",
        "note.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in discover(tmp_path)]
    assert found == ["S3A_z.hdf", "S3B_x.hdf", "day/2019/S3A_c.hdf", "day/S3A_a.hdf", "night/S3A_b.hdf"]


def test_a_missing_or_empty_folder_is_reported_with_a_remedy(tmp_path):
    with pytest.raises(SceneError) as missing:
        discover(tmp_path / "none")
    assert missing.value.found == "no such folder"
    with pytest.raises(SceneError) as empty:
        discover(tmp_path)
    assert empty.value.found == "no scene below this folder"
    assert "benchmark.synthesis" in empty.value.remedy


def test_two_scenes_of_one_name_are_refused(tmp_path):
    for folder in ("day", "night"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "S3A_a.hdf").touch()
    with pytest.raises(SceneError, match=r"the same name as .*day/S3A_a\.hdf"):
        discover(tmp_path)


def test_the_split_is_that_of_scikit_learns_train_test_split(tmp_path):
    # train_test_split(range(10), train_size=0.8, random_state=42) -> [5, 0, 7, 2, 9, 4, 3, 6], [8, 1]
    training, validation = split(range(10), 0.8, 42)
    assert (training, validation) == ([0, 2, 3, 4, 5, 6, 7, 9], [1, 8])


@given(st.integers(2, 300), st.floats(0.01, 0.99), st.integers(0, 2**31))
def test_a_split_is_complete_disjoint_and_repeatable(count, fraction, seed):
    if not 0 < int(np.floor(fraction * count)) < count:
        with pytest.raises(SceneError):
            split(range(count), fraction, seed)
        return
    training, validation = split(range(count), fraction, seed)
    assert sorted(training + validation) == list(range(count))
    assert len(training) == int(np.floor(fraction * count))
    assert (training, validation) == split(range(count), fraction, seed)


def test_a_single_scene_cannot_be_split():
    with pytest.raises(SceneError, match="1 training scenes"):
        split(["only"], 0.8, 42)
