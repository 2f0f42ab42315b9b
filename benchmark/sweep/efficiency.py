"""What the runs made of their machines: load, memory, energy and hours, by what each measured of itself.

What a run could not measure stays an empty cell. Of a run on several nodes, the first one measures.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmark.core.escaping import csv_text, markdown_line, markdown_table
from benchmark.core.files import open_regular, read_text
from benchmark.record.run_folder import RunFolder
from benchmark.record.system_facts import platform_name
from benchmark.sweep.experiment import PlannedRun
from benchmark.sweep.folder import ExperimentFolder
from benchmark.sweep.status import LoggedProgress, RunStatus

#: How each column is shown. Use is a mean over time, of all GPUs, or of the cores that the run asked for;
#: memory is that of the run's process and of the fullest GPU; energy of the CPU is that of the whole node.
COLUMNS: Mapping[str, str] = {
    "GPU use (%)": ".1f",
    "CPU use (%)": ".1f",
    "peak memory (GB)": ".2f",
    "peak GPU memory (GB)": ".2f",
    "GPU energy (kWh)": ".4f",
    "CPU energy (kWh)": ".4f",
    "GPU hours": ".3f",
    "wall hours": ".3f",
    "training (% of the time)": ".1f",
}
#: Columns that add up.
TOTALS = ("GPU energy (kWh)", "CPU energy (kWh)", "GPU hours", "wall hours")

_JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Row:
    """One run, with the figures in the order of COLUMNS; None where something was not measured."""

    run: PlannedRun
    state: str
    #: What computed, by the facts of the run's first start.
    node: str
    figures: tuple[float | None, ...]


@dataclass(frozen=True)
class Sampled:
    """The samples of a run in sum, by the columns of its telemetry."""

    #: Of all starts, without the time between them.
    seconds: float
    #: Value x seconds, and the seconds in which there was a value.
    integrals: Mapping[str, float]
    weights: Mapping[str, float]
    peaks: Mapping[str, float]
    #: By how much counters grew while the run lasted.
    gains: Mapping[str, float]
    #: The accelerators that its tables have columns for.
    devices: Sequence[str]

    def mean(self, column: str) -> float | None:
        weight = self.weights.get(column)
        return self.integrals[column] / weight if weight else None


def rows(statuses: Iterable[RunStatus], folder: ExperimentFolder) -> list[Row]:
    """A row for every run that has sampled its node, whether it is complete or not. Raises OSError."""
    found = []
    for each in statuses:
        inside = folder.run(each.run)
        if sampled := sum_up(_samples(inside)):
            figures = _figures(each.run, sampled, each.progress)
            found.append(Row(each.run, each.state, _node(inside), figures))
    return found


def sum_up(samples: Iterable[Mapping[str, float]]) -> Sampled | None:
    """The sum of samples in their order, NaN where there is no value; None of none.

    Their ``seconds`` begin anew with every start.
    """
    seconds = 0.0
    integrals, weights, gains = (defaultdict[str, float](float) for _ in range(3))
    peaks: dict[str, float] = {}
    last: dict[str, float] = {}
    devices: dict[str, None] = {}
    for sample in samples:
        if not last or sample["seconds"] < last["seconds"]:
            # the CPU's counter is 0 when a start begins to sample, those of GPUs count since long before
            last = {"seconds": 0.0, "cpu_energy_j": 0.0}
        passed = sample["seconds"] - last["seconds"]
        seconds += passed
        for name, value in sample.items():
            if name.startswith("accelerator"):
                devices[name.partition("_")[0]] = None
            if math.isnan(value):
                continue
            integrals[name] += passed * value
            weights[name] += passed
            peaks[name] = max(value, peaks.get(name, value))
            if name in last:
                gains[name] += max(value - last[name], 0.0)
            last[name] = value
    return Sampled(seconds, integrals, weights, peaks, gains, [*devices]) if last else None


def _samples(folder: RunFolder) -> Iterator[dict[str, float]]:
    """All samples of a run: tables that were moved aside are the earlier ones."""
    tables = sorted(folder.root.glob("telemetry-*.csv"), key=lambda path: (len(path.name), path.name))
    for path in (*tables, folder.telemetry):
        if not path.exists():
            continue
        with io.TextIOWrapper(open_regular(path), encoding="utf-8", errors="replace", newline="") as file:
            samples = filter(None, map(_sample, csv.DictReader(file, restval="")))
            for place, sample in enumerate(samples):
                if place == 0:
                    yield {"seconds": 0.0}  # each table is of another start
                yield sample


def _sample(row: Mapping[str, str]) -> dict[str, float]:
    """The numbers of a row, NaN where it has none; empty for a line that was cut."""
    sample: dict[str, float] = {}
    for name, text in row.items():
        with contextlib.suppress(ValueError, TypeError):
            sample[name] = float(text or "nan")
    return {} if math.isnan(sample.get("seconds", math.nan)) else sample


def _figures(run: PlannedRun, sampled: Sampled, progress: LoggedProgress) -> tuple[float | None, ...]:
    use = [sampled.mean(f"{each}_utilisation_percent") for each in sampled.devices]
    used = [mean for mean in use if mean is not None]
    full = [sampled.peaks.get(f"{each}_memory_mb") for each in sampled.devices]
    cores, hours = sampled.mean("process_cpu_percent"), sampled.seconds / 3600
    memory = sampled.peaks.get("process_memory_mb")
    gpus = run.resources.gpus * run.resources.nodes
    return (
        fmean(used) if used else None,
        None if cores is None else cores / run.resources.cores,
        None if memory is None else memory / 1000,
        max((peak / 1000 for peak in full if peak is not None), default=None),
        _accelerator_kwh(sampled),
        sampled.gains["cpu_energy_j"] / _JOULES_PER_KWH if "cpu_energy_j" in sampled.gains else None,
        gpus * hours if gpus else None,
        hours,
        _training_percent(progress),
    )


def _accelerator_kwh(sampled: Sampled) -> float | None:
    """By each device's counter, or where it has none its power over time; None if one has neither."""
    joules = 0.0
    for each in sampled.devices:
        counter, power = f"{each}_energy_mj", f"{each}_power_w"
        if counter in sampled.gains:
            joules += sampled.gains[counter] / 1000
        elif power in sampled.integrals:
            joules += sampled.integrals[power]
        else:
            return None
    return joules / _JOULES_PER_KWH if sampled.devices else None


def _training_percent(progress: LoggedProgress) -> float | None:
    """The share of training in the time of a complete run, by its log."""
    try:
        timing = (progress.result or {})["timing"]
        return 100 * float(timing["training_seconds"]) / float(timing["total_seconds"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _node(folder: RunFolder) -> str:
    try:
        return platform_name(json.loads(read_text(folder.system)))
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ""


# ---- as text


def to_markdown(name: str, found: Sequence[Row]) -> str:
    """The rows as a Markdown document, and the total of what adds up."""
    cells = [[row.run.name, row.state, row.node, *_shown(row.figures)] for row in found]
    cells.append(["total", "", "", *_shown(_total(found))])
    table = markdown_table(["run", "state", "node", *COLUMNS], cells, right=COLUMNS)
    return f"# {markdown_line(name)}: efficiency\n\n{table}\n"


def to_csv(found: Sequence[Row]) -> str:
    """The rows at full precision, with a column for each parameter that varies."""
    varied = list(dict.fromkeys(name for row in found for name in row.run.varied))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *map(csv_text, varied), "seed", "state", "node", *COLUMNS])
    for row in found:
        values = [csv_text(row.run.varied.get(name, "")) for name in varied]
        figures = ["" if figure is None else figure for figure in row.figures]
        writer.writerow([row.run.name, *values, row.run.config.seed, row.state, csv_text(row.node), *figures])
    return text.getvalue()


def _total(found: Sequence[Row]) -> list[float | None]:
    """The sums of the columns that add up, where every run has a figure."""
    columns = zip(COLUMNS, zip(*(row.figures for row in found), strict=True), strict=True)
    return [
        sum(figure for figure in figures if figure is not None)
        if name in TOTALS and None not in figures
        else None
        for name, figures in columns
    ]


def _shown(figures: Iterable[float | None]) -> list[str]:
    return [
        "" if figure is None else format(figure, form)
        for figure, form in zip(figures, COLUMNS.values(), strict=True)
    ]
