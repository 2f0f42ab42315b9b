"""The configuration of a run: frozen dataclasses, read from YAML by config_file.py.

Every check that needs no data and no device is made here, before anything is
computed: an unknown key, a wrong type or a value out of range names its field, what
was found, what was expected and what to do.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from benchmark.core.errors import ConfigError
from benchmark.core.escaping import quoted
from benchmark.record.events import DATA_KINDS, PRECISIONS, SCHEDULES, STATUSES

#: Takes the fastest precision that the devices multiply natively; a log says which that was.
AUTO = "auto"

#: numpy and TensorFlow take seeds below this.
SEED_LIMIT = 2**31


def check(ok: bool, name: str, found: object, expected: str, remedy: str = "") -> None:
    """Raise ConfigError for the field ``name`` unless ``ok``."""
    if not ok:
        remedy = remedy or f"correct {name} in the configuration file, or pass --set {name}=VALUE"
        raise ConfigError(name, found=quoted(found), expected=expected, remedy=remedy)


@dataclass(frozen=True)
class Submission:
    """Who submits (S6.1, P)."""

    #: Organisation, as it is to appear in the results.
    org: str
    #: onprem, cloud, research or preview.
    status: str = "research"
    #: The rules allow no other for Science.
    division: str = "open"
    #: Name of the system; null: made from what the node measures.
    platform: str | None = None
    #: Contact for reviewers (P); null: not logged, of which the checker warns.
    poc_name: str | None = None
    #: Their e-mail address.
    poc_email: str | None = None

    def __post_init__(self) -> None:
        check(bool(self.org.strip()), "submission.org", self.org, "the name of an organisation")
        check(self.status in STATUSES, "submission.status", self.status, f"one of {', '.join(STATUSES)}")
        check(self.division == "open", "submission.division", self.division, "open (S6.2)")


@dataclass(frozen=True)
class Synthetic:
    """The embedded dataset, made where it does not exist yet."""

    #: Another seed gives other scenes.
    seed: int = 21
    #: Scenes below training/, half of them by day.
    training_scenes: int = 20
    #: Scenes below inference/, half of them by day.
    inference_scenes: int = 8

    def __post_init__(self) -> None:
        check_seed(self.seed, "data.synthetic.seed")
        for name in ("training_scenes", "inference_scenes"):
            count = getattr(self, name)
            check(count > 0, f"data.synthetic.{name}", count, "at least 1")


@dataclass(frozen=True)
class Data:
    """Where the scenes are."""

    #: Folder that holds S3A*.hdf files, at any depth, to train and validate on.
    training: str
    #: Folder of those that are scored.
    inference: str
    #: slstr (observed) or synthetic.
    kind: str
    #: How to make the scenes; only for the synthetic kind.
    synthetic: Synthetic | None = None

    def __post_init__(self) -> None:
        check(self.kind in DATA_KINDS, "data.kind", self.kind, f"one of {', '.join(DATA_KINDS)}")
        check(
            self.synthetic is None or self.kind == "synthetic",
            "data.synthetic",
            "settings for synthetic scenes",
            "none with data.kind slstr",
        )


@dataclass(frozen=True)
class Method:
    """What turns a scene into probabilities of cloud (docs/methods.md)."""

    #: A shipped one (python -m benchmark.methods list), package.module, path/to/file.py, or masks:DIR.
    name: str = "unet"
    #: The method's own settings; it checks them itself.
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(bool(self.label), "method.name", self.name, "the name of a method")

    @property
    def label(self) -> str:
        """The last part of the name, as a folder's name can have it."""
        if self.name.startswith("masks:"):
            return "masks"
        last = self.name.removesuffix(".py").replace("\\", "/").rpartition("/")[2].rpartition(".")[2]
        return "".join(letter for letter in last if letter.isascii() and (letter.isalnum() or letter in "-_"))


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels; the defaults are the dataset's and the benchmark's (P)."""

    #: Rows of a scene.
    rows: int = 1200
    #: Columns of a scene.
    columns: int = 1500
    #: Rows and columns of a patch.
    patch: int = 256
    #: Overlap of inference patches; half of it is cut off each side.
    crop: int = 80

    def __post_init__(self) -> None:
        check(
            self.patch > 0,
            "geometry.patch",
            self.patch,
            "at least 1, and a multiple of what the method wants",
        )
        check(
            0 <= self.crop < self.patch and self.crop % 2 == 0,
            "geometry.crop",
            self.crop,
            f"an even number from 0 to {self.patch - 2}",
        )
        for name in ("rows", "columns"):
            size = getattr(self, name)
            check(size >= self.patch, f"geometry.{name}", size, f"at least one patch ({self.patch})")


@dataclass(frozen=True)
class Split:
    """Scenes to train on and scenes to validate on."""

    #: Share of the training scenes that trains; the others validate.
    train_fraction: float = 0.8
    #: Of its own, so that runs with other seeds train on the same scenes.
    seed: int = 42

    def __post_init__(self) -> None:
        check(0 < self.train_fraction < 1, "split.train_fraction", self.train_fraction, "above 0 and below 1")
        check_seed(self.seed, "split.seed")


@dataclass(frozen=True)
class Training:
    """How the weights are found."""

    #: Passes over all training patches, at most.
    epochs: int
    #: Patches of one step on one replica.
    batch_size: int = 32
    #: Its highest value.
    learning_rate: float = 1e-3
    #: constant, or cosine: from the learning rate down to 0 at the last step.
    schedule: str = "constant"
    #: Share of all steps in which the learning rate rises from 0 to its value.
    warmup_fraction: float = 0.0
    #: Epochs without a better validation loss before training stops.
    early_stopping_patience: int = 25
    #: auto takes mixed_bfloat16 where the hardware multiplies bfloat16, else float32.
    precision: str = AUTO
    #: Flip and turn every training patch at random: one of its eight symmetries in each epoch.
    augmentation: bool = False
    #: Compile the steps with XLA; faster on some GPUs, slower on CPUs.
    xla: bool = False

    def __post_init__(self) -> None:
        check(self.epochs > 0, "training.epochs", self.epochs, "at least 1 (P)")
        check(self.batch_size > 0, "training.batch_size", self.batch_size, "at least 1 (P)")
        check(
            0 < self.learning_rate < 1 and math.isfinite(self.learning_rate),
            "training.learning_rate",
            self.learning_rate,
            "above 0 (P) and below 1",
        )
        check(
            self.schedule in SCHEDULES, "training.schedule", self.schedule, f"one of {', '.join(SCHEDULES)}"
        )
        check(
            0 <= self.warmup_fraction < 1,
            "training.warmup_fraction",
            self.warmup_fraction,
            "from 0 to below 1",
        )
        check(
            self.early_stopping_patience > 0,
            "training.early_stopping_patience",
            self.early_stopping_patience,
            "at least 1",
        )
        check(
            self.precision in (AUTO, *PRECISIONS),
            "training.precision",
            self.precision,
            f"one of {', '.join((AUTO, *PRECISIONS))}",
        )


@dataclass(frozen=True)
class Inference:
    """What is predicted in addition to the scored masks."""

    #: Predict every scene in one piece too, and log how far both ways agree.
    whole_scenes: bool = False


@dataclass(frozen=True)
class Checkpoints:
    """What a run keeps of itself, so that it can be resumed."""

    #: Minutes between checkpoints within an epoch; one is made after every epoch in any case.
    every_minutes: float = 10.0
    #: How many stay.
    keep: int = 2

    def __post_init__(self) -> None:
        check(
            self.every_minutes >= 0 and math.isfinite(self.every_minutes),
            "checkpoints.every_minutes",
            self.every_minutes,
            "at least 0 (0: after every step)",
        )
        check(self.keep > 0, "checkpoints.keep", self.keep, "at least 1")


@dataclass(frozen=True)
class Config:
    """Everything that determines a run but the machine."""

    #: Names the run's folder.
    name: str
    submission: Submission
    data: Data
    training: Training
    #: A sentence for people.
    description: str = ""
    method: Method = field(default_factory=Method)
    geometry: Geometry = field(default_factory=Geometry)
    split: Split = field(default_factory=Split)
    inference: Inference = field(default_factory=Inference)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    #: Accuracy to reach (P).
    quality_target: float = 0.9
    #: Kelvin; the policy names it, no part of the reference uses it.
    min_sst: float = 273.15
    #: Of initial weights, order of patches, dropout and augmentation.
    seed: int = 1

    def __post_init__(self) -> None:
        usable = self.name.replace("-", "").replace("_", "").replace(".", "")
        check(
            usable.isalnum() and usable.isascii() and self.name[0].isalnum(),
            "name",
            self.name,
            "letters, digits, '-', '_' and '.', beginning with a letter or digit",
        )
        check(0 < self.quality_target <= 1, "quality_target", self.quality_target, "above 0, at most 1")
        check(273.15 <= self.min_sst < math.inf, "min_sst", self.min_sst, "at least 273.15 K (P)")
        check_seed(self.seed, "seed")

    @property
    def series(self) -> str:
        """The common name of runs that differ in their seeds: with the method where it is not the default."""
        if self.method.name == Method().name or self.method.label in self.name.split("-"):
            return self.name
        return f"{self.name}-{self.method.label}"

    @property
    def run_name(self) -> str:
        return f"{self.series}-seed-{self.seed}"

    def to_dict(self) -> dict[str, Any]:
        """All fields; of the method nothing where it is the default, as before there were others."""
        tree = dataclasses.asdict(self)
        if self.method == Method():
            del tree["method"]
        return tree

    def digest(self) -> str:
        """sha256 of what runs of one set have in common: all but the seed and the folders.

        A file of a method is identified by what the log says about its contents, not by its path.
        """
        shared = self.to_dict()
        if self.method.name.endswith(".py"):
            shared["method"]["name"] = "file"
        del shared["seed"], shared["data"]["training"], shared["data"]["inference"]
        return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()


def check_seed(seed: int, name: str) -> None:
    check(0 <= seed < SEED_LIMIT, name, seed, f"an integer from 0 to {SEED_LIMIT - 1}")


def parse_seed(text: str) -> int:
    """The seed that ``--seed`` gives. Raises ConfigError."""
    expected = f"an integer from 0 to {SEED_LIMIT - 1}"
    match = re.fullmatch(r"(-?)0*(\d+)", text.strip(), re.ASCII)
    check(match is not None, "--seed", text, expected, "pass an integer: --seed 1")
    sign, digits = match.groups() if match else ("", "")
    # Python reads no integer of thousands of digits
    seed = int(f"{sign}{digits}") if len(digits) <= len(str(SEED_LIMIT)) else SEED_LIMIT
    check(0 <= seed < SEED_LIMIT, "--seed", text, expected, "pass an integer in this range: --seed 1")
    return seed
