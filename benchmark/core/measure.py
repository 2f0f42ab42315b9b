"""Performance figures: shown as median and range, written to a file, compared with an earlier measurement."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError
from benchmark.core.files import read_text, reason_of, write_text

#: Number of measurements per figure.
ROUNDS = 5
FORMAT = "cloudmask-bench-1"


class Figures(Display):
    """A display that keeps the figures shown on it and compares them with an earlier measurement.

    ``system`` holds the facts of `benchmark.record.system_info`; ``base`` is the file of the earlier
    measurement. Raises CloudMaskError if it cannot be read or comes from another processor.
    """

    def __init__(self, system: Mapping[str, Any], base: Path | None = None) -> None:
        super().__init__()
        self.system = system
        self.figures: list[dict[str, Any]] = []
        self._earlier = {} if base is None else _medians(base, system)
        self._of = ""

    def keep(self, name: str, values: Sequence[float], unit: str, note: str = "") -> str:
        """Keep a figure; return in words how its median compares with the earlier one.

        An indented name belongs to the last name that is not indented.
        """
        self._of = self._of if name.startswith(" ") else name
        complete = f"{self._of}: {name.strip()}" if name.startswith(" ") else name
        median = statistics.median(values)
        figure = {"name": complete, "unit": unit, "median": median, "values": [*values], "note": note}
        self.figures.append(figure)
        earlier = self._earlier.get((complete, unit))
        return f"{median / earlier:.2f} of base" if earlier else ""

    def write(self, path: Path) -> None:
        """Write machine, versions, commit and all figures as JSON. Raises CloudMaskError."""
        text = json.dumps({"format": FORMAT, "system": self.system, "figures": self.figures}, indent=1)
        try:
            write_text(path, f"{text}\n")
        except OSError as error:
            remedy = "name another with --json"
            raise _unusable(path, reason_of(error), "a file that can be written", remedy) from None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that write and compare figures."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write machine, commit and figures here too"
    )
    parser.add_argument(
        "--base", type=Path, metavar="FILE", help="show the ratio to the figures of this file of --json"
    )


def row(display: Display, name: str, values: Sequence[float], unit: str, note: str = "") -> float:
    """Print and keep the median, lowest and highest value; return the median."""
    middle = statistics.median(values)
    digits = max(0, 2 - len(str(int(middle))) + 1)
    spread = f"({min(values):.{digits}f} to {max(values):.{digits}f})"
    if isinstance(display, Figures) and (compared := display.keep(name, values, unit, note)):
        spread = f"{spread:20} {compared:13}"
    display.say(f"{name:28} {middle:10.{digits}f} {unit:10} {spread:20} {note}")
    return middle


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratio(display: Display, ours: Sequence[float], theirs: Sequence[float], note: str) -> None:
    """Print theirs divided by ours, pair by pair."""
    row(display, "  to the reference's rate", [t / o for o, t in zip(ours, theirs, strict=True)], "", note)


def _medians(base: Path, system: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the medians of an earlier measurement on the same processors, by name and unit.

    Raises CloudMaskError.
    """
    remedy = "name a file that --json wrote on this machine, or measure without --base"
    try:
        data = json.loads(read_text(base))
        if data["format"] != FORMAT:
            raise ValueError(f"the format {data['format']}")
        found = _processors(data["system"])
        medians = {(each["name"], each["unit"]): float(each["median"]) for each in data["figures"]}
    except OSError as error:
        raise _unusable(base, reason_of(error), "a file to compare with", remedy) from None
    except (ValueError, KeyError, TypeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise _unusable(base, said, f"figures in the format {FORMAT}", remedy) from None
    if found != (here := _processors(system)):
        raise _unusable(base, f"figures of {found}", f"figures of {here}, as here", remedy)
    return medians


def _processors(system: Mapping[str, Any]) -> str:
    """Describe the processors and accelerators of a machine in words."""
    parts = [f"{system['cpu']['threads']} x {system['cpu']['model']}"]
    return ", ".join([*parts, *(str(each["model"]) for each in system["accelerators"])])


def _unusable(path: Path, found: str, expected: str, remedy: str) -> CloudMaskError:
    return CloudMaskError(path, found=found, expected=expected, remedy=remedy)
