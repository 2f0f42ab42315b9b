"""Values of a log in words: short, and safe to print on a terminal or in Markdown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable, Sequence

from benchmark.core.printable import printable

WIDTH = 60

_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    dict: "an object",
    list: "a list",
}

#: Characters that mean something to Markdown, HTML or the tables of GitHub's dialect, and the dot
#: that makes a link of a bare name.
_ACTIVE = re.compile(r"[\\`*_~$|<>&:!\[\]@#]|(?<=www)\.", re.IGNORECASE)
#: Where a code host would notify a person, write to an address or refer to an issue.
_NOTIFYING = re.compile(r"@(?=\w)|#(?=\d)")
_WORD_JOINER = "\u2060"  # invisible, and part of no name


def excerpt(text: str, start: int = 0, width: int = WIDTH) -> str:
    """At most ``width`` characters of a text, in backquotes; an ellipsis marks what was cut."""
    start = max(start, 0)
    return f"`{printable(text[start : start + width])}{'…' if len(text) > start + width else ''}`"


def describe(value: object) -> str:
    """A JSON value with its type: ``a string (`12`)``, ``null``."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return f"{_TYPES[type(value)]} of {len(value)}"
    return f"{_TYPES.get(type(value), 'a value')} ({show(value)})"


def show(value: object) -> str:
    """A JSON value alone, as a log writes it."""
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
    """``a, b and c``; after ``most`` words the number of the others."""
    names = list(words)
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None."""
    matches = difflib.get_close_matches(word[:WIDTH], list(known), n=1, cutoff=0.75)
    return matches[0] if matches else None


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 event``, ``2 events``, ``2 patches``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def escape_markdown(text: str) -> str:
    """A text of any characters as one line of Markdown that shows it and does nothing else.

    Character references stand for what is active: unlike a backslash they mean the same in
    every dialect, in a table's cell as outside.
    """
    marked = _NOTIFYING.sub(lambda match: match[0] + _WORD_JOINER, printable(text))
    return _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", marked)


def markdown_table(
    headings: Sequence[str],
    rows: Iterable[Iterable[str]],
    *,
    right: Container[str] = (),
    escape: Callable[[str], str] = escape_markdown,
) -> str:
    """A table in GitHub's dialect, without a line feed at its end.

    ``right`` names the columns of numbers; ``escape`` makes a cell of a text: any text by default,
    while headings are taken as they are.
    """
    dashes = ("---:" if heading in right else "---" for heading in headings)
    lines = [headings, dashes, *(map(escape, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
