"""Objects that every part of a run uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.compute.cluster import Cluster
from benchmark.config.schema import Config
from benchmark.core.display import Display
from benchmark.core.interruption import Interruption
from benchmark.methods.loading import LoadedMethod
from benchmark.record.eventlog import EventLog
from benchmark.record.run_folder import RunFolder
from benchmark.record.telemetry import Telemetry
from benchmark.scenes.scene import Scene, SceneInputs, SceneLabels, read_inputs, read_labels, read_scene
from benchmark.stores.patchstore import PatchLayout
from benchmark.training.options import RunOptions


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """Configuration, options, files, log and display of one run."""

    config: Config
    method: LoadedMethod
    options: RunOptions
    folder: RunFolder
    log: EventLog
    display: Display
    cluster: Cluster
    interruption: Interruption
    #: None on workers other than the chief.
    telemetry: Telemetry | None

    @property
    def layout(self) -> PatchLayout:
        """Return the layout of this run's patch stores."""
        geometry = self.config.geometry
        return PatchLayout((geometry.rows, geometry.columns), geometry.patch, self.config.data.kind)

    def read(self, path: Path) -> Scene:
        """Read a scene of the configured size and kind. Raises SceneError."""
        return read_scene(path, self.layout.shape, self.config.data.kind)

    def read_inputs(self, path: Path) -> SceneInputs:
        """Read such a scene without its labels. Raises SceneError."""
        return read_inputs(path, self.layout.shape, self.config.data.kind)

    def read_labels(self, path: Path) -> SceneLabels:
        """Read the labels of such a scene. Raises SceneError."""
        return read_labels(path, self.layout.shape)
