"""Texts of others, as they may be shown: nothing in them moves a cursor, colours or hides what follows."""

from __future__ import annotations

#: What a message quotes of a value.
QUOTED = 200


def printable(text: str) -> str:
    """Text without control characters, lone surrogates or anything else that does not print."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def printable_lines(text: str) -> str:
    """Such text in which line feeds stay what they are."""
    return "\n".join(map(printable, text.split("\n")))


def quoted(value: object) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"
