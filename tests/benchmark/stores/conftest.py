"""Small scenes to stage, and a store of some."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.core.display import Display
from benchmark.stores.opening import open_or_stage
from tests.support.project import SHAPE, write_scene_file
from tests.support.scenes.staging import LARGER_LAYOUT, make_scenes


@pytest.fixture
def paths(tmp_path):
    return make_scenes(tmp_path / "scenes", 4)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(3)
    return [
        write_scene_file(folder / f"S3A_{i}.hdf", bts=rng.uniform(240, 300, (*SHAPE, 3)).astype("f4"))
        for i in range(3)
    ]


@pytest.fixture(scope="session")
def store(scenes, tmp_path_factory):
    """A store of the scenes, which no test changes."""
    return open_or_stage(tmp_path_factory.mktemp("stage"), "training", scenes, LARGER_LAYOUT, Display()).store
