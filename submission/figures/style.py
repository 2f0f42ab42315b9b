"""Style and writing of all figures: for print, for colour-blind readers, the same bytes each time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from benchmark.core.files import write_aside
from submission.figures.palette import RUN_COLOURS, RUN_LINES

#: Inches between the margins of a page; figures are shown at full size, so fonts have the stated size.
WIDTH = 6.6
DOTS_PER_INCH = 200

STYLE = {
    # comes with matplotlib, so it is the same on every machine; a serif, as in the document around the
    # figures; its files are so small that a PDF takes a third of the time that DejaVu Sans would
    "font.family": "STIXGeneral",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text that can be searched and read aloud
    "figure.dpi": DOTS_PER_INCH,
    "savefig.dpi": DOTS_PER_INCH,
    "image.interpolation": "nearest",
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Apply the style during a block, whatever the user's matplotlib settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams  # the type of the keys differs between versions
        settings.update(STYLE)
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure of this size in inches, by default as wide as the page."""
    return Figure(figsize=(width, height), layout="constrained")


def run_line(number: int) -> dict[str, Any]:
    """Return colour and line style of the run with this number, from 0."""
    return {
        "color": RUN_COLOURS[number % len(RUN_COLOURS)],
        "linestyle": RUN_LINES[number % len(RUN_LINES)],
    }


def panel_title(axes: Axes, letter: str, text: str) -> None:
    """Set a panel's letter and title, left-aligned."""
    axes.set_title(f"({letter}) {text}", loc="left")


def without_ticks(axes: Axes) -> None:
    """Show a frame and no ticks."""
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)


def write(figure: Figure, folder: Path, name: str) -> None:
    """Write ``name``.png and ``name``.pdf into the folder, each aside and then renamed.

    They contain no date, program or random identifier. Both have the layout of the PNG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
        figure.set_layout_engine(None)  # savefig would compute it again for each format
    for kind, canvas, metadata in (
        ("png", FigureCanvasAgg, {"Software": None}),
        ("pdf", FigureCanvasPdf, {"Creator": None, "Producer": None, "CreationDate": None}),
    ):
        with write_aside(folder / f"{name}.{kind}") as part:
            canvas(figure).print_figure(part, format=kind, metadata=metadata)
            part.chmod(0o644)
