"""The learning rate of every step. Pure functions: a run uses them, the checker repeats them."""

from __future__ import annotations

import math

from benchmark.config.schema import Training


def warmup_steps(training: Training, total_steps: int) -> int:
    return round(training.warmup_fraction * total_steps)


def learning_rate(training: Training, step: int, total_steps: int) -> float:
    """Return the configured learning rate of ``step`` (from 0)."""
    rising = warmup_steps(training, total_steps)
    return rate_of(step, training.learning_rate, training.schedule, rising, total_steps)


def rate_of(step: int, peak: float, schedule: str, rising: int, total_steps: int) -> float:
    """Rise linearly to the peak over ``rising`` steps, then stay constant or fall as half a cosine to 0."""
    if step < rising:
        return peak * ((step + 1) / rising)  # the factor is exactly 1 at the last one
    if schedule == "constant":
        return peak
    progress = (step - rising) / max(total_steps - rising, 1)
    return peak * (1 + math.cos(math.pi * progress)) / 2
