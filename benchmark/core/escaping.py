"""Make foreign text safe to show: on a terminal, in Markdown, in a table of numbers.

Nothing in it can move a cursor, colour or hide text, or become markup, a link or a formula.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Iterable, Sequence

#: Longest quotation of a value in a message.
QUOTED = 200

#: Characters that mean something to Markdown, HTML or the tables of GitHub's dialect, and the dot that turns
#: a bare name into a link. An underscore within a word means nothing, nor does a colon after one.
_ACTIVE = re.compile(r"[\\`*~$|<>&!\[\]@#]|:(?!\s|$)|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)
#: Where a code host would notify a person, link an address or refer to an issue.
_NOTIFYING = re.compile(r"@(?=\w)|#(?=\d)")
#: Starts of a list, a heading underline or a horizontal rule.
_MARKER = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_WORD_JOINER = "\u2060"  # invisible, and part of no name


def printable(text: str) -> str:
    """Escape control characters, lone surrogates and anything else that does not print."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def printable_lines(text: str) -> str:
    """Escape such characters, but keep line feeds."""
    return "\n".join(map(printable, text.split("\n")))


def quoted(value: object) -> str:
    """Return a value's repr, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def tell(text: str, *, error: bool = False) -> None:
    """Print lines to standard output or standard error."""
    print(printable_lines(text), file=sys.stderr if error else sys.stdout, flush=True)


def escape_markdown(text: str) -> str:
    """Return any text as one line of Markdown that shows it and does nothing else.

    Uses character references for active characters: unlike backslashes they mean the same in every dialect,
    inside and outside table cells.
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
    """Return a table in GitHub's dialect, without a final line feed.

    ``right`` names the numeric columns; ``escape`` turns a text into a cell and by default accepts any text.
    Headings are not escaped.
    """
    dashes = ("---:" if heading in right else "---" for heading in headings)
    lines = [headings, dashes, *(map(escape, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_line(value: object) -> str:
    """Return a value as one line of Markdown, with spaces for line feeds; safe at the start of a line too."""
    text = escape_markdown(" ".join(str(value).split()))
    return _MARKER.sub(lambda match: f"{match[1]}&#{ord(match[2])};", text)


def csv_text(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet takes for a formula; a number stays a number."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not _NUMBER.fullmatch(text) else text
