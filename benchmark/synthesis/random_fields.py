"""Random fields and small neighbourhoods: the texture of the embedded scenes. NumPy only.

Wave numbers count cycles per longer side of the scene, so that a field looks alike at every scene size. A
field is made on a domain an eighth larger than the scene and cropped, so that opposite edges of a scene do
not match.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Shape = tuple[int, int]

#: Rows computed at once: a block of a channel stays in the processor's cache. It is part of the recipe, since
#: instrument noise is drawn block by block.
BLOCK_ROWS = 40

#: Cellular fields: width of the ring of wave numbers (in powers of e), highest wave number of the clusters,
#: and the weight of each part.
CELL_SPREAD = 0.5
CLUSTER_LIMIT = 40
DETAIL_WEIGHT, CELL_WEIGHT, CLUSTER_WEIGHT = 0.7, 1.0, 1.0


def row_blocks(rows: int) -> Iterator[slice]:
    """Return slices of at most ``BLOCK_ROWS`` rows that cover ``rows`` rows in order."""
    return (slice(top, min(top + BLOCK_ROWS, rows)) for top in range(0, rows, BLOCK_ROWS))


def fast_length(least: int) -> int:
    """Return the smallest length >= ``least`` with no prime factors but 2, 3 and 5 (quick to transform)."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def random_field(
    rng: np.random.Generator,
    shape: Shape,
    beta: float,
    *,
    highest: float = math.inf,
    angle: float = 0.0,
    stretch: float = 1.0,
    cell: float | None = None,
) -> Array:
    """Return a random field float32 [R, C] of zero mean and unit variance with power ~ k**-beta.

    ``highest``: highest wave number (smooth fields draw only the numbers they need).
    ``angle`` (radians) and ``stretch`` (>= 1): structures are longer along that direction.
    ``cell`` (pixels): adds cells of that diameter and larger clusters of them.
    """
    side = max(shape)
    rows, columns = (fast_length(n + n // 8) for n in shape)
    top = _wave_limit(rows, side, highest)
    right = _wave_limit(columns, side, highest)
    row_waves = np.concatenate([np.arange(top + 1), np.arange(-top, 0)])
    ky = (row_waves * (side / rows)).astype(np.float32)[:, None]
    kx = (np.arange(right + 1) * (side / columns)).astype(np.float32)[None, :]

    along = math.cos(angle) * kx + math.sin(angle) * ky
    across = math.cos(angle) * ky - math.sin(angle) * kx
    k = np.sqrt((along * np.float32(stretch)) ** 2 + across**2)
    k[0, 0] = 1.0
    amplitude = k ** np.float32(-beta / 2)
    if cell is not None:
        # Cells of about that size, clusters of them, and finer detail; each scaled to unit variance first.
        cells = np.exp(-((np.log(k / np.float32(side / cell)) / np.float32(CELL_SPREAD)) ** 2))
        clusters = np.where(k < CLUSTER_LIMIT, k ** np.float32(-1.6), np.float32(0))
        weights = (DETAIL_WEIGHT, CELL_WEIGHT, CLUSTER_WEIGHT)
        parts = zip(weights, (amplitude, cells, clusters), strict=True)
        amplitude = np.sqrt(sum((np.float32(weight) * _unit(part)) ** 2 for weight, part in parts))
    if highest < side:
        amplitude[np.hypot(kx, ky) > highest] = 0
    amplitude[0, 0] = 0

    normals = rng.standard_normal((len(row_waves), right + 1, 2), dtype=np.float32)
    spectrum = np.zeros((rows, right + 1), dtype=np.complex64)
    spectrum[row_waves] = normals.view(np.complex64)[..., 0] * amplitude
    # Rows outside the scene are dropped between the two transforms.
    partly = np.fft.ifft(spectrum, axis=0)[: shape[0]]
    full = np.fft.irfft(partly, n=columns, axis=1)
    field: Array = np.ascontiguousarray(full[:, : shape[1]], dtype=np.float32)
    field -= field.mean()
    field /= max(float(field.std()), 1e-12)
    return field


def _wave_limit(length: int, side: int, highest: float) -> int:
    half = (length - 1) // 2
    return half if math.isinf(highest) else max(1, min(half, math.ceil(highest * length / side)))


def _unit(amplitude: Array) -> Array:
    power = amplitude.copy()
    power[0, 0] = 0
    return amplitude / np.float32(math.sqrt(float((power**2).sum())))


def level_above(field: Array, share: float) -> float:
    """Return the value that about ``share`` of the pixels exceed (from every fourth row and column)."""
    step = 4 if min(field.shape) >= 64 else 1
    return float(np.quantile(field[::step, ::step], min(max(1.0 - share, 0.0), 1.0)))


def shifted(field: Array, down: int, right: int) -> Array:
    """Shift the field by whole pixels, repeating the edge."""
    rows, columns = field.shape
    top, left = max(down, 0), max(right, 0)
    margins = ((top, top - down), (left, left - right))
    grown = np.pad(field, margins, mode="edge")
    return grown[top - down : top - down + rows, left - right : left - right + columns]


def box_sum(field: Array) -> Array:
    """Return sums over 3 x 3 neighbourhoods: float32 [R, C] -> [R - 2, C - 2]."""
    lines = field[:-2] + field[1:-1]
    lines += field[2:]
    sums = lines[:, :-2] + lines[:, 1:-1]
    sums += lines[:, 2:]
    return sums
