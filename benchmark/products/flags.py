"""The flags of a product's 1 km grid: what the bits mean, when a scene is day, and the label.

In `bayes_in`, a set bit marks cloud. Over water it is bit 2, set where the Bayesian probability of cloud is
at least 0.10: "not confidently clear" (docs/dataset.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Bits of bayes_in.
BAYES_BITS = {"single_low": 1, "single_moderate": 2, "dual_low": 4, "dual_moderate": 8}

#: Bits of confidence_in and, on the 500 m grids, of confidence_an and confidence_bn.
UNFILLED, COSMETIC, DAY, TWILIGHT, SUMMARY_CLOUD = 32, 256, 1024, 2048, 16384

#: A label's value for cloud, as the makers of the dataset wrote it.
FLAGGED = 255.0


class Flags(NamedTuple):
    """bayes: uint8 [R, C]; confidence: uint16 [R, C]; both with the product's bits."""

    bayes: NDArray[np.uint8]
    confidence: NDArray[np.uint16]

    @property
    def is_day(self) -> bool:
        """Whether every pixel is day: the makers' rule for the folder `day`; all others are `night`."""
        return bool((self.confidence & DAY).all())

    @property
    def has_day(self) -> bool:
        """Whether any pixel is day or twilight, so that it has reflectances."""
        return bool((self.confidence & (DAY | TWILIGHT)).any())


def flagged(bits: NDArray[np.integer], mask: int) -> NDArray[np.float64]:
    """Return 255 where any bit of ``mask`` is set, else 0: float64 [R, C, 1], as in the dataset."""
    return np.where(bits & mask, FLAGGED, 0.0)[..., np.newaxis]
