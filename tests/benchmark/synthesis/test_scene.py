"""One synthetic scene and its file: physical values in the dataset's format, the same everywhere."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from datetime import datetime

import h5py
import numpy as np
import pytest

from benchmark.core.errors import SceneError
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX, scene_name, write_scene
from benchmark.synthesis.scene import make_scene, random_stream
from benchmark.synthesis.world import MAIN_CLOUDS, SURFACES, draw_world
from tests.support.project import ROOT, SHAPE

SEED = 101
DAY, NIGHT = 0, 1


def digest(scene) -> str:
    arrays = (scene.refs, scene.bts, scene.bayes, scene.truth)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


# --- One scene ---------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [DAY, NIGHT])
def test_a_scene_has_the_datasets_arrays_and_says_what_it_is(index):
    scene = make_scene(SEED, index, SHAPE)
    assert (scene.refs.shape, scene.refs.dtype) == ((*SHAPE, 6), np.float32)
    assert (scene.bts.shape, scene.bts.dtype) == ((*SHAPE, 3), np.float32)
    assert (scene.bayes.shape, scene.bayes.dtype) == ((*SHAPE, 1), np.uint8)
    assert (scene.truth.shape, scene.truth.dtype) == (SHAPE, np.uint8)
    assert set(np.unique(scene.bayes)) == {0, 2}
    assert set(np.unique(scene.truth)) == {0, 1}
    assert (scene.seed, scene.index, scene.day) == (SEED, index, index == DAY)
    assert scene.synthetic
    assert "bayes > 0 means cloud" in scene.polarity
    assert re.fullmatch(r"(\w+ 0\.\d\d)(, \w+ 0\.\d\d)*", scene.layers)


@pytest.mark.parametrize("index", range(10))
@pytest.mark.parametrize("shape", [SHAPE, (97, 211), (32, 32)])
def test_values_are_physical_digitised_and_zero_outside_the_swath(index, shape):
    scene = make_scene(SEED, index, shape)
    inside = scene.bts[..., 1] > 0
    assert 0.85 < inside.mean() < 0.99
    assert not inside[:, 0].any()
    assert not inside[:, -1].any()
    for image in (scene.refs, scene.bts, scene.bayes, scene.truth):
        assert not image[~inside].any()
    bts = scene.bts[inside]
    assert bts.min() >= 190
    assert bts.max() <= 340
    assert scene.refs.min() >= 0
    assert scene.refs.max() <= 1.3
    np.testing.assert_array_equal(scene.bts * 64, np.rint(scene.bts * 64))
    np.testing.assert_array_equal(scene.refs * 8192, np.rint(scene.refs * 8192))
    assert (scene.refs[inside][:, 1] > 0).all() if scene.day else not scene.refs.any()


def test_a_full_scene_has_the_datasets_size_and_borders():
    scene = make_scene(SEED, NIGHT)
    assert scene.truth.shape == (1200, 1500)
    columns = np.flatnonzero((scene.bts[..., 1] > 0).any(axis=0))
    assert 20 <= columns[0] <= 31
    assert 11 <= 1499 - columns[-1] <= 17


def test_over_the_sea_it_is_colder_and_by_day_brighter_where_the_label_is_one():
    compared = 0
    for index in range(20):
        scene, world = make_scene(SEED, index, SHAPE), draw_world(random_stream(SEED, index), index, SHAPE)
        sea = (world.classes.get("ocean", np.zeros(SHAPE)) > 0) & (scene.bts[..., 1] > 0)
        flagged = scene.bayes[..., 0] > 0
        if min((sea & flagged).sum(), (sea & ~flagged).sum()) < 500:
            continue
        compared += 1
        assert scene.bts[sea & flagged, 1].mean() < scene.bts[sea & ~flagged, 1].mean() - 0.5
        if scene.day:
            assert scene.refs[sea & flagged, 2].mean() > scene.refs[sea & ~flagged, 2].mean()
    assert compared >= 10


def test_the_flag_agrees_with_the_truth_mostly_but_not_wholly():
    agreement = []
    for index in range(20):
        scene = make_scene(SEED, index, SHAPE)
        agreement.append(((scene.bayes[..., 0] > 0) == scene.truth).mean())
    assert 0.8 < np.mean(agreement) < 0.95
    assert max(agreement) < 1


def test_any_ten_scenes_from_a_round_number_hold_every_main_cloud_by_day_and_by_night():
    for ten in range(0, 200, 10):
        for period in (DAY, NIGHT):
            kinds = [
                draw_world(random_stream(SEED, index), index, (32, 32)).layers
                for index in range(ten + period, ten + 10, 2)
            ]
            present = [{layer.kind for layer in layers} for layers in kinds]
            assert set().union(*present) >= set(MAIN_CLOUDS)


def test_the_inference_scenes_go_through_the_same_surfaces_as_the_training_scenes():
    for first in (0, FIRST_INFERENCE_INDEX):
        surfaces = [
            draw_world(random_stream(SEED, first + i), first + i, (32, 32)).surface for i in range(0, 20, 2)
        ]
        assert tuple(surfaces) == SURFACES


def test_a_scene_is_the_same_in_another_process_and_differs_between_seeds_and_indices():
    code = (
        "from tests.benchmark.synthesis.test_scene import digest, make_scene\n"
        f"print(*(digest(make_scene({SEED}, i, {SHAPE})) for i in (0, 1)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert other == [digest(make_scene(SEED, index, SHAPE)) for index in (0, 1)]
    drawn = {digest(make_scene(seed, index, SHAPE)) for seed in (SEED, SEED + 1) for index in (0, 1, 2)}
    assert len(drawn) == 6


@pytest.mark.parametrize(("seed", "index", "shape"), [(-1, 0, SHAPE), (0, -2, SHAPE), (0, 0, (31, 400))])
def test_a_scene_of_impossible_numbers_is_refused(seed, index, shape):
    with pytest.raises(SceneError, match="expected: seed and index of 0 or more, at least 32 x 32"):
        make_scene(seed, index, shape)


# --- One file ----------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [DAY, NIGHT])
def test_a_file_holds_the_scene_and_night_reflectances_take_no_space(tmp_path, index):
    scene = make_scene(SEED, index, SHAPE)
    path = tmp_path / "day" / scene_name(index)
    image = write_scene(path, scene)
    assert path.read_bytes() == image
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    with h5py.File(path) as file:
        assert set(file) == {"refs", "bts", "bayes", "truth"}
        for name in file:
            np.testing.assert_array_equal(file[name][...], getattr(scene, name))
            assert file[name].dtype == getattr(scene, name).dtype
            assert file[name].chunks is None
        assert (file["refs"].id.get_storage_size() == 0) == (index == NIGHT)
        attributes = dict(file.attrs)
    assert attributes["synthetic"]
    assert "not SLSTR observations" in attributes["notice"]
    assert "bayes > 0 means cloud" in attributes["polarity"]
    assert (attributes["seed"], attributes["index"], attributes["day"]) == (SEED, index, index == DAY)
    assert attributes["layers"] == scene.layers


def test_names_are_those_of_products_unique_in_order_of_the_index_and_true_to_day_and_night():
    pattern = re.compile(
        r"S3A_SL_1_RBT____(\d{8}T\d{6})_(\d{8}T\d{6})_\d{8}T\d{6}_0179_050_\d{3}_\d{4}_SYN_O_NT_003\.hdf"
    )
    for first in (0, FIRST_INFERENCE_INDEX):
        for period, hours in ((DAY, {10}), (NIGHT, {21})):
            names = [scene_name(index) for index in range(first + period, first + 4000, 2)]
            assert names == sorted(set(names))
            for name in names:
                match = pattern.fullmatch(name)
                assert match is not None
                start, stop = (datetime.strptime(text, "%Y%m%dT%H%M%S") for text in match.groups())
                assert (stop - start).seconds == 180
                assert start.hour in hours
    assert scene_name(FIRST_INFERENCE_INDEX) != scene_name(0)
    assert pattern.fullmatch(scene_name(FIRST_INFERENCE_INDEX - 1))
