"""Texts of others, as they may be shown: on a terminal, in Markdown, in a table of numbers.

Nothing in them moves a cursor, colours or hides what follows, becomes markup, a link or a formula.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Iterable, Sequence

#: What a message quotes of a value.
QUOTED = 200

#: Characters that mean something to Markdown, HTML or the tables of GitHub's dialect, and the dot
#: that makes a link of a bare name. An underscore within a word means nothing, nor a colon after one.
_ACTIVE = re.compile(r"[\\`*~$|<>&!\[\]@#]|:(?!\s|$)|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)
#: Where a code host would notify a person, write to an address or refer to an issue.
_NOTIFYING = re.compile(r"@(?=\w)|#(?=\d)")
#: What begins a list, a line under a heading or one across.
_MARKER = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_WORD_JOINER = "\u2060"  # invisible, and part of no name


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


def tell(text: str, *, error: bool = False) -> None:
    """Print lines to standard output, or to standard error."""
    print(printable_lines(text), file=sys.stderr if error else sys.stdout, flush=True)


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


def markdown_line(value: object) -> str:
    """A value as Markdown that shows it in one line, its line feeds as spaces, also where a line begins."""
    text = escape_markdown(" ".join(str(value).split()))
    return _MARKER.sub(lambda match: f"{match[1]}&#{ord(match[2])};", text)


def csv_text(text: str) -> str:
    """A text as a cell of CSV that no spreadsheet takes for a formula; a number stays one."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not _NUMBER.fullmatch(text) else text
