"""Threshold tests of a pixel and its neighbours: cloud where any of them fires. NumPy only.

Five tests by day and five by night, after Saunders and Kriebel (1988) and the basic tests of the ATSR and
SLSTR products. A scene's own warm pixels replace the climatology that the originals compare with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.methods.interface import About, Example, Fitted, Tables
from benchmark.methods.quantities import (
    DARKEST,
    is_measured,
    local_deviation,
    physical,
    sampled_periods,
    warm_reference,
)

ABOUT = About(
    title="Threshold tests after Saunders and Kriebel",
    citations=(
        "An automated scheme for the removal of cloud contamination from AVHRR radiances over western "
        "Europe (1986). https://scilit.com/publications/58f98e8b90a16ec1df16d0e318b524e4",
        "An improved method for detecting clear sky and cloudy radiances from AVHRR data (1988). "
        "https://doi.org/10.1080/01431168808954841",
    ),
    adapted="The warmest pixels of each 300 km square replace a climatology. There is no land mask, no "
    "viewing angle and no oblique view: one set of thresholds holds for sea and land, the limit on thin "
    "cirrus is that of the nadir, and view-difference tests are left out. Thresholds are fitted to the "
    "training scenes, or constants of the literature.",
)

#: Each test fires where its statistic exceeds a threshold; the tables have the same order.
DAY_TESTS = ("gross", "coherence", "visible", "ratio", "cirrus")
NIGHT_TESTS = ("gross", "coherence", "cirrus", "fog", "high")
#: SLSTR's own tests, by day only: 1.375 and 1.61 um, which AVHRR did not have.
EXTENSION = ("reflectance_1375", "reflectance_1610")

#: Values that later descriptions attribute to the papers. ratio: in units of the window. coherence: over sea.
#: gross and visible have no transferable constant: 10 K, and CLAVR-1's over land (Stowe and others, 1999).
PUBLISHED = {
    "gross": 10.0,
    "coherence": 0.2,
    "visible": 0.44,
    "ratio": -1.0,
    "cirrus": 0.0,
    "fog": 1.0,
    "high": 1.5,
}

#: Reflectance ratio of 0.87 to 0.66 um: lower over clear sea, higher over vegetation.
RATIO_WINDOW = (0.75, 1.6)
#: Largest T11 - T12 [K] of clear sky in nadir view, at T11 [K], as attributed to the paper of 1988.
CLEAR_T11 = (260.0, 270.0, 280.0, 290.0, 300.0, 310.0)
CLEAR_SPLIT = (0.55, 0.58, 1.30, 3.06, 5.77, 9.41)


#: Approximate number of grid pixels per training scene: a fit to 1000 scenes takes half a gigabyte.
PIXELS_PER_SCENE = 10_000
QUANTILES, ROUNDS = 100, 5


@dataclass(frozen=True)
class Options:
    """constants: "fitted" to the training scenes, or "published". extended: add tests at 1.375, 1.61 um."""

    constants: str = "fitted"
    extended: bool = False

    def __post_init__(self) -> None:
        if self.constants not in ("fitted", "published"):
            raise ValueError(f"constants is {self.constants!r}; it may be 'fitted' or 'published'")
        if self.extended and self.constants == "published":
            raise ValueError("extended is true, but its two tests have no published constants to use")


def method(options: Options) -> Fitted:
    """Return the tests with the thresholds that ``options`` choose; P is 1 where a test fires, else 0."""
    day = DAY_TESTS + EXTENSION if options.extended else DAY_TESTS

    def fit(images: Iterable[Example], seed: int) -> Tables:
        published = {
            "day": np.array([PUBLISHED.get(name, np.inf) for name in day], np.float32),
            "night": np.array([PUBLISHED[name] for name in NIGHT_TESTS], np.float32),
        }
        return published if options.constants == "published" else fit_thresholds(images, day, published)

    return Fitted(fit, lambda inputs, tables: predict(inputs, tables, day))


def predict(
    inputs: NDArray[np.float32], tables: Tables, day: tuple[str, ...] = DAY_TESTS
) -> NDArray[np.float32]:
    """Return 1 where any test of the pixel's period fires, else 0: the tests give no probability.

    inputs: float32 [R, C, 9], normalised. tables: thresholds "day" and "night". Fill is 0.
    """
    refs, bts = physical(inputs)
    measured = is_measured(bts)
    values = statistics(refs, bts, measured)
    cloud = np.where(
        (refs > 0).any(axis=-1),
        _any_fires(values, day, tables["day"]),
        _any_fires(values, NIGHT_TESTS, tables["night"]),
    )
    return (cloud & measured).astype(np.float32)


def statistics(
    refs: NDArray[np.float32], bts: NDArray[np.float32], measured: NDArray[np.bool_]
) -> dict[str, NDArray[np.float32]]:
    """Return the statistic that each test compares with its threshold, float32 [R, C], larger for cloud.

    refs: [R, C, 6] reflectances. bts: [R, C, 3] kelvin. measured: [R, C].
    """
    t37, t11, t12 = np.moveaxis(bts, -1, 0)
    red, nir = (np.maximum(refs[..., channel], DARKEST) for channel in (1, 2))
    below, above = RATIO_WINDOW
    ratio = nir / red
    clear_split = np.interp(t11, CLEAR_T11, CLEAR_SPLIT).astype(np.float32)
    return {
        "gross": warm_reference(t12, measured) - t12,
        "coherence": local_deviation(t11, measured),
        "visible": refs[..., 1],
        # 0 at equal reflectance, -1 at either end of the window
        "ratio": -np.maximum((1 - ratio) / (1 - below), (ratio - 1) / (above - 1)),
        "cirrus": t11 - t12 - clear_split,
        "fog": t11 - t37,
        "high": t37 - t12,
        "reflectance_1375": refs[..., 3],
        "reflectance_1610": refs[..., 4],
    }


def fit_thresholds(images: Iterable[Example], day: tuple[str, ...], published: Tables) -> Tables:
    """Return the most accurate thresholds on pixels of the training images, by day and by night.

    A period without pixels keeps the published thresholds.
    """
    tests = {"day": day, "night": NIGHT_TESTS}
    pixels: dict[str, list[NDArray[np.float32]]] = {"day": [], "night": []}
    labels: dict[str, list[NDArray[np.bool_]]] = {"day": [], "night": []}
    for image in images:
        refs, bts = physical(image.inputs)
        measured = is_measured(bts)
        values = statistics(refs, bts, measured)
        for period, where in sampled_periods(image, refs, measured, PIXELS_PER_SCENE).items():
            pixels[period].append(np.stack([values[name][where] for name in tests[period]]))
            labels[period].append(image.cloud[where])
    return {
        period: best_thresholds(np.concatenate(pixels[period], axis=1), np.concatenate(labels[period]))
        if sum(map(len, labels[period]))
        else published[period]
        for period in tests
    }


def best_thresholds(values: NDArray[np.float32], cloud: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return thresholds [tests] for statistics [tests, n] such that 'any exceeds' agrees best with cloud [n].

    Coordinate descent from all tests off (infinity): each threshold in turn moves to the quantile of its
    statistic, or off, that gets most pixels right. Independent of the order of pixels.
    """
    grids = [
        np.unique(np.quantile(row, np.linspace(0, 1, QUANTILES + 1)).astype(np.float32)) for row in values
    ]
    # value > grid[i] is exactly level > i; at the grid's end the test is off
    levels = [np.searchsorted(grid, row).astype(np.uint8) for grid, row in zip(grids, values, strict=True)]
    chosen = [len(grid) for grid in grids]
    fired = np.zeros(cloud.shape, np.uint8)
    for _ in range(ROUNDS):
        before = list(chosen)
        for test, level in enumerate(levels):
            fired -= level > chosen[test]
            undecided = fired == 0
            bins = len(grids[test]) + 1
            hits, false_alarms = (
                np.bincount(level[undecided & label], minlength=bins) for label in (cloud, ~cloud)
            )
            above = (hits - false_alarms)[::-1].cumsum()[::-1]
            gain = np.append(above[1:], 0)  # of the threshold grid[i], and of none
            if gain.max() > gain[chosen[test]]:
                chosen[test] = int(gain.argmax())
            fired += level > chosen[test]
        if chosen == before:
            break
    return np.array([np.append(grid, np.inf)[i] for grid, i in zip(grids, chosen, strict=True)], np.float32)


def _any_fires(
    values: dict[str, NDArray[np.float32]], tests: tuple[str, ...], thresholds: NDArray
) -> NDArray[np.bool_]:
    fires = [values[name] > threshold for name, threshold in zip(tests, thresholds, strict=True)]
    return np.logical_or.reduce(fires)
