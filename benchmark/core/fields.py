"""Build dataclass instances from plain YAML mappings, or raise an error that names the field."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmark.core.errors import ConfigError, os_failure
from benchmark.core.escaping import quoted
from benchmark.core.plain_yaml import CHARACTERS, PLAIN, YamlDefect, read_yaml

T = typing.TypeVar("T")


def read_mapping(
    path: Path,
    expected: str = "a YAML file",
    remedy: str = "check the path",
    characters: int = CHARACTERS,
) -> dict[str, Any]:
    """Return the mapping in a YAML file. Raises ConfigError, with these words if the file cannot be read."""
    try:
        tree = read_yaml(path, characters)
    except OSError as error:
        raise os_failure(ConfigError, error, path, expected=expected, remedy=remedy) from None
    except YamlDefect as defect:
        raise ConfigError(path, found=str(defect), expected=PLAIN, remedy="correct the file") from None
    if not isinstance(tree, dict):
        found = type(tree).__name__
        raise ConfigError(path, found=found, expected="a mapping of fields", remedy="correct the file")
    return tree


@dataclasses.dataclass(frozen=True)
class FieldMessages:
    """How to fix a field, in words that suit its kind of file; ``{name}`` stands for the field."""

    missing: str = "add it to the file"
    invalid: str = "correct it in the file"


def read_fields(
    cls: type[T],
    tree: Any,
    prefix: str = "",
    messages: FieldMessages | None = None,
    check_text: Callable[[str, str], None] = lambda text, name: None,
) -> T:
    """Return an instance of the dataclass ``cls`` from a mapping with known fields of the right types.

    ``prefix`` precedes field names in messages; ``check_text`` is called with every text and its field.
    Raises ConfigError.
    """
    messages = messages or FieldMessages()
    if not isinstance(tree, Mapping):
        raise ConfigError(
            prefix,
            found=quoted(tree),
            expected=f"a section with {_names(cls)}",
            remedy=f"write fields below {prefix}",
        )
    dotted = f"{prefix}." if prefix else ""
    known = {each.name: each for each in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in tree:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            raise ConfigError(
                f"{dotted}{name}",
                found="an unknown field",
                expected=f"one of {_names(cls)}",
                remedy=f"did you mean {dotted}{near[0]}?" if near else "remove it",
            )
    hints = typing.get_type_hints(cls)
    values = {}
    for name, field in known.items():
        if name in tree:
            values[name] = _value(hints[name], tree[name], f"{dotted}{name}", messages, check_text)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            where = f"{dotted}{name}"
            remedy = messages.missing.format(name=where)
            raise ConfigError(where, found="no value", expected="a value", remedy=remedy)
    return cls(**values)


def _names(cls: Any) -> str:
    return ", ".join(field.name for field in dataclasses.fields(cls))


_KINDS: dict[type, str] = {
    int: "an integer",
    float: "a number",
    str: "a text",
    bool: "true or false",
    dict: "a mapping",
    tuple: "a list",
}


def _value(
    hint: Any, value: Any, name: str, messages: FieldMessages, check_text: Callable[[str, str], None]
) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    (wanted,) = (option for option in options if option is not type(None))
    if wanted is Any:
        _check_texts(value, name, check_text)
        return value
    if dataclasses.is_dataclass(wanted):
        return read_fields(typing.cast(type, wanted), value, name, messages, check_text)
    kind = typing.get_origin(wanted) or wanted
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple and type(value) is list:
        value = tuple(value)
    if type(value) is not kind:
        remedy = messages.invalid.format(name=name)
        raise ConfigError(name, found=quoted(value), expected=_KINDS[kind], remedy=remedy)
    if kind is str:
        check_text(value, name)
    if kind is tuple:
        of_each = typing.get_args(wanted)[0]
        return tuple(_value(of_each, each, name, messages, check_text) for each in value)
    if kind is dict:
        of_key, of_each = typing.get_args(wanted)
        return {
            _value(of_key, key, name, messages, check_text): _value(
                of_each, each, f"{name}.{key}", messages, check_text
            )
            for key, each in value.items()
        }
    return value


def _check_texts(value: Any, name: str, check_text: Callable[[str, str], None]) -> None:
    """Check all texts in a value of any type."""
    if isinstance(value, str):
        check_text(value, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_texts(key, name, check_text)
            _check_texts(each, f"{name}.{key}", check_text)
    elif isinstance(value, list):
        for each in value:
            _check_texts(each, name, check_text)
