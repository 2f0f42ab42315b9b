"""All paths of a run. A run is a folder; no other code builds paths inside it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

LOG_NAME = "result.txt"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run below ``root`` (for example ``logs/quickstart-seed-1``)."""

    root: Path

    @property
    def log(self) -> Path:
        """The MLLOG log."""
        return self.root / LOG_NAME

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.root / "config.yaml"

    @property
    def system(self) -> Path:
        """What the node of the first start measured of itself."""
        return self.root / "system.json"

    def system_of(self, start: int) -> Path:
        """Facts measured by the node of the given start: a resumed run adds system-2.json and so on."""
        return self.system if start == 1 else self.root / f"system-{start}.json"

    @property
    def systems(self) -> list[Path]:
        """The files of all starts so far, in order."""
        return list(takewhile(Path.exists, map(self.system_of, count(1))))

    @property
    def metrics(self) -> Path:
        """One line per epoch: losses, accuracies, learning rate, seconds."""
        return self.root / "metrics.csv"

    @property
    def job_script(self) -> Path:
        """The batch file of a run that is part of an experiment (docs/sweep.md)."""
        return self.root / "job.slurm"

    @property
    def requeued(self) -> Path:
        """How far the run had come when its job was last put back into the queue."""
        return self.root / "requeued"

    @property
    def announcement(self) -> Path:
        """What the run knows of the experiment that it is part of (docs/sweep.md)."""
        return self.root / "experiment.json"

    @property
    def timers(self) -> Path:
        """The cloudmesh StopWatch's benchmark table."""
        return self.root / "timers.txt"

    @property
    def telemetry(self) -> Path:
        """Load, memory, power and energy every few seconds."""
        return self.root / "telemetry.csv"

    @property
    def measured(self) -> list[Path]:
        """The existing files with the run's measurements of itself and its node, and its weights."""
        telemetry = [self.telemetry, *sorted(self.root.glob("telemetry-*.csv"))]  # of other nodes
        found = (self.metrics, self.timers, *telemetry, self.weights)
        return [*self.systems, *(path for path in found if path.exists())]

    @property
    def tensorboard(self) -> Path:
        """Scalars for TensorBoard (--tensorboard)."""
        return self.root / "tensorboard"

    @property
    def native_messages(self) -> Path:
        """What the compiled code of TensorFlow wrote to standard error."""
        return self.root / "tensorflow.txt"

    @property
    def checkpoints(self) -> Path:
        """The last checkpoints while it runs; the best and the last model when it is complete."""
        return self.root / "checkpoints"

    @property
    def best_weights(self) -> Path:
        """The model of the epoch with the lowest validation loss."""
        return self.checkpoints / "best.keras"

    @property
    def last_weights(self) -> Path:
        """The model of the last epoch."""
        return self.checkpoints / "last.keras"

    @property
    def weights(self) -> Path:
        """What predicts, as arrays: the best weights of a network, or the tables of a fitted method."""
        return self.root / "weights.npz"

    @property
    def method(self) -> Path:
        """A copy of the method's source, where it is a file of the user's."""
        return self.root / "method.py"

    @property
    def masks(self) -> Path:
        """A mask of every inference scene."""
        return self.root / "masks"

    def mask(self, scene_name: str) -> Path:
        """The predicted mask of one inference scene."""
        return self.masks / f"{scene_name}.h5"

    @property
    def plots(self) -> Path:
        """Pictures of the run."""
        return self.root / "plots"

    @property
    def curves_plot(self) -> Path:
        """Loss and accuracy by epoch."""
        return self.plots / "curves.png"

    @property
    def scenes_plot(self) -> Path:
        """Inference scenes with label and mask."""
        return self.plots / "scenes.png"

    @property
    def lock(self) -> Path:
        """Held by the process that writes into this folder."""
        return self.root / ".lock"
