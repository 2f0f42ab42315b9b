"""Read a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.core.plain_yaml import YamlDefect, read_yaml
from compliance.subjects.log import Log
from compliance.subjects.subjects import ConfigFile


def read_config(path: Path, logs: Sequence[Log] = (), name: str = "") -> ConfigFile:
    """Read a configuration. Findings call it ``name``; ``logs`` are the logs next to it.

    Raises OSError if it cannot be read.
    """
    shown = Path(name or path)
    try:
        data = read_yaml(path)
    except YamlDefect as defect:
        return ConfigFile(shown, None, defect=str(defect))
    if not isinstance(data, dict):
        return ConfigFile(shown, data, defect=f"{type(data).__name__} instead of a mapping")
    return ConfigFile(shown, data, tuple(logs))
