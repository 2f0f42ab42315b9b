"""python -m tests.support.documents.notebook PLACE FIRST SECOND: run the notebook on two runs.

Its cells are plain Python, so that neither Jupyter nor a kernel is needed: nbclient with one would add two
dozen packages. With ``--pictures`` its figures go into docs/pictures.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from benchmark import ROOT
from tests.support.documents.pictures import save

NOTEBOOK = ROOT / "docs" / "notebooks" / "compare.ipynb"
#: Figures that a page shows.
SHOWN = ("curves", "scene")


def run_notebook(path: Path, parameters: dict[str, Any]) -> tuple[str, dict[str, Image.Image]]:
    """Run the cells; return their output and figures. ``parameters`` replace those of the tagged cell."""
    names: dict[str, Any] = {"__name__": "__main__"}
    said, figures = io.StringIO(), {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        with contextlib.redirect_stdout(said):
            exec(compile("".join(cell["source"]), f"{path.name}, {cell['id']}", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names.update(parameters)
        for number in plt.get_fignums():
            figure, encoded = plt.figure(number), io.BytesIO()
            figure.savefig(encoded, dpi=100, format="png")
            figures[str(figure.get_label())] = Image.open(encoded)
            plt.close(figure)
    return said.getvalue(), figures


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("place", type=Path, help="folder in which the runs were made")
    parser.add_argument("first", type=Path, help="folder of a run")
    parser.add_argument("second", type=Path, help="folder of another method's run")
    parser.add_argument("--pictures", action="store_true", help="write docs/pictures/notebook-*.webp")
    options = parser.parse_args(arguments)
    said, figures = run_notebook(
        NOTEBOOK, {"PLACE": options.place, "FIRST": options.first, "SECOND": options.second}
    )
    print(said)
    for name in SHOWN if options.pictures else ():
        save(figures[name], f"notebook-{name}", 900)
    return 0


if __name__ == "__main__":
    sys.exit(main())
