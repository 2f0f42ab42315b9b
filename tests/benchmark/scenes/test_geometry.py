"""Patches and stitching, for the benchmark's sizes and any others."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.scenes.geometry import inference_patches, kept, stitch, training_patch_count, training_patches

sizes = st.tuples(st.integers(8, 90), st.integers(8, 90))
tilings = st.integers(4, 32).flatmap(
    lambda patch: st.tuples(st.just(patch), st.integers(0, (patch - 1) // 2).map(lambda half: 2 * half))
)


def numbered(rows: int, columns: int) -> np.ndarray:
    """An image in which every pixel is another number, none of them 0."""
    return np.arange(1, rows * columns + 1, dtype=np.int32).reshape(rows, columns)


def test_the_benchmark_cuts_20_training_patches_from_a_margin_of_88_rows_and_110_columns():
    image = numbered(1200, 1500)
    patches = training_patches(image, 256)
    assert patches.shape == (20, 256, 256)
    assert training_patch_count((1200, 1500), 256) == 20
    assert (patches[0, 0, 0], patches[-1, -1, -1]) == (image[88, 110], image[88 + 1023, 110 + 1279])
    assert patches[6, 3, 4] == image[88 + 256 + 3, 110 + 256 + 4]


def test_the_benchmark_cuts_63_inference_patches_from_a_padding_of_56_rows_and_82_columns():
    image = numbered(1200, 1500)
    patches = inference_patches(image, 256, 80)
    assert patches.shape == (63, 256, 256)
    assert patches[0, 56, 82] == image[0, 0]
    assert not patches[0, :56].any()
    assert not patches[0, :, :82].any()
    assert patches[62, 255 - 56, 255 - 82] == image[-1, -1]
    assert np.array_equal(stitch(kept(patches, 80), (1200, 1500)), image)


@given(sizes, tilings)
def test_every_pixel_is_written_once_from_the_place_the_geometry_names(shape, tiling):
    patch, crop = tiling
    stride = patch - crop
    image = numbered(*shape)
    patches = inference_patches(image, patch, crop)
    # an image of origins: which patch each stitched pixel came from, and which pixel of it
    index = np.arange(patches.size, dtype=np.int64).reshape(patches.shape)
    origin = stitch(kept(index, crop), shape)
    assert len(np.unique(origin)) == image.size
    number, row, column = np.unravel_index(origin, patches.shape)
    counts = [-(-size // stride) for size in shape]
    surplus = [(count * stride - size) // 2 for count, size in zip(counts, shape, strict=True)]
    rows, columns = np.indices(shape)
    assert np.array_equal(
        number, (rows + surplus[0]) // stride * counts[1] + (columns + surplus[1]) // stride
    )
    assert np.array_equal(row, (rows + surplus[0]) % stride + crop // 2)
    assert np.array_equal(column, (columns + surplus[1]) % stride + crop // 2)
    assert np.array_equal(patches[number, row, column], image)


@settings(deadline=None, max_examples=30)
@given(sizes, tilings, st.integers(1, 3))
def test_inference_patches_equal_tensorflows_extract_patches_with_same_padding(shape, tiling, channels):
    import tensorflow as tf

    patch, crop = tiling
    image = np.random.default_rng(0).random((*shape, channels), np.float32)
    stride = patch - crop
    theirs = tf.image.extract_patches(
        image[None], [1, patch, patch, 1], [1, stride, stride, 1], [1, 1, 1, 1], "SAME"
    ).numpy()
    ours = inference_patches(image, patch, crop)
    assert np.array_equal(ours, theirs.reshape(-1, patch, patch, channels))


@given(st.tuples(st.integers(4, 90), st.integers(4, 90)), st.integers(1, 40))
def test_training_patches_lie_side_by_side_in_the_centre(shape, patch):
    image = numbered(*shape)
    rows, columns = (size // patch for size in shape)
    if not rows or not columns:
        return
    patches = training_patches(image, patch)
    assert len(patches) == training_patch_count(shape, patch) == rows * columns
    top, left = ((size % patch) // 2 for size in shape)
    for number, one in enumerate(patches):
        r, c = top + number // columns * patch, left + number % columns * patch
        assert np.array_equal(one, image[r : r + patch, c : c + patch])
