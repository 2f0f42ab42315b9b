"""The learning rate of every step. Pure functions: a run steps by them, the checker repeats them."""

from __future__ import annotations

import math

from benchmark.config.schema import Training


def warmup_steps(training: Training, total_steps: int) -> int:
    return round(training.warmup_fraction * total_steps)


def learning_rate(training: Training, step: int, total_steps: int) -> float:
    """The learning rate of ``step`` (from 0) as configured."""
    rising = warmup_steps(training, total_steps)
    return rate_of(step, training.learning_rate, training.schedule, rising, total_steps)


def rate_of(step: int, peak: float, schedule: str, rising: int, total_steps: int) -> float:
    """A linear rise to the peak over ``rising`` steps, then constant or half a cosine to 0."""
    if step < rising:
        return peak * ((step + 1) / rising)  # the last one is exactly 1
    if schedule == "constant":
        return peak
    progress = (step - rising) / max(total_steps - rising, 1)
    return peak * (1 + math.cos(math.pi * progress)) / 2
