"""metrics.csv: the measurements of each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from benchmark.core.files import write_text
from benchmark.training.context import RunContext


def write_metrics(run: RunContext, rows: Sequence[dict[str, Any]]) -> None:
    """Write the measurements of all epochs so far; the log contains them too."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with run.display.spared():
        write_text(run.folder.metrics, text.getvalue())
