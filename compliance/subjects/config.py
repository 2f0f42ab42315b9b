"""How a configuration is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compliance.subjects.log import Log
from compliance.subjects.subjects import ConfigFile
from compliance.subjects.yaml_files import YAML_CHARACTERS, YamlDefect, load_yaml


def read_config(path: Path, logs: Sequence[Log] = (), name: str = "") -> ConfigFile:
    """Read a configuration, which findings call ``name``; ``logs`` are those next to it.

    Raises OSError where it cannot be read.
    """
    with path.open("rb") as stream:
        content = stream.read(4 * YAML_CHARACTERS + 1)
    path = Path(name or path)
    try:
        data = load_yaml(content.decode())
    except UnicodeDecodeError as error:
        return ConfigFile(path, None, defect=f"byte 0x{content[error.start]:02x} is no UTF-8")
    except YamlDefect as defect:
        return ConfigFile(path, None, defect=str(defect))
    if not isinstance(data, dict):
        return ConfigFile(path, data, defect=f"{type(data).__name__} instead of a mapping")
    return ConfigFile(path, data, tuple(logs))
