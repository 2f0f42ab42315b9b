"""What a run needs of a method while it learns, and what it has of it afterwards."""

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
    #: The same in one piece, where ``predict`` tiles a scene.
    predict_whole: PredictScene
    #: The measurements of each epoch, and which of them was best; none for masks.
    rows: Sequence[dict[str, Any]]
    best_epoch: int
    #: In words, for the masks' attributes.
    weights: str
    #: sha256 of weights, tables or masks.
    sha256: str
    #: Numbers that training or fitting determined.
    parameters: int
    precision: str
    #: Floating-point operations of the convolutions for one patch, forward, as the model defines them.
    operations: int | None = None


class Learner(Protocol):
    """A network, a fitted method, or masks, under one story."""

    @property
    def computing(self) -> Computing: ...

    def learn(self, staged: Staged | None, checkpoint: Checkpoint | None) -> Learned: ...
