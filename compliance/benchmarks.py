"""The four benchmarks of MLCommons Science: their measures, targets and hyperparameters, as data.

Source: science/policy.adoc 0.5, 'Benchmarks' and 'Hyperparameters and Optimizer'; names as
submit.adoc spells {application}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measure of a benchmark: its name, and the values it can and should have.

    A result names it if one of its fields contains the word. ``target`` is the policy's quality target,
    None if it sets none; ``lower_is_better`` says on which side of the target a result should be.
    """

    word: str
    #: Keys of point-in-time events that log it.
    keys: tuple[str, ...] = ()
    most: float = 1.0
    target: float | None = None
    lower_is_better: bool = False

    def reaches(self, value: float) -> bool:
        """Whether a value meets the target."""
        if self.target is None:
            return True
        return value <= self.target if self.lower_is_better else value >= self.target


@dataclass(frozen=True)
class Benchmark:
    """A benchmark, its measures, and the hyperparameters that the policy lists.

    A hyperparameter may have several names: the policy's, and those in logs and configurations.
    """

    title: str
    measures: tuple[Measure, ...]
    hyperparameters: Mapping[str, tuple[str, ...]]


_LEARNING_RATE = ("learning_rate", "opt_base_learning_rate")
_BATCH_SIZE = ("batch_size", "local_batch_size", "global_batch_size")
_EPOCHS = {"num_epochs": ("num_epochs", "epochs")}
_USUAL = _EPOCHS | {"learning_rate": _LEARNING_RATE, "batch_size": _BATCH_SIZE}

#: The policy's quality target for CloudMask.
QUALITY_TARGET = 0.9

BENCHMARKS: Mapping[str, Benchmark] = {
    "cloudmask": Benchmark(
        "CloudMask",
        (Measure("accuracy", ("eval_accuracy", "test_accuracy"), target=QUALITY_TARGET),),
        {
            "epochs": ("epochs",),
            "learning_rate": _LEARNING_RATE,
            "batch_size": _BATCH_SIZE,
            "MIN_SST": ("min_sst",),
            "PATCH_SIZE": ("patch_size",),
            "seed": ("seed", "seeds"),
        },
    ),
    "earthquake": Benchmark(
        "Earthquake Prediction",
        (Measure("nnse", ("NNSE", "nnse"), target=0.8),),
        {
            "TFTTransformerepochs": ("tfttransformerepochs", "epochs", "num_epochs"),
            "TFTTransformerbatch_size": ("tfttransformerbatch_size", *_BATCH_SIZE),
            "TFTTransformertestvalbatch_size": ("tfttransformertestvalbatch_size",),
            "TFTd_model": ("tftd_model",),
            "Tseq": ("tseq",),
            "TFTdropout_rate": ("tftdropout_rate", "dropout"),
            "learning_rate": _LEARNING_RATE,
            "early_stopping_patience": ("early_stopping_patience",),
        },
    ),
    "stemdl": Benchmark(
        "STEMDL Classification",
        (
            Measure("accuracy", ("top1_accuracy", "eval_accuracy", "test_accuracy")),
            Measure("f1", ("f1", "f1_score")),
        ),
        _USUAL,
    ),
    "uno": Benchmark(
        "CANDLE UNO",
        (Measure("loss", ("eval_loss", "val_loss"), float("inf"), 0.0054, lower_is_better=True),),
        _USUAL,
    ),
}


def version_pattern(benchmark: str) -> re.Pattern[str]:
    """Return the pattern of a benchmark's VERSION.txt: ``mlcommons-cloudmask-v1.1``."""
    return re.compile(rf"mlcommons-{re.escape(benchmark)}-v\d+(\.\d+)*")
