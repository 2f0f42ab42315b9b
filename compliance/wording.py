"""Describe values of a log: briefly, and safely for a terminal or Markdown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from benchmark.core.escaping import printable

WIDTH = 60

_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    dict: "an object",
    list: "a list",
}


def excerpt(text: str, start: int = 0, width: int = WIDTH) -> str:
    """Return at most ``width`` characters of a text in backquotes; an ellipsis marks what was cut."""
    start = max(start, 0)
    return f"`{printable(text[start : start + width])}{'…' if len(text) > start + width else ''}`"


def describe(value: object) -> str:
    """Describe a JSON value with its type: ``a string (`12`)``, ``null``."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return f"{_TYPES[type(value)]} of {len(value)}"
    return f"{_TYPES.get(type(value), 'a value')} ({show(value)})"


def show(value: object) -> str:
    """Return a JSON value without its type, as a log writes it."""
    if isinstance(value, str):
        return excerpt(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return describe(value)
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    return repr(value)


def listing(words: Iterable[str], *, last: str = "and", most: int = 8) -> str:
    """Join words as ``a, b and c``; after ``most`` of them, give the number of the others."""
    names = list(words)
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None."""
    matches = difflib.get_close_matches(word[:WIDTH], list(known), n=1, cutoff=0.75)
    return matches[0] if matches else None


def count(number: int, noun: str, plural: str = "") -> str:
    """Return number and noun: ``1 event``, ``2 events``, ``2 patches``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
