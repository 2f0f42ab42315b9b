"""Typeset the contribution as a PDF: convert Markdown to Typst, and Typst to pages."""

from __future__ import annotations

from urllib.parse import unquote

import typst
from markdown_it.tree import SyntaxTreeNode

from benchmark.core.errors import SubmissionError
from benchmark.core.files import write_aside
from submission.bundle.layout import FIGURES, BundleLayout
from submission.documents.markdown import column_sides, parse

#: Style of the typeset contribution. Lines of text are as wide as the figures.
TYPST_STYLE = """\
#set document(title: "CloudMask: scientific contribution", date: none)
#set page(paper: "a4", margin: (x: 21.1mm, y: 22mm), numbering: "1 / 1")
#set text(font: "Libertinus Serif", size: 10pt, lang: "en")
#set par(spacing: 0.8em)
#set list(spacing: 0.6em)
#set enum(spacing: 0.6em)
#set table(stroke: none, inset: (x: 3.5pt, y: 2.8pt))
#set table.hline(stroke: 0.8pt)
#let figure-file(it) = block(above: 1.8em, below: 0.8em, width: 100%, sticky: true, align(center, it))
#show heading: set block(above: 1.3em, below: 0.7em, sticky: true)
#show heading.where(level: 1): set text(size: 16pt)
#show heading.where(level: 2): set text(size: 12pt)
#show link: set text(fill: rgb("#00507d"))
#show raw: set text(size: 0.94em)
#show table: set text(size: 8.5pt, hyphenate: false)
#show table.cell.where(y: 0): strong
"""


def write_typeset(layout: BundleLayout) -> None:
    """Typeset the contribution in the bundle with its figures, and write it under all names of the PDF.

    With the same version of Typst, the same document and figures give the same bytes. Raises
    SubmissionError if the document cannot be typeset.
    """
    source = to_typst(layout.contribution.read_text(encoding="utf-8")).encode()
    fonts = typst.Fonts(include_system_fonts=False)  # the same fonts on every machine
    try:
        pdf = typst.Compiler(source, root=layout.science, font_paths=fonts).compile(format="pdf")
    except typst.TypstError as error:
        raise SubmissionError(
            layout.contribution.name,
            found=error.message,
            expected="a document that can be typeset",
            remedy="package the runs again, which draws the figures again",
        ) from None
    assert isinstance(pdf, bytes)  # one document
    for path in layout.contribution_pdfs:
        with write_aside(path) as part:
            part.write_bytes(pdf)
            part.chmod(0o644)


def to_typst(markdown: str) -> str:
    """Convert a contribution's Markdown to Typst: headings, paragraphs, tables, lists, links, figures.

    All text becomes strings, which contain no markup, so no text is taken for a command;
    other Markdown is shown as typed. A figure is shown as its PDF.
    """
    return TYPST_STYLE + "\n".join(map(_typst, parse(markdown).children)) + "\n"


def _typst(node: SyntaxTreeNode) -> str:
    """Convert a piece of Markdown to Typst."""
    inner = "".join(map(_typst, node.children))
    match node.type:
        case "text":
            return f"#{_string(node.content)};"
        case "code_inline":
            return f"#raw({_string(node.content)});"
        case "softbreak" | "hardbreak":
            return " "
        case "paragraph" if [each.type for each in node.children[0].children] == ["image"]:
            return inner
        case "image" if not str(node.attrs["src"]).startswith(f"{FIGURES}/"):
            return f"#{_string(node.content)};"
        case "image":
            path = _string(f"/{unquote(str(node.attrs['src'])).removesuffix('.png')}.pdf")
            return f"#figure-file(image({path}, alt: {_string(node.content)}));"
        case "link":
            return f"#link({_string(str(node.attrs['href']))})[{inner}];"
        case "heading":
            return f"#heading(level: {node.tag[1:]})[{inner}];"
        case "table":
            sides = column_sides(node)
            return f"#table(columns: {len(sides)}, align: ({', '.join(sides)},), {inner} table.hline());"
        case "thead":
            return f"table.header(table.hline(), {inner} table.hline(stroke: 0.4pt)),"
        case "th" | "td" | "list_item":
            return f"[{inner}],"
        case _:
            before, after = _AROUND[node.type]
            return before + inner + after


#: Text before and after the contents of simple pieces of Markdown.
_AROUND = {
    "inline": ("", ""),
    "tbody": ("", ""),
    "tr": ("", ""),
    "paragraph": ("#par[", "];"),
    "strong": ("#strong[", "];"),
    "em": ("#emph[", "];"),
    "bullet_list": ("#list(", ");"),
    "ordered_list": ("#enum(", ");"),
}


def _string(text: str) -> str:
    """Convert a text to a Typst string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
