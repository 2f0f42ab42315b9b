"""Write all computed files of a bundle: the packager writes them, the verifier writes them again."""

from __future__ import annotations

from pathlib import Path

from submission.bundle.layout import BundleLayout
from submission.bundle.sources import Sources
from submission.documents.contribution import contribution
from submission.documents.crate import ro_crate
from submission.documents.files import write_documents, write_json, write_text
from submission.documents.tasks import croissant_task
from submission.documents.typeset import write_typeset
from submission.figures.catalogue import FROM_LOGS, drawn
from submission.figures.drawing import Draw
from submission.report.images import shrink_figures
from submission.report.page import write_report
from submission.runs.runs import RunSet


def write_generated(layout: BundleLayout, sources: Sources, draw: Draw) -> None:
    """Write all files that follow from the sources. Existing scene figures are used unchanged."""
    names = sorted({*drawn(layout.figures), *FROM_LOGS})
    with draw(sources.runs, layout.figures):
        write_documents(layout, sources)
        write_text(layout.contribution, contribution(layout, sources, names))
        write_report(layout, sources.runs)
    write_typeset(layout)
    write_json(layout.task, croissant_task(layout, sources))
    write_json(layout.crate, ro_crate(layout, sources))


def write_pictures(layout: BundleLayout, runs: RunSet, data: Path) -> None:
    """Draw the scene figures, large and small, if scenes and masks are available below ``data``.

    The verifier cannot draw them again: scenes and masks are not in the bundle.
    """
    if (data / runs.config.data.inference).is_dir():
        # late: only scene figures need the packages that read scenes
        from submission.figures.from_scenes import draw_from_scenes

        draw_from_scenes(runs, data, layout.figures)
        shrink_figures(layout.figures)
