"""Reading patches, the journal of a store, and the batches of an epoch."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.compute.batches import epoch_order, epoch_symmetries, evaluation_batches, training_batches
from benchmark.core.display import Display
from benchmark.core.errors import RunError, SceneError
from benchmark.scenes.geometry import training_patches
from benchmark.scenes.scene import read_scene
from benchmark.stores import patchstore
from benchmark.stores.journal import SceneRecord, open_journal, read_journal
from benchmark.stores.opening import open_or_stage
from benchmark.stores.patchstore import (
    INPUTS,
    SYMMETRIES,
    PatchLayout,
    Source,
    cloud_is_colder,
    source_of,
    store_key,
    stored_digest,
    turned,
    write_scene,
)
from tests.support.preloaded import run_code
from tests.support.project import SHAPE, write_scene_file

LAYOUT = PatchLayout(SHAPE, 32, "slstr")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(3)
    return [
        write_scene_file(folder / f"S3A_{i}.hdf", bts=rng.uniform(240, 300, (*SHAPE, 3)).astype("f4"))
        for i in range(3)
    ]


@pytest.fixture(scope="module")
def store(scenes, tmp_path_factory):
    return open_or_stage(tmp_path_factory.mktemp("stage"), "training", scenes, LAYOUT, Display()).store


# ---- patches


def test_patches_come_back_in_the_order_of_scenes_with_half_precision(scenes, store):
    assert store.count == 60
    inputs, labels = store.read([59, 0, 21])
    assert (inputs.dtype, inputs.shape) == (np.float32, (3, 32, 32, 9))
    for got_inputs, got_labels, (scene, patch) in zip(inputs, labels, ((2, 19), (0, 0), (1, 1)), strict=True):
        original = read_scene(scenes[scene], SHAPE)
        expected = training_patches(original.inputs, 32)[patch]
        np.testing.assert_array_equal(got_inputs, expected.astype(np.float16).astype(np.float32))
        np.testing.assert_array_equal(got_labels, training_patches(original.label, 32)[patch])


def test_a_staged_temperature_is_off_by_two_hundredths_of_a_kelvin_at_most(scenes, store):
    exact = training_patches(read_scene(scenes[0], SHAPE).inputs, 32)[..., 6:]
    stored, _ = store.read(range(20))
    assert np.abs(stored[..., 6:] - exact).max() * 22 <= 0.022


def test_no_patch_is_read_as_empty_arrays(store):
    assert [array.shape for array in store.read([])] == [(0, 32, 32, 9), (0, 32, 32)]


def test_a_store_that_was_cut_short_or_deleted_while_it_is_read_is_noticed(scenes, tmp_path):
    store = open_or_stage(tmp_path, "training", scenes[:1], LAYOUT, Display()).store
    os.truncate(store.folder / INPUTS, 100_000)
    with pytest.raises(RunError, match="the file ends before record 19"):
        store.read([19])
    (store.folder / INPUTS).unlink()
    with pytest.raises(RunError) as caught:
        store.read([19])
    assert (caught.value.found, caught.value.expected) == ("no such file", "the patches that were staged")
    assert caught.value.remedy.startswith("run again: what is missing is staged again")


# ---- which store


def test_the_key_depends_on_layout_and_on_name_size_time_and_order_of_the_scenes_not_on_their_place():
    one, two = Source(Path("a/S3A_1.hdf"), 10, 5), Source(Path("a/S3A_2.hdf"), 10, 5)
    different = [
        (LAYOUT, [one, two]),
        (LAYOUT, [two, one]),
        (LAYOUT, [one]),
        (LAYOUT, [one, Source(two.path, 11, 5)]),
        (LAYOUT, [one, Source(two.path, 10, 6)]),
        (LAYOUT, [one, Source(two.path, None, None)]),
        (PatchLayout(SHAPE, 16, "slstr"), [one, two]),
        (PatchLayout((188, 150), 32, "slstr"), [one, two]),
        (PatchLayout(SHAPE, 32, "synthetic"), [one, two]),
    ]
    keys = [store_key(*case) for case in different]
    assert len(set(keys)) == len(different)
    elsewhere = [Source(Path("b", source.path.name), 10, 5) for source in (one, two)]
    assert store_key(LAYOUT, elsewhere) == keys[0]
    assert (len(keys[0]), set(keys[0]) <= set("0123456789abcdef")) == (64, True)


# ---- one scene of a store


def prepared(folder):
    """A folder with the files of an empty store."""
    folder.mkdir()
    for name in LAYOUT.extents:
        (folder / name).touch()
    return folder


def test_a_scene_is_written_into_its_own_extents_and_described(scenes, tmp_path):
    folder = prepared(tmp_path / "store")
    refs = np.full((*SHAPE, 6), np.nan, np.float32)
    path = write_scene_file(tmp_path / "S3A_night.hdf", refs=refs)
    record = write_scene(folder, LAYOUT, 2, source_of(path))
    assert (record.slot, record.scene, record.skipped) == (2, "S3A_night.hdf", None)
    assert record.filled == refs.size
    assert record.clear[1] + record.cloudy[1] == 20 * 32 * 32
    assert record.sha256 == stored_digest(folder, LAYOUT, 2) != stored_digest(folder, LAYOUT, 1)
    for name, length in LAYOUT.extents.items():
        content = (folder / name).read_bytes()
        assert (len(content), content[: 2 * length]) == (3 * length, bytes(2 * length))
    assert LAYOUT.scene_bytes == sum(LAYOUT.extents.values()) == 20 * 32 * 32 * 19


def test_a_scene_that_vanished_or_changed_since_the_run_began_is_refused(tmp_path):
    folder = prepared(tmp_path / "store")
    path = write_scene_file(tmp_path / "S3A_a.hdf")
    source = source_of(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SceneError) as caught:
        write_scene(folder, LAYOUT, 0, source)
    assert caught.value.found == "a file that changes while it is read"
    assert caught.value.remedy == "run again when nothing writes to the dataset any more"
    path.unlink()
    with pytest.raises(SceneError) as caught:
        write_scene(folder, LAYOUT, 0, source)
    assert caught.value.found == "no such file any more"
    assert caught.value.expected == "the file as it was when the run began"


@pytest.mark.parametrize("cut", [False, True])
def test_a_scene_that_changes_while_it_is_read_is_refused_as_that(tmp_path, monkeypatch, cut):
    def disturbed(path, shape, kind):
        if cut:
            os.truncate(path, 1000)
        scene = read_scene(path, shape, kind)
        os.utime(path, ns=(1, 1))
        return scene

    monkeypatch.setattr(patchstore, "read_scene", disturbed)
    folder = prepared(tmp_path / "store")
    path = write_scene_file(tmp_path / "S3A_a.hdf")
    with pytest.raises(SceneError, match="a file that changes while it is read"):
        write_scene(folder, LAYOUT, 0, source_of(path))
    assert (folder / INPUTS).stat().st_size == 0


def test_a_scene_of_another_kind_is_refused(tmp_path):
    folder = prepared(tmp_path / "store")
    source = source_of(write_scene_file(tmp_path / "S3A_a.hdf"))
    with pytest.raises(SceneError) as caught:
        write_scene(folder, PatchLayout(SHAPE, 32, "synthetic"), 0, source)
    assert (caught.value.found, caught.value.expected) == (
        "a scene of kind slstr",
        "data.kind synthetic, as configured",
    )


def test_polarity_is_inferred_from_the_temperature_under_the_label(tmp_path):
    bts = np.full((*SHAPE, 3), 290, np.float32)
    cloud = np.zeros((*SHAPE, 1), np.uint8)
    cloud[:75] = 2
    bts[:75] = 250
    told = []
    for name, bayes in (("a", cloud), ("b", 2 - cloud), ("c", 0 * cloud)):
        path = write_scene_file(tmp_path / f"S3A_{name}.hdf", bts=bts, bayes=bayes)
        told.append(cloud_is_colder(open_or_stage(tmp_path, "training", [path], LAYOUT, Display()).records))
    assert told == [True, False, None]


# ---- the journal

NAMES = [f"S3A_{i}.hdf" for i in range(3)]
RECORDS = [
    SceneRecord(0, "S3A_0.hdf", "0f" * 32, 7, (1.5, 3), (-2.25, 4)),
    SceneRecord(1, "S3A_1.hdf", skipped="dataset bts missing"),
    SceneRecord(2, "S3A_2.hdf", "1e" * 32),
]


@given(order=st.permutations(RECORDS))
def test_records_come_back_from_the_journal_whatever_their_order(tmp_path_factory, order):
    folder = tmp_path_factory.mktemp("journal")
    for record in order:
        with open_journal(folder) as append:
            append(record)
    assert read_journal(folder, NAMES) == dict(enumerate(RECORDS))


def test_a_later_line_of_a_scene_replaces_an_earlier_one(tmp_path):
    again = dataclasses.replace(RECORDS[0], sha256="aa" * 32)
    with open_journal(tmp_path) as append:
        for record in (*RECORDS, again):
            append(record)
    assert read_journal(tmp_path, NAMES)[0] == again


@given(data=st.data())
def test_a_journal_cut_anywhere_keeps_its_complete_lines_and_can_be_continued(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("journal")
    with open_journal(folder) as append:
        for record in RECORDS:
            append(record)
    journal = folder / "scenes.jsonl"
    content = journal.read_bytes()
    end = data.draw(st.integers(0, len(content)))
    os.truncate(journal, end)
    ends = itertools.accumulate(len(line) + 1 for line in content.splitlines())
    whole = sum(end >= line_end - 1 for line_end in ends)  # the line break itself may be missing
    assert read_journal(folder, NAMES) == dict(enumerate(RECORDS[:whole]))
    with open_journal(folder) as append:
        append(RECORDS[2])
    assert read_journal(folder, NAMES) == dict(enumerate(RECORDS[:whole])) | {2: RECORDS[2]}


@given(line=st.binary(max_size=200), first=st.booleans())
def test_a_line_that_is_no_record_tells_nothing(tmp_path_factory, line, first):
    folder = tmp_path_factory.mktemp("journal")
    if first:
        (folder / "scenes.jsonl").write_bytes(line)
    with open_journal(folder) as append:
        append(RECORDS[0])
    if not first:
        with (folder / "scenes.jsonl").open("ab") as file:
            file.write(line)
    assert read_journal(folder, NAMES) == {0: RECORDS[0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"slot": 3},
        {"slot": -1},
        {"slot": True},
        {"slot": 1},  # the place of another scene
        {"scene": "S3A_1.hdf"},
        {"scene": None},
        {"sha256": None},
        {"sha256": 5},
        {"filled": 1.5},
        {"clear": [1.0]},
        {"clear": [float("nan"), 1]},
        {"clear": "ab"},
        {"cloudy": [1.0, -1]},
        {"more": 1},
    ],
)
def test_a_record_that_does_not_belong_here_tells_nothing(tmp_path, changes):
    fields = dataclasses.asdict(RECORDS[0]) | changes
    (tmp_path / "scenes.jsonl").write_text(json.dumps(fields) + "\n")
    assert read_journal(tmp_path, NAMES) == {}


def test_no_journal_tells_nothing(tmp_path):
    assert read_journal(tmp_path, NAMES) == {}


# ---- the batches of an epoch


def arrays(batches):
    return [(inputs.numpy(), labels.numpy()) for inputs, labels in batches]


def joined(batches):
    """Inputs and labels of all batches in one."""
    return [np.concatenate(part) for part in zip(*arrays(batches), strict=True)]


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_epoch_is_a_permutation_given_by_seed_and_epoch():
    orders = [epoch_order(50, seed, epoch) for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert np.array_equal(orders[0], epoch_order(50, 1, 1))


def test_training_batches_are_full_and_known_in_number(store):
    batches = training_batches(store, 8, seed=1, epoch=1)
    assert len(batches) == 7
    assert_equal(joined(batches), store.read(epoch_order(60, 1, 1)[:56]))


def test_evaluation_batches_hold_every_patch_once(store):
    batches = evaluation_batches(store, 32)
    sizes = [len(labels) for _, labels in batches]
    assert (len(batches), sizes) == (2, [32, 28])
    assert_equal(joined(batches), store.read(range(60)))


@pytest.mark.parametrize("augmentation", [False, True])
@pytest.mark.parametrize("workers", [2, 3, 4, 9])
def test_the_shares_of_any_number_of_workers_make_up_each_global_batch(store, workers, augmentation):
    options = {"seed": 1, "epoch": 2, "augmentation": augmentation}
    whole = arrays(training_batches(store, 8, **options))
    shares = [arrays(training_batches(store, 8, share=(i, workers), **options)) for i in range(workers)]
    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert_equal([np.concatenate(part) for part in zip(*parts, strict=True)], batch)
        sizes = [len(labels) for _, labels in parts]
        assert sizes == sorted(sizes, reverse=True)
        assert max(sizes) - min(sizes) <= 1


def test_the_shares_of_evaluation_have_the_same_number_of_batches_even_if_empty(store):
    whole = arrays(evaluation_batches(store, 59))
    shares = [arrays(evaluation_batches(store, 59, share=(i, 2))) for i in range(2)]
    assert [[len(labels) for _, labels in share] for share in shares] == [[30, 1], [29, 0]]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert_equal([np.concatenate(part) for part in zip(*parts, strict=True)], batch)


@pytest.mark.parametrize("augmentation", [False, True])
@pytest.mark.parametrize("start", [0, 1, 6, 7])
def test_a_start_skips_exactly_that_many_batches(store, start, augmentation):
    options = {"seed": 1, "epoch": 2, "augmentation": augmentation}
    whole = arrays(training_batches(store, 8, **options))
    batches = training_batches(store, 8, start=start, **options)
    assert len(batches) == 7 - start
    for batch, expected in zip(arrays(batches), whole[start:], strict=True):
        assert_equal(batch, expected)


def undone(image, symmetry):
    """The image that ``turned`` made this of."""
    return np.rot90(image[:, ::-1] if symmetry >= 4 else image, -(symmetry % 4))


def test_the_eight_symmetries_are_different_and_can_be_undone():
    image = np.arange(4 * 4 * 2).reshape(4, 4, 2)
    shown = [turned(image, symmetry) for symmetry in range(SYMMETRIES)]
    assert len({one.tobytes() for one in shown}) == 8
    assert shown[0].tolist() == image.tolist()
    for symmetry, one in enumerate(shown):
        assert undone(one, symmetry).tolist() == image.tolist()
        assert sorted(map(tuple, one.reshape(-1, 2))) == sorted(map(tuple, image.reshape(-1, 2)))


def test_augmentation_shows_each_patch_in_its_symmetry_and_moves_the_label_with_it(store):
    augmented = joined(training_batches(store, 8, seed=1, epoch=2, augmentation=True))
    order, symmetries = epoch_order(60, 1, 2)[:56], epoch_symmetries(60, 1, 2)
    assert len(set(symmetries[order])) == SYMMETRIES
    for shown, stored in zip(augmented, store.read(order), strict=True):
        restored = [undone(one, symmetries[n]) for one, n in zip(shown, order, strict=True)]
        np.testing.assert_array_equal(restored, stored)


def test_symmetries_are_given_by_seed_epoch_and_patch_and_are_about_equally_frequent():
    drawn = [epoch_symmetries(8000, seed, epoch) for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert len({one.tobytes() for one in drawn}) == 3
    assert np.array_equal(drawn[0], epoch_symmetries(8000, 1, 1))
    counts = np.bincount(drawn[0], minlength=SYMMETRIES)
    assert (len(counts), counts.min() > 850, counts.max() < 1150) == (8, True, True)


def test_augmentation_leaves_the_store_as_it_is(store):
    before = store.read(range(60))
    joined(training_batches(store, 8, seed=1, epoch=1, augmentation=True))
    assert_equal(store.read(range(60)), before)


ON_A_DEVICE = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from pathlib import Path
from benchmark.stores.patchstore import PatchStore
from benchmark.compute.batches import evaluation_batches, training_batches
store = PatchStore(Path({folder!r}), {patch}, {scene_patches}, {slots})
training = lambda **on: training_batches(store, 4, 1, 1, **on)
for make in (training, lambda **on: evaluation_batches(store, 4, **on)):
    there, here = list(make(device="/CPU:1")), list(make())
    assert len(there) == len(here) > 1
    assert all(tensor.device.endswith("CPU:1") for batch in there for tensor in batch), there[0][0].device
    assert all(bool(tf.reduce_all(a == b)) for x, y in zip(there, here) for a, b in zip(x, y))
"""


def test_batches_can_lie_ready_on_a_device(store, tmp_path):
    code = ON_A_DEVICE.format(
        folder=str(store.folder),
        patch=store.patch,
        scene_patches=store.scene_patches,
        slots=store.slots,
    )
    done = run_code(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
