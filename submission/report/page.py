"""The report for reading: one HTML file with curves to explore and scenes to look at, for the reviewer.

It asks nothing of a network: style, script and pictures are in it, and its policy allows no
others. Its numbers are those of the contribution document, which is in it whole.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submission.bundle.layout import REPORT, Layout
from submission.documents.files import fill, write_text
from submission.figures.catalogue import PREPROCESSING, RELIABILITY, captions
from submission.report.data import report_data, scenes
from submission.report.findings import findings_html
from submission.report.images import data_uri
from submission.report.text import Section, html_table, sections
from submission.report.timeline import timeline_html
from submission.runs.runs import RunSet

#: The parts that are not the document's: identifier and heading, in their order.
PARTS = {
    "result": "Result",
    "curves": "Curves",
    "scenes": "Scenes",
    "timeline": "Timeline",
    "findings": "Checker",
}
#: The document's section of figures, in whose stead the report has its own.
FIGURES_SECTION = "Figures"


def write_report(layout: Layout, runs: RunSet) -> None:
    """Write the report of the contribution that lies in the bundle with its small pictures."""
    write_text(layout.report, report(layout, runs))


def report(layout: Layout, runs: RunSet) -> str:
    """The whole file. The same runs, document and pictures give the same bytes."""
    title, result, document = sections(layout.contribution.read_text(encoding="utf-8"))
    kept = [section for section in document if section.title != FIGURES_SECTION]
    style, script = _style(), fill("report.js", {})
    shown = scenes(runs, layout.figures)
    return fill(
        REPORT,
        {
            "POLICY": _policy(style, script),
            "TITLE": html.escape(f"CloudMask, {runs.config.name}: {runs.org}"),
            "STYLE": style,
            "NAVIGATION": _navigation(kept),
            "HEAD": title,
            "RESULT": result,
            "BEST_SEED": str(runs.best.seed),
            "SCENE_TABLE": _scene_table(runs, shown),
            "PICTURES": _pictures(runs, layout.figures),
            "TIMELINE": timeline_html(runs.best),
            "FINDINGS": findings_html(layout, runs),
            "DOCUMENT": "".join(_section(number, section) for number, section in enumerate(kept, start=1)),
            "DATA": report_data(runs, shown),
            "SCRIPT": script,
        },
    )


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy that allows this style and this script, pictures inside, and nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _style() -> str:
    """The style sheet with the colours of the figures; their black becomes the colour of text."""
    from submission.figures.style import BLACK, RUN_COLOURS
    from submission.figures.timeline import ROWS

    runs = (
        f".run-{number} {{ color: {'var(--text)' if colour == BLACK else colour}; }}"
        for number, colour in enumerate(RUN_COLOURS)
    )
    parts = (f".part-{number} svg {{ color: {colour}; }}" for number, (_, _, colour) in enumerate(ROWS))
    return fill("report.css", {"COLOURS": "\n".join((*runs, *parts))})


def _navigation(document: Sequence[Section]) -> str:
    links = [
        *PARTS.items(),
        *((f"section-{number}", section.title) for number, section in enumerate(document, start=1)),
    ]
    return "\n".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>' for name, title in links)


def _section(number: int, section: Section) -> str:
    heading = f'<h2 id="section-{number}">{html.escape(section.title)}</h2>'
    return f"<section>\n{heading}\n{section.body}</section>\n"


def _scene_table(runs: RunSet, shown: Sequence[Mapping[str, Any]]) -> str:
    headings = ("Scene", "Period", "Mean accuracy", *(f"Seed {seed}" for seed in runs.seeds))
    rows = [(scene["name"], scene["period"], scene["mean"], *scene["accuracies"]) for scene in shown]
    return html_table("Accuracy by scene, the hardest first", headings, rows)


def _pictures(runs: RunSet, figures: Path) -> str:
    """The other figures of scenes, where they are at hand."""
    shown = captions((RELIABILITY, PREPROCESSING), runs)
    blocks = []
    for name in (RELIABILITY, PREPROCESSING):
        if uri := data_uri(figures, name):
            text = html.escape(shown[name])
            blocks.append(f'<figure><img src="{uri}" alt="{text}"><figcaption>{text}</figcaption></figure>\n')
    return "".join(blocks)
