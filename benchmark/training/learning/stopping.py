"""Decide when to stop, as a pure function of the validation losses so far."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """The best epoch so far by validation loss, and whether patience has run out."""

    patience: int
    best_epoch: int = 0
    best_loss: float = math.inf

    def improved(self, epoch: int, loss: float) -> bool:
        """Record an epoch's loss; return whether it is the lowest so far."""
        if loss >= self.best_loss:
            return False
        self.best_epoch, self.best_loss = epoch, loss
        return True

    def exhausted(self, epoch: int) -> bool:
        """Whether ``patience`` epochs have passed since the best."""
        return epoch - self.best_epoch >= self.patience
