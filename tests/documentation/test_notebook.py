"""The notebook runs from its first cell to its last, on real runs, without Jupyter."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest

from tests.support.documents.notebook import NOTEBOOK, run_notebook

pytestmark = pytest.mark.slow


def test_the_notebook_compares_two_real_runs(trained_place: Path) -> None:
    runs = {
        name: trained_place / "logs" / method for name, method in (("FIRST", "unet"), ("SECOND", "bayes"))
    }
    folders = {name: next(path for path in logs.iterdir()) for name, logs in runs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # nothing is shown: the figures are drawn only
        said, figures = run_notebook(NOTEBOOK, {"PLACE": trained_place, **folders})
    assert list(figures) == ["curves", "scenes", "scene"]
    assert all(len(picture.convert("RGB").getcolors(1 << 24) or []) > 20 for picture in figures.values())
    assert re.search(r"^unet - bayes: [+-]0\.\d{4}, interval [+-]0\.\d{4} to [+-]0\.\d{4}: ", said, re.M)


def test_the_notebook_is_one_that_jupyter_opens_and_holds_no_output() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all((cell["outputs"], cell["execution_count"]) == ([], None) for cell in code)
