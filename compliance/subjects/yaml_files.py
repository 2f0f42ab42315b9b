"""YAML from elsewhere, read strictly: plain, of moderate length, every key once, no aliases."""

from __future__ import annotations

from typing import Any

#: No configuration comes near these.
YAML_CHARACTERS = 64 * 1024
YAML_BRACKETS = 500


class YamlDefect(Exception):
    """A text that is not the plain YAML of a configuration."""


def load_yaml(text: str) -> Any:
    """Read plain YAML of moderate length, without aliases or repeated keys and with few brackets.

    Raises YamlDefect.

    A few bytes of aliases can stand for gigabytes, and the time to read brackets within
    brackets grows with the square of their number.
    """
    import yaml  # imported here: most checks never need it, and it takes longer than the complete start-up

    from benchmark.core.fields import parse_yaml  # imports yaml, too

    if len(text) > YAML_CHARACTERS:
        raise YamlDefect(f"more than {YAML_CHARACTERS} characters")
    if text.count("[") + text.count("{") > YAML_BRACKETS:
        raise YamlDefect(f"more than {YAML_BRACKETS} brackets")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise YamlDefect("an alias (*name)")
        return parse_yaml(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlDefect(" ".join(str(error).split())) from None


def load_mapping(text: str) -> dict[str, Any]:
    """Read a configuration, which is a mapping. Raises YamlDefect."""
    data = load_yaml(text)
    if not isinstance(data, dict):
        raise YamlDefect(f"{type(data).__name__} instead of a mapping")
    return data
