"""Convert the contribution document to HTML: all text is escaped, numbers are unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from markupsafe import Markup, escape

from benchmark.core.escaping import printable
from submission.documents.markdown import column_sides, parse, parser

#: Key that marks the tokens of table cells.
CELL = "cell"


@dataclass(frozen=True)
class Section:
    """A part of the document under a heading of the second level."""

    title: str
    body: Markup


def sections(markdown: str) -> tuple[Markup, Markup, list[Section]]:
    """Return the title and the text after it, the table of measurements before it, and the sections."""
    nodes = parse(markdown).children
    title = next(index for index, node in enumerate(nodes) if node.tag == "h1")
    starts = [index for index, node in enumerate(nodes) if node.tag == "h2"]
    parts = [
        Section(nodes[start].children[0].content, to_html(nodes[start + 1 : stop]))
        for start, stop in zip(starts, [*starts[1:], len(nodes)], strict=True)
    ]
    return to_html(nodes[title : starts[0]]), to_html(nodes[:title]), parts


def to_html(nodes: Sequence[SyntaxTreeNode]) -> Markup:
    """Convert pieces of Markdown to HTML."""
    for node in nodes:
        for table in (each for each in node.walk() if each.type == "table"):
            _mark_cells(table)
    markdown = parser(_Renderer)
    tokens = [token for node in nodes for token in node.to_tokens()]
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))


def breakable(text: object) -> Markup:
    """Escape a text and allow line breaks after underscores."""
    return escape(printable(str(text))).replace("_", Markup("_<wbr>"))


def _mark_cells(table: SyntaxTreeNode) -> None:
    """Mark headings, numbers and the text of cells in a table."""
    sides = column_sides(table)
    for row in (row for part in table.children for row in part.children):
        for cell, side in zip(row.children, sides, strict=True):
            assert cell.nester_tokens is not None
            scope: dict[str, str | int | float] = {"scope": "col"} if cell.tag == "th" else {}
            cell.nester_tokens.opening.attrs = scope | ({"class": "number"} if side == "right" else {})
            for inline in cell.children:
                for token in inline.to_tokens()[0].children or ():
                    token.meta[CELL] = True


class _Renderer(RendererHTML):
    """Render links and images as their text, so that nothing leads elsewhere; make tables scrollable."""

    def text(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        content = tokens[idx].content
        return breakable(content) if tokens[idx].meta.get(CELL) else escape(content)

    def code_inline(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        return f"<code>{self.text(tokens, idx)}</code>"

    def image(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        return self.text(tokens, idx)

    def softbreak(self, *_: Any) -> str:
        return " "

    def hardbreak(self, *_: Any) -> str:
        return " "

    def link_open(self, *_: Any) -> str:
        return ""

    def link_close(self, *_: Any) -> str:
        return ""

    def table_open(self, *_: Any) -> str:
        return '<div class="wide" tabindex="0"><table>\n'

    def table_close(self, *_: Any) -> str:
        return "</table></div>\n"
