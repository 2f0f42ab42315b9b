"""Parse a contribution's Markdown to a tree, from which the PDF and the report are made."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.tree import SyntaxTreeNode

#: The Markdown that contributions use: the enabled rules of the parser; anything else is text.
MARKDOWN = (
    *("heading", "list", "table", "newline", "escape", "entity", "backticks", "emphasis", "link", "image"),
)

#: A cell in a column of numbers: a number, a range or a share, or a dash for no value.
_NUMERIC = re.compile(r"[-+–]?[\d.,]*( to [\d.]+)?%?(\*\*)?$")


def parser(renderer: type[RendererHTML] = RendererHTML) -> MarkdownIt:
    """Return the parser for contributions; HTML in a document is treated as text."""
    return MarkdownIt("zero", renderer_cls=renderer).enable(MARKDOWN)


def parse(markdown: str) -> SyntaxTreeNode:
    """Return the document's tree."""
    return SyntaxTreeNode(parser().parse(markdown))


def column_sides(table: SyntaxTreeNode) -> list[str]:
    """Return the alignment of each column of a table: columns of numbers are right-aligned."""
    head, *body = table.children
    cells = [[cell.children[0].content for cell in row.children] for part in body for row in part.children]
    columns = [*zip(*cells, strict=True)] or [()] * len(head.children[0].children)
    return ["right" if column and all(map(_NUMERIC.match, column)) else "left" for column in columns]
