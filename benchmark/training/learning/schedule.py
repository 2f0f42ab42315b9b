"""When the learning rate is what, and when to stop. Pure functions of what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmark.config.schema import Training


def warmup_steps(training: Training, total_steps: int) -> int:
    return round(training.warmup_fraction * total_steps)


def learning_rate(training: Training, step: int, total_steps: int) -> float:
    """The learning rate of ``step`` (from 0): a linear rise, then constant or half a cosine to 0."""
    rising = warmup_steps(training, total_steps)
    if step < rising:
        return training.learning_rate * ((step + 1) / rising)  # the last one is exactly 1
    if training.schedule == "constant":
        return training.learning_rate
    progress = (step - rising) / max(total_steps - rising, 1)
    return training.learning_rate * (1 + math.cos(math.pi * progress)) / 2


@dataclass
class EarlyStopping:
    """The best epoch so far, by validation loss, and whether patience has run out."""

    patience: int
    best_epoch: int = 0
    best_loss: float = math.inf

    def improved(self, epoch: int, loss: float) -> bool:
        """Take note of an epoch's loss; whether it is the lowest so far."""
        if loss >= self.best_loss:
            return False
        self.best_epoch, self.best_loss = epoch, loss
        return True

    def exhausted(self, epoch: int) -> bool:
        """Whether ``patience`` epochs have passed since the best."""
        return epoch - self.best_epoch >= self.patience
