"""python -m benchmark.comparison LOGS... --output DIR: one table and one figure of many methods' runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmark.comparison.runs import read_runs, rows_of
from benchmark.comparison.table import to_csv, to_markdown
from benchmark.core.errors import CloudMaskError
from benchmark.core.files import write_text


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 written, 1 failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.comparison",
        description="Compare the runs of several methods on the same scenes: table1.md, .csv and .png.",
    )
    parser.add_argument("logs", type=Path, nargs="*", default=[Path("logs")], help="folders of runs (logs)")
    parser.add_argument(
        "--output", type=Path, default=Path("dist"), metavar="DIR", help="where the files go (dist)"
    )
    options = parser.parse_args(arguments)
    try:
        rows = rows_of(read_runs(options.logs))
        from benchmark.comparison.figure import draw  # import matplotlib only when there is something to draw

        options.output.mkdir(parents=True, exist_ok=True)
        text = to_markdown(rows)
        write_text(options.output / "table1.md", text)
        write_text(options.output / "table1.csv", to_csv(rows))
        draw(rows, options.output / "table1.png")
    except (CloudMaskError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(text)
    print(f"wrote table1.md, table1.csv and table1.png into {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
