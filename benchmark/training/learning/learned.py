"""The interface between a run and a method: while it learns, and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmark.training.evaluate import PredictScene
from benchmark.training.identity import Computing
from benchmark.training.learning.checkpoint import Checkpoint
from benchmark.training.stage import Staged


@dataclass(frozen=True)
class Learned:
    """A method that is ready to predict."""

    predict: PredictScene
    #: The same in one piece, if ``predict`` tiles a scene.
    predict_whole: PredictScene
    #: The measurements of each epoch, and which epoch was best; none for masks.
    rows: Sequence[dict[str, Any]]
    best_epoch: int
    #: In words, for the masks' attributes.
    weights: str
    #: sha256 of weights, tables or masks.
    sha256: str
    #: Number of values that training or fitting determined.
    parameters: int
    precision: str
    #: Floating-point operations of the convolutions for one patch, forward, as the model defines them.
    operations: int | None = None


class Learner(Protocol):
    """The common interface of a network, a fitted method, and masks."""

    @property
    def computing(self) -> Computing: ...

    def learn(self, staged: Staged | None, checkpoint: Checkpoint | None) -> Learned: ...
