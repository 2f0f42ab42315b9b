"""Scores of a cloud mask, computed from integer pixel counts. Cloud is positive.

As ratios of integers they can be recomputed exactly from the written masks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray


def ratio(numerator: int, denominator: int) -> float | None:
    """Return the ratio of two counts; None if it is undefined."""
    return numerator / denominator if denominator else None


@dataclass(frozen=True)
class Confusion:
    """Pixel counts by prediction and reference mask."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    @property
    def correct(self) -> int:
        return self.true_positive + self.true_negative

    @property
    def pixels(self) -> int:
        return self.correct + self.false_positive + self.false_negative

    @property
    def accuracy(self) -> float | None:
        return ratio(self.correct, self.pixels)

    def scores(self) -> dict[str, float | int | None]:
        """Return the counts and all scores; an undefined score is None.

        kuiper_skill: true positive rate minus false positive rate (Hanssen-Kuiper).
        iou, f1, precision and recall are those of cloud.
        """
        hits, false_alarms, misses = self.true_positive, self.false_positive, self.false_negative
        recall = ratio(hits, hits + misses)
        false_rate = ratio(false_alarms, false_alarms + self.true_negative)
        return asdict(self) | {
            "accuracy": self.accuracy,
            "kuiper_skill": None if recall is None or false_rate is None else recall - false_rate,
            "iou": ratio(hits, hits + false_alarms + misses),
            "f1": ratio(2 * hits, 2 * hits + false_alarms + misses),
            "precision": ratio(hits, hits + false_alarms),
            "recall": recall,
        }


def confusion(mask: NDArray, reference: NDArray, where: NDArray | None = None) -> Confusion:
    """Count ``mask`` against ``reference`` (both [R, C], cloud where non-zero).

    where: bool [R, C], the pixels to count; all if None.
    """
    cloud, actual = mask.astype(bool, copy=False), reference.astype(bool, copy=False)
    if where is not None:
        cloud, actual = cloud[where], actual[where]
    both = int(np.count_nonzero(cloud & actual))
    predicted, present = int(np.count_nonzero(cloud)), int(np.count_nonzero(actual))
    return Confusion(both, predicted - both, present - both, cloud.size - predicted - present + both)
