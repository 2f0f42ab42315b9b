"""The report for the reviewer: one HTML file with curves and scenes to explore.

It loads nothing from a network: style, script and images are embedded, and its policy allows no
others. Its numbers are those of the contribution document, which is embedded too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.escaping import printable
from compliance.finding import Finding
from submission.bundle.layout import REPORT, BundleLayout
from submission.documents.files import write_text
from submission.documents.templating import environment
from submission.figures.catalogue import PREPROCESSING, RELIABILITY, captions
from submission.figures.palette import BLACK, INTERVALS, RUN_COLOURS
from submission.report.data import report_data, scenes
from submission.report.findings import findings, rules_applied
from submission.report.images import data_uri
from submission.report.text import breakable, sections
from submission.report.timeline import timeline
from submission.runs.runs import RunSet

TEMPLATES = environment(Path(__file__).parent / "templates")
TEMPLATES.filters["breakable"] = breakable

#: The document's section of figures, which the report replaces with its own.
FIGURES_SECTION = "Figures"


def write_report(layout: BundleLayout, runs: RunSet) -> None:
    """Write the report from the contribution and the small images in the bundle."""
    write_text(layout.report, report(layout, runs))


def report(layout: BundleLayout, runs: RunSet) -> str:
    """Return the complete file. The same runs, document and images give the same bytes."""
    title, result, document = sections(layout.contribution.read_text(encoding="utf-8"))
    # The colours of the figures; their black becomes the colour of the text.
    colours = {"run_colours": RUN_COLOURS, "black": BLACK, "intervals": INTERVALS}
    style = TEMPLATES.get_template("report.css").render(colours)
    script = TEMPLATES.get_template("report.js").render()
    shown = scenes(runs, layout.figures)
    texts = captions((RELIABILITY, PREPROCESSING), runs)
    pictures = {texts[name]: data_uri(layout.figures, name) for name in (RELIABILITY, PREPROCESSING)}
    return TEMPLATES.get_template(REPORT).render(
        policy=_policy(style, script),
        title=printable(f"CloudMask, {runs.config.name}: {runs.org}"),
        style=style,
        head=title,
        result=result,
        runs=runs,
        scene_table=_scene_table(runs, shown),
        pictures={text: address for text, address in pictures.items() if address},
        timeline=timeline(runs.best),
        rules_applied=rules_applied(),
        finding_rows=[_cells(finding) for finding in findings(layout, runs)],
        document=[section for section in document if section.title != FIGURES_SECTION],
        data=report_data(runs, shown),
        script=script,
    )


def _scene_table(runs: RunSet, shown: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows."""
    headings = ["Scene", "Period", "Mean accuracy", *(f"Seed {seed}" for seed in runs.seeds)]
    rows = [[scene["name"], scene["period"], scene["mean"], *scene["accuracies"]] for scene in shown]
    return headings, rows


def _cells(finding: Finding) -> tuple[str, ...]:
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path
    return (finding.severity, finding.rule, place, finding.found, finding.expected, finding.remedy)


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows only this style, this script and embedded images."""
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
