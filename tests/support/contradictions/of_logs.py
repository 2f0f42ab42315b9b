"""Contradictions inside a log, planted in a good log so that everything else in it agrees.

Unlike a defect (tests/support/defects), a contradiction must break only its own rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.contradictions.of_digests import digests, experiments
from tests.support.contradictions.of_losses import losses
from tests.support.contradictions.of_scores import counts, masks
from tests.support.contradictions.of_times import rates, times
from tests.support.defects.defect import Defect


def contradictions() -> Iterator[Defect]:
    """Yield all contradictions."""
    for group in (losses, digests, counts, masks, times, rates, experiments):
        yield from group()
