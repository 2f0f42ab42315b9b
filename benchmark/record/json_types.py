"""The JSON types of event values and metadata, by name."""

from __future__ import annotations

#: JSON types by their names in the vocabulary.
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "boolean or null": (bool, type(None)),
    "object": (dict,),
    "null": (type(None),),
}


def has_json_type(value: object, name: str) -> bool:
    """Whether ``value``, as read from JSON, is of the named type (a boolean is not an integer)."""
    if isinstance(value, bool):
        return bool in JSON_TYPES[name]
    return isinstance(value, JSON_TYPES[name])
