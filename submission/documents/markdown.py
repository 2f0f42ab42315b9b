"""The Markdown of a contribution as a tree, from which the PDF and the report are made."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.tree import SyntaxTreeNode

#: The Markdown that a contribution uses: the rules of the parser that are on; all else is text.
MARKDOWN = (
    *("heading", "list", "table", "newline", "escape", "entity", "backticks", "emphasis", "link", "image"),
)

#: A cell of a column of numbers: a number, a range or a share, or the dash where there is none.
_NUMERIC = re.compile(r"[-+–]?[\d.,]*( to [\d.]+)?%?(\*\*)?$")


def parser(renderer: type[RendererHTML] = RendererHTML) -> MarkdownIt:
    """The parser of contributions; HTML in a document is text."""
    return MarkdownIt("zero", renderer_cls=renderer).enable(MARKDOWN)


def parse(markdown: str) -> SyntaxTreeNode:
    """The document's tree."""
    return SyntaxTreeNode(parser().parse(markdown))


def column_sides(table: SyntaxTreeNode) -> list[str]:
    """The side at which each column of a table stands: numbers at the right."""
    head, *body = table.children
    cells = [[cell.children[0].content for cell in row.children] for part in body for row in part.children]
    columns = [*zip(*cells, strict=True)] or [()] * len(head.children[0].children)
    return ["right" if column and all(map(_NUMERIC.match, column)) else "left" for column in columns]
