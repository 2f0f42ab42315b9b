"""The JSON types that events state of their values and metadata, by their names."""

from __future__ import annotations

#: JSON types of values and metadata, by the names in the vocabulary.
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
    """Whether ``value``, as JSON gives it, is of the named type (a boolean is no integer)."""
    if isinstance(value, bool):
        return bool in JSON_TYPES[name]
    return isinstance(value, JSON_TYPES[name])
