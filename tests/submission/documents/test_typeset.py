"""The contribution as a PDF: what the document says, and nothing that a text could make of it."""

from __future__ import annotations

import contextlib
import html
import re
import shutil
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import typst
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from benchmark.core.errors import SubmissionError
from submission.bundle.layout import BundleLayout, BundleName
from submission.documents.files import write_text
from submission.documents.tables import table
from submission.documents.typeset import to_typst, write_typeset
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import CONFIG, write_run
from tests.support.submissions.facts import contributed


def squeezed(text: str) -> str:
    """Without blanks and line ends, which a typeset line has elsewhere; typographic hyphens are plain."""
    return re.sub(r"\s|\ufffe|\u00ad|\u200b", "", text).replace("‐", "-")


def plain_lines(markdown: str) -> list[str]:
    """The text of every line of the document: rows of tables, paragraphs, items."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    found: list[str] = []
    for token in tokens:
        if token.type == "tr_open":
            found.append("")
        if token.type == "inline" and token.children[0].type != "image":
            text = "".join(" " if child.type == "softbreak" else child.content for child in token.children)
            if token.level >= 4 and found:  # a cell
                found[-1] += f" {text}"
            else:
                found.append(text)
    return found


def test_the_pdf_says_every_line_of_the_document(science: Path, document: str) -> None:
    with contextlib.closing(pypdfium2.PdfDocument(science / "scientific_contribution.pdf")) as pdf:
        text = squeezed("".join(page.get_textpage().get_text_range() for page in pdf))
    lines = [squeezed(line) for line in plain_lines(document)]
    assert len(lines) > 100
    assert [line for line in lines if line not in text] == []


def test_the_pdf_has_both_names_and_the_same_bytes_each_time(science: Path, tmp_path: Path) -> None:
    layout = BundleLayout(tmp_path, BundleName("org", "system", "descriptor"))
    shutil.copytree(science, layout.science)
    theirs = (science / "scientific_contribution.pdf").read_bytes()
    assert (science / "sientific_contribution.pdf").read_bytes() == theirs
    for path in layout.contribution_pdfs:
        path.unlink()
    write_typeset(layout)
    assert [path.read_bytes() == theirs for path in layout.contribution_pdfs] == [True, True]
    assert not re.search(rb"/(CreationDate|ModDate)", theirs)
    assert [path.name for path in layout.science.glob(".part-*")] == []


def test_no_text_of_the_document_is_a_command_of_the_typesetter(tmp_path: Path) -> None:
    text = 'A #panic("x") $ @a <b> [c] {d} \\\\ "e" `#read("f")` // i /* j'
    layout = BundleLayout(tmp_path, BundleName("org", "system", "descriptor"))
    write_text(layout.contribution, f"# {text}\n\n{text}\n\n- {text}\n\n{table((text, 'b'), [(text, 1)])}\n")
    write_typeset(layout)
    with contextlib.closing(pypdfium2.PdfDocument(layout.contribution_pdfs[0])) as pdf:
        said = squeezed(pdf[0].get_textpage().get_text_range())
    assert said.count(squeezed('A #panic("x") $ @a <b> [c] {d} \\ "e" #read("f") // i /* j')) == 5


@given(st.text(max_size=60))
def test_any_text_can_be_typeset(text: str) -> None:
    source = to_typst(table(("a", "b"), [(text.replace("\n", " "), 1)]) + f"\n\n{text}\n").encode()
    assert typst.compile(source).startswith(b"%PDF-")


def test_a_figure_that_is_not_there_is_refused_with_the_way_out(tmp_path: Path) -> None:
    layout = BundleLayout(tmp_path, BundleName("org", "system", "descriptor"))
    write_text(layout.contribution, "![x](figures/none.png)\n")
    with pytest.raises(SubmissionError) as refused:
        write_typeset(layout)
    assert "file not found" in refused.value.found
    assert refused.value.expected == "a document that can be typeset"
    assert "draws the figures again" in refused.value.remedy


def test_what_a_submitter_wrote_is_shown_and_becomes_no_markup(place: Path, tmp_path: Path) -> None:
    evil = "*a* `b` [c](http://d.net) _e_ ![f](figures/none.png)"
    config = yaml.safe_load(CONFIG)
    config["description"] = f"- {evil}\x1b[31m\n# heading"
    config["submission"] |= {"org": evil, "platform": f"Node {evil}"}

    def named(lines: list[dict[str, Any]]) -> None:
        (platform,) = (line for line in lines if line["key"] == "submission_platform")
        platform["value"] = f"Node {evil}"

    commit = git(place, "rev-parse", "HEAD")
    write_run(tmp_path / "logs", 1, commit, config=yaml.safe_dump(config), org=evil, change=named)
    science, document = contributed(place, tmp_path)
    with contextlib.closing(pypdfium2.PdfDocument(science / "scientific_contribution.pdf")) as pdf:
        typeset = squeezed("".join(page.get_textpage().get_text_range() for page in pdf))
    report = html.unescape(re.sub(r"<[^>]*>", "", (science / "report.html").read_text()))
    for said in (f"- {evil}\\x1b[31m # heading.", f"Submitted by {evil}, division", f"platform Node {evil}."):
        assert any(said in line for line in plain_lines(document))
        assert squeezed(said) in typeset
        assert said in report
    readme = (science / "README.md").read_text()
    assert any(f"Submission of {evil} to" in line for line in plain_lines(readme))
    for text in (document, readme):
        tokens = [child for token in MarkdownIt("commonmark").parse(text) for child in token.children or ()]
        assert not {"http://d.net", "figures/none.png"} & {
            address for token in tokens for address in token.attrs.values()
        }


@pytest.mark.parametrize(
    "markup", ["*a*", "> a", "---", "```", "<b>a</b>", "![a](/etc/b.png)", "1. a", "&amp;"]
)
def test_markup_of_a_description_is_typeset_as_far_as_the_document_has_it(
    markup: str, tmp_path: Path
) -> None:
    layout = BundleLayout(tmp_path, BundleName("org", "system", "descriptor"))
    write_text(layout.contribution, f"{markup}\n\nThe end\n")
    write_typeset(layout)
    with contextlib.closing(pypdfium2.PdfDocument(layout.contribution_pdfs[0])) as pdf:
        assert "The end" in pdf[0].get_textpage().get_text_range()


def test_the_typesetter_has_no_complaint_about_the_document(science: Path, document: str) -> None:
    compiler = typst.Compiler(to_typst(document).encode(), root=science)
    assert compiler.compile_with_warnings(format="pdf")[1] == []
