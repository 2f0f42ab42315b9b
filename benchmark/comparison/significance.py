"""Find which methods differ: paired differences over scenes, with a bootstrap interval.

It resamples scenes, not pixels: the pixels of one scene are far from independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: Number of resamples, and the share of them inside the interval.
RESAMPLES = 10_000
CONFIDENCE = 0.95
#: Seed of the resampling, so that a table is the same each time.
_SEED = 1


@dataclass(frozen=True)
class Difference:
    """Mean difference in accuracy over scenes, first minus second, and its interval."""

    first: str
    second: str
    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def paired_difference(
    first: tuple[str, Mapping[str, float]], second: tuple[str, Mapping[str, float]]
) -> Difference:
    """Compare two methods, each given by name and accuracy on every scene (the same scenes)."""
    names = sorted(first[1])
    differences = np.array([first[1][name] - second[1][name] for name in names])
    drawn = np.random.default_rng(_SEED).integers(len(names), size=(RESAMPLES, len(names)))
    means = differences[drawn].mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Difference(first[0], second[0], float(differences.mean()), float(low), float(high))


def differences_to_best(rows: Sequence[tuple[str, Mapping[str, float]]]) -> list[Difference]:
    """Compare the first row with each of the others."""
    return [paired_difference(rows[0], other) for other in rows[1:]]
