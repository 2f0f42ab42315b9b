"""What every part of a run works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.config import Config
from benchmark.display import Display
from benchmark.errors import SceneError
from benchmark.eventlog import EventLog
from benchmark.run_folder import RunFolder
from benchmark.scenes import Scene, read_scene


@dataclass(frozen=True)
class Run:
    """Configuration, files, log and display of one run."""

    config: Config
    folder: RunFolder
    log: EventLog
    display: Display
    skip_bad: bool

    def read(self, path: Path) -> Scene:
        """A scene of the configured size and kind. Raises SceneError."""
        geometry = self.config.geometry
        scene = read_scene(path, (geometry.rows, geometry.columns))
        kind = "synthetic" if scene.synthetic else "slstr"
        if kind != self.config.data.kind:
            raise SceneError(
                path,
                found=f"a scene of kind {kind}",
                expected=f"data.kind {self.config.data.kind}, as configured",
                remedy="correct data.kind, or use another folder",
            )
        return scene
