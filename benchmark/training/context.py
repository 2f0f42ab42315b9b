"""What every part of a run works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.compute.cluster import Cluster
from benchmark.config.schema import Config
from benchmark.core.display import Display
from benchmark.core.interruption import Interruption
from benchmark.record.eventlog import EventLog
from benchmark.record.run_folder import RunFolder
from benchmark.record.telemetry import Telemetry
from benchmark.scenes.scene import Scene
from benchmark.stores.patchstore import Layout


@dataclass(frozen=True)
class Run:
    """Configuration, files, log and display of one run."""

    config: Config
    folder: RunFolder
    log: EventLog
    display: Display
    #: Folder of the patch stores, which outlive the run.
    stage_dir: Path
    skip_bad: bool
    cluster: Cluster
    interruption: Interruption
    #: None on workers other than the chief.
    telemetry: Telemetry | None
    #: Whether scalars for TensorBoard are wanted.
    tensorboard: bool

    @property
    def layout(self) -> Layout:
        """What a store of this run's patches holds."""
        geometry = self.config.geometry
        return Layout((geometry.rows, geometry.columns), geometry.patch, self.config.data.kind)

    def read(self, path: Path) -> Scene:
        """A scene of the configured size and kind. Raises SceneError."""
        return self.layout.read(path)
