"""metrics.csv: the measurements of each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from benchmark.core.files import write_text
from benchmark.record.run_folder import RunFolder


def write_metrics(folder: RunFolder, rows: Sequence[dict[str, Any]]) -> None:
    """Write the measurements of all epochs so far."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder.metrics, text.getvalue())
