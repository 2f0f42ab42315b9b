"""Convert between grids of a product: tie points to pixels, 500 m to 1 km. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.products.variables import Grid

#: Standard deviation, in pixels, of the Gaussian that scikit-image's `resize` applies before it halves an
#: image, and the reach of the filter.
_SIGMA, _REACH = 0.5, 2


def halve(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Halve [2 R, 2 C] -> [R, C] as the makers of the dataset did: a Gaussian, then the mean of 2 x 2 pixels.

    Equal to `skimage.transform.resize(image, (R, C))` with its defaults: anti-aliasing with sigma 0.5,
    reflected at the edges, and linear interpolation half-way between pixels.
    """
    gaussian = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _SIGMA) ** 2)
    taps = np.convolve(gaussian / gaussian.sum(), (0.5, 0.5))
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (_REACH, _REACH)
        padded = np.moveaxis(np.pad(image, padding, mode="reflect"), axis, 0)
        size = image.shape[axis]
        parts = [padded[k : k + size : 2] for k in range(len(taps))]
        # the taps are symmetric
        pairs = zip(taps[:3], parts[:3], reversed(parts[3:]), strict=True)
        image = np.moveaxis(sum(tap * (first + last) for tap, first, last in pairs), 0, axis)
    return np.ascontiguousarray(image)


def spline(values: NDArray[np.float64], at: NDArray[np.floating]) -> NDArray[np.float64]:
    """Interpolate values [n, ...] at 0 to n - 1 -> [m, ...] at ``at``, by a cubic spline through all of them.

    Not-a-knot ends, n at least 4; positions outside are moved to the ends. Applied along each axis in turn it
    equals `scipy.interpolate.RectBivariateSpline` with its defaults, which the makers used.
    """
    n = len(values)
    system, right = np.zeros((n, n)), np.zeros_like(values)
    inner = np.arange(1, n - 1)
    for offset, weight in ((-1, 1.0), (0, 4.0), (1, 1.0)):
        system[inner, inner + offset] = weight
    system[0, :3] = system[-1, -3:] = (1.0, -2.0, 1.0)
    right[1:-1] = 6 * (values[:-2] - 2 * values[1:-1] + values[2:])
    second = np.linalg.solve(system, right.reshape(n, -1)).reshape(values.shape)
    at = np.clip(at, 0, n - 1)
    left = np.minimum(at.astype(int), n - 2)
    after = (at - left).reshape(-1, *[1] * (values.ndim - 1))
    before = 1 - after
    return (
        before * values[left]
        + after * values[left + 1]
        + (before**3 - before) / 6 * second[left]
        + (after**3 - after) / 6 * second[left + 1]
    )


def tie_positions(shape: tuple[int, int], grid: Grid, tie: Grid) -> tuple[NDArray, NDArray]:
    """Return the positions of an image's rows and columns among those of the tie points."""
    columns = (np.arange(shape[1]) - grid.track_offset) * grid.across / tie.across + tie.track_offset
    rows = (np.arange(shape[0]) + grid.start_offset) * grid.along / tie.along - tie.start_offset
    return rows, columns


def bilinear(values: NDArray[np.float64], rows: NDArray, columns: NDArray) -> NDArray[np.float64]:
    """Interpolate values [r, c] between rows and columns: [len(rows), len(columns)].

    Beyond the edges the slope of the outermost interval continues. NaN where one of the four values is.
    """
    for axis, at in ((0, rows), (1, columns)):
        left = np.clip(np.floor(at).astype(int), 0, values.shape[axis] - 2)
        weight = np.expand_dims(at - left, 1 - axis)
        low, high = np.take(values, left, axis), np.take(values, left + 1, axis)
        values = low + weight * (high - low)
    return values


def block_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average 2 x 2 samples without NaN, [2 R, 2 C] -> [R, C]; 0 where all four are NaN."""
    blocks = values.reshape(values.shape[0] // 2, 2, values.shape[1] // 2, 2)
    finite = np.isfinite(blocks)
    total, count = np.where(finite, blocks, 0).sum(axis=(1, 3)), finite.sum(axis=(1, 3))
    return total / np.maximum(count, 1)
