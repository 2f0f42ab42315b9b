"""The contribution document as HTML: every text of it escaped, its numbers as they stand there."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submission.documents.markdown import column_sides, parse

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode


@dataclass(frozen=True)
class Section:
    """A part of the document under a heading of the second level."""

    title: str
    body: str


def sections(markdown: str) -> tuple[str, str, list[Section]]:
    """The title with what follows it, the table of measurements before it, and the sections."""
    nodes = parse(markdown).children
    title = next(index for index, node in enumerate(nodes) if node.tag == "h1")
    starts = [index for index, node in enumerate(nodes) if node.tag == "h2"]
    parts = [
        Section(nodes[start].children[0].content, to_html(nodes[start + 1 : stop]))
        for start, stop in zip(starts, [*starts[1:], len(nodes)], strict=True)
    ]
    return to_html(nodes[title : starts[0]]), to_html(nodes[:title]), parts


def html_table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain texts, which can be scrolled with the keyboard where it is too wide."""
    head = "".join(f'<th scope="col">{html.escape(heading)}</th>' for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{_breakable(html.escape(str(cell)))}</td>' for cell in row)}</tr>\n"
        for row in rows
    )
    table = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
    return _scrolled(f"<caption>{html.escape(caption)}</caption>\n{table}")


def to_html(nodes: Iterable[SyntaxTreeNode]) -> str:
    """Pieces of Markdown as HTML. Links and pictures are left as their texts: nothing leads elsewhere."""
    return "".join(map(_html, nodes))


def _html(node: SyntaxTreeNode) -> str:
    match node.type:
        case "text":
            return html.escape(node.content)
        case "code_inline":
            return f"<code>{html.escape(node.content)}</code>"
        case "softbreak" | "hardbreak":
            return " "
        case "image":
            return html.escape(node.content)
        case "table":
            return _table(node)
        case _:
            inner = to_html(node.children)
            return f"<{node.tag}>{inner}</{node.tag}>" if node.type in _TAGGED else inner


#: Pieces of Markdown that are an element of HTML with nothing but their contents.
_TAGGED = frozenset(("paragraph", "heading", "strong", "em", "bullet_list", "ordered_list", "list_item"))


def _table(node: SyntaxTreeNode) -> str:
    sides = column_sides(node)
    head, *body = ([_row(row, sides) for row in part.children] for part in node.children)
    rows = "\n".join(row for part in body for row in part)
    return _scrolled(f"<thead>{''.join(head)}</thead>\n<tbody>\n{rows}\n</tbody>")


def _row(row: SyntaxTreeNode, sides: Sequence[str]) -> str:
    cells = []
    for cell, side in zip(row.children, sides, strict=True):
        kind = ' class="number"' if side == "right" else ""
        scope = ' scope="col"' if cell.tag == "th" else ""
        cells.append(f"<{cell.tag}{scope}{kind}>{_breakable(to_html(cell.children))}</{cell.tag}>")
    return f"<tr>{''.join(cells)}</tr>"


def _breakable(cell: str) -> str:
    """Names in a cell may go on in the next line after an underscore; no element of a cell has one."""
    return cell.replace("_", "_<wbr>")


def _scrolled(table: str) -> str:
    return f'<div class="wide" tabindex="0"><table>\n{table}\n</table></div>\n'
