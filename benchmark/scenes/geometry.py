"""Cut patches from a scene, and put them together to a mask. NumPy only.

Training: the centre of the scene in patches side by side. Inference: overlapping patches over the whole scene
with TensorFlow's SAME padding, of which only the inner part is kept. With the benchmark's sizes (1200 x 1500,
patch 256, crop 80): 4 x 5 = 20 training patches from a margin of 88 rows and 110 columns, and 7 x 9 = 63
inference patches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Rows and columns of a scene of the dataset.
FULL_SHAPE = (1200, 1500)


def training_patches(image: NDArray, patch: int) -> NDArray:
    """Cut patches side by side from the centre: [R, C, ...] -> [n, patch, patch, ...], row by row.

    If the remainder is odd, the extra pixel is below and to the right.
    """
    (top, rows), (left, columns) = (_centre(size, patch) for size in image.shape[:2])
    centre = image[top : top + rows * patch, left : left + columns * patch]
    tiles = centre.reshape(rows, patch, columns, patch, *image.shape[2:]).swapaxes(1, 2)
    return tiles.reshape(rows * columns, patch, patch, *image.shape[2:])


def training_patch_count(shape: tuple[int, int], patch: int) -> int:
    return (shape[0] // patch) * (shape[1] // patch)


def inference_patches(image: NDArray, patch: int, crop: int) -> NDArray:
    """Cut overlapping patches from the zero-padded image: [R, C, ...] -> [n, patch, patch, ...].

    Equal to tf.image.extract_patches with stride patch - crop and SAME padding.
    """
    windows = inference_windows(image, patch, crop)
    return windows.reshape(-1, *windows.shape[2:])


def inference_windows(image: NDArray, patch: int, crop: int) -> NDArray:
    """Return the inference patches by row and column, as a view of the zero-padded image.

    [R, C, ...] -> [rows, columns, patch, patch, ...]; copied, the overlapping patches take twice the memory.
    """
    stride = patch - crop
    (top, bottom, rows), (left, right, columns) = (_same_padding(n, patch, stride) for n in image.shape[:2])
    rest = [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, [(top, bottom), (left, right), *rest])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (patch, patch), axis=(0, 1))
    windows = np.moveaxis(windows[::stride, ::stride], (-2, -1), (2, 3))
    return windows[:rows, :columns]


def kept(patches: NDArray, crop: int) -> NDArray:
    """Crop predicted patches: [n, patch, patch, ...] -> [n, patch - crop, patch - crop, ...].

    Works for arrays and tensors.
    """
    edge = crop // 2
    return patches[:, edge : patches.shape[1] - edge, edge : patches.shape[2] - edge]


def stitch(tiles: NDArray, shape: tuple[int, int]) -> NDArray:
    """Assemble the image of ``shape`` from the cropped inference patches [n, stride, stride].

    Every pixel comes from exactly one tile; what the tiles exceed ``shape`` by is cut off evenly.
    """
    stride = tiles.shape[1]
    rows, columns = (-(-size // stride) for size in shape)
    image = (
        tiles.reshape(rows, columns, stride, stride).swapaxes(1, 2).reshape(rows * stride, columns * stride)
    )
    top, left = (rows * stride - shape[0]) // 2, (columns * stride - shape[1]) // 2
    return image[top : top + shape[0], left : left + shape[1]]


def _centre(size: int, patch: int) -> tuple[int, int]:
    """Return the offset of the first patch and the number of patches along a side."""
    return (size % patch) // 2, size // patch


def _same_padding(size: int, patch: int, stride: int) -> tuple[int, int, int]:
    """Return the zeros before and after, and the number of patches along a side (TensorFlow's SAME)."""
    count = -(-size // stride)
    total = max((count - 1) * stride + patch - size, 0)
    return total // 2, total - total // 2, count
