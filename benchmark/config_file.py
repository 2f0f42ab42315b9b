"""Configurations on disk: YAML -> Config, with every mistake named, and back."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from pathlib import Path
from typing import Any

import yaml

from benchmark.config import Config, check
from benchmark.errors import ConfigError
from benchmark.run_folder import write_text

CONFIGS = Path(__file__).parent / "configs"


def load_config(path: Path, overrides: typing.Sequence[str] = ()) -> Config:
    """The configuration in the YAML file ``path``, with ``field=value`` overrides.

    Raises ConfigError. Values of overrides are YAML: ``training.epochs=3``.
    """
    tree = _read_yaml(path)
    for override in overrides:
        _set(tree, override)
    return build_config(tree)


def build_config(tree: dict[str, Any]) -> Config:
    """The configuration in a mapping of fields. Raises ConfigError."""
    config: Config = _build(Config, tree, "")
    return config


def save_config(config: Config, path: Path) -> None:
    """Write the resolved configuration, such that load_config gives it back."""
    write_text(path, yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True))


def config_path(name: str) -> Path:
    """The file meant by ``--config``: a path, or the name of a shipped configuration."""
    path = Path(name)
    shipped = CONFIGS / (name if name.endswith(".yaml") else f"{name}.yaml")
    if not path.exists() and path.name == name and shipped.exists():
        return shipped
    return path


class _UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that refuses a mapping with the same key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                mark = node.start_mark
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", mark)
        return super().construct_mapping(node, deep)


# YAML 1.1 reads 1e-3 as a string; JSON and everyone who writes configurations read a number.
_UniqueKeyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def parse_yaml(text: str) -> Any:
    """The values in a text of plain YAML. Raises yaml.YAMLError, for a repeated key too."""
    loader = _UniqueKeyLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _read_yaml(path: Path) -> dict[str, Any]:
    shipped = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.yaml")))
    expected = f"a YAML file, or one of the shipped configurations: {shipped}"
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        found = error.strerror or str(error)
        raise ConfigError(path, found=found, expected=expected, remedy="check --config") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(path, found=str(error), expected="YAML", remedy="correct the file") from None
    if not isinstance(tree, dict):
        found = type(tree).__name__
        raise ConfigError(path, found=found, expected="a mapping of fields", remedy="correct the file")
    return tree


def _set(tree: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise ConfigError(
            "--set", found=override, expected="field=value", remedy="for example --set training.epochs=3"
        )
    try:
        value = parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {name}", found=str(error), expected="a YAML value", remedy="quote it"
        ) from None
    set_field(tree, name, value, f"--set {name}")


def set_field(tree: dict[str, Any], name: str, value: Any, where: str) -> None:
    """Set a field by its dotted name. Raises ConfigError, told of ``where``, if it lies below a value."""
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


def _build(cls: Any, tree: Any, prefix: str) -> Any:
    """An instance of the dataclass ``cls`` from the mapping ``tree``."""
    if not isinstance(tree, dict):
        raise ConfigError(
            prefix,
            found=repr(tree),
            expected=f"a section with {_names(cls)}",
            remedy=f"write fields below {prefix}",
        )
    hints = typing.get_type_hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls)}
    for key in tree:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            remedy = f"did you mean {prefix and prefix + '.'}{near[0]}?" if near else "remove it"
            name = f"{prefix}.{key}" if prefix else str(key)
            raise ConfigError(name, found="an unknown field", expected=f"one of {_names(cls)}", remedy=remedy)
    values = {}
    for key, dataclass_field in known.items():
        name = f"{prefix}.{key}" if prefix else key
        if key in tree:
            values[key] = _value(hints[key], tree[key], name)
        elif (
            dataclass_field.default is dataclasses.MISSING
            and dataclass_field.default_factory is dataclasses.MISSING
        ):
            raise ConfigError(
                name, found="no value", expected="a value", remedy=f"add {name} to the configuration"
            )
    return cls(**values)


def _names(cls: Any) -> str:
    return ", ".join(f.name for f in dataclasses.fields(cls))


_WORDS = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}


def _value(hint: Any, value: Any, name: str) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    (wanted,) = (option for option in options if option is not type(None))
    if dataclasses.is_dataclass(wanted):
        return _build(wanted, value, name)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    check(type(value) is wanted, name, value, _WORDS[wanted])
    return value
