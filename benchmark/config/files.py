"""Read configurations from YAML into Config, naming every mistake, and write them back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmark.config.schema import Config
from benchmark.core.errors import ConfigError
from benchmark.core.fields import FieldMessages, read_fields, read_mapping
from benchmark.core.files import write_text
from benchmark.core.plain_yaml import YamlDefect, parse_yaml

CONFIGS = Path(__file__).parent / "shipped"

_MESSAGES = FieldMessages(
    missing="add {name} to the configuration",
    invalid="correct {name} in the configuration file, or pass --set {name}=VALUE",
)


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration in the YAML file ``path``, with ``field=value`` overrides.

    Override values are YAML: ``training.epochs=3``. Raises ConfigError.
    """
    shipped = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.yaml")))
    expected = f"a YAML file, or one of the shipped configurations: {shipped}"
    tree = read_mapping(path, expected, remedy="check --config")
    for override in overrides:
        _set(tree, override)
    return build_config(tree)


def build_config(tree: dict[str, Any]) -> Config:
    """Return the configuration in a mapping of fields. Raises ConfigError."""
    return read_fields(Config, tree, messages=_MESSAGES)


def save_config(config: Config, path: Path) -> None:
    """Write the resolved configuration so that load_config returns it unchanged."""
    write_text(path, yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True))


def config_path(name: str) -> Path:
    """Return the file meant by ``--config``: a path, or the name of a shipped configuration."""
    path = Path(name)
    shipped = CONFIGS / (name if name.endswith(".yaml") else f"{name}.yaml")
    if not path.exists() and path.name == name and shipped.exists():
        return shipped
    return path


def _set(tree: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise ConfigError(
            "--set", found=override, expected="field=value", remedy="for example --set training.epochs=3"
        )
    try:
        value = parse_yaml(text)
    except YamlDefect as defect:
        raise ConfigError(
            f"--set {name}", found=str(defect), expected="a YAML value", remedy="quote it, or correct it"
        ) from None
    set_field(tree, name, value, f"--set {name}")


def set_field(tree: dict[str, Any], name: str, value: Any, where: str) -> None:
    """Set a field by its dotted name. Raises ConfigError at ``where`` if the field lies below a value."""
    *sections, leaf = name.split(".")
    for section in sections:
        if tree.get(section) is None:
            tree[section] = {}
        tree = tree[section]
        if not isinstance(tree, dict):
            raise ConfigError(
                where,
                found=f"{section} is a single value",
                expected="a section",
                remedy="give the field without anything below it",
            )
    tree[leaf] = value
