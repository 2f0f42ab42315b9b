"""How well the runs used their machines: load, memory, energy and hours, from each run's own measurements.

A value that a run could not measure is an empty cell. In a run on several nodes, the first one measures.
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

#: Format of each column. Use is a mean over time, of all GPUs, or of the cores that the run asked for; memory
#: is that of the run's process and of the fullest GPU; CPU energy is that of the whole node.
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
    """One run, with the figures in the order of COLUMNS; None for those not measured."""

    run: PlannedRun
    state: str
    #: The computing hardware, from the facts of the run's first start.
    node: str
    figures: tuple[float | None, ...]


@dataclass(frozen=True)
class Sampled:
    """The summed samples of a run, by the columns of its telemetry."""

    #: Of all starts, without the time between them.
    seconds: float
    #: Value x seconds, and the seconds in which there was a value.
    integrals: Mapping[str, float]
    weights: Mapping[str, float]
    peaks: Mapping[str, float]
    #: How much counters increased during the run.
    gains: Mapping[str, float]
    #: The accelerators that have columns in its tables.
    devices: Sequence[str]

    def mean(self, column: str) -> float | None:
        weight = self.weights.get(column)
        return self.integrals[column] / weight if weight else None


def rows(statuses: Iterable[RunStatus], folder: ExperimentFolder) -> list[Row]:
    """Return a row for every run that has sampled its node, complete or not. Raises OSError."""
    found = []
    for each in statuses:
        inside = folder.run(each.run)
        if sampled := sum_up(_samples(inside)):
            figures = _figures(each.run, sampled, each.progress)
            found.append(Row(each.run, each.state, _node(inside), figures))
    return found


def sum_up(samples: Iterable[Mapping[str, float]]) -> Sampled | None:
    """Sum up samples in their order, with NaN for missing values; return None if there are none.

    Their ``seconds`` restart with every start of the run.
    """
    seconds = 0.0
    integrals, weights, gains = (defaultdict[str, float](float) for _ in range(3))
    peaks: dict[str, float] = {}
    last: dict[str, float] = {}
    devices: dict[str, None] = {}
    for sample in samples:
        if not last or sample["seconds"] < last["seconds"]:
            # the CPU's counter is 0 when a start begins to sample; those of GPUs began long before
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
    """Yield all samples of a run: tables that were moved aside are the earlier ones."""
    tables = sorted(folder.root.glob("telemetry-*.csv"), key=lambda path: (len(path.name), path.name))
    for path in (*tables, folder.telemetry):
        if not path.exists():
            continue
        with io.TextIOWrapper(open_regular(path), encoding="utf-8", errors="replace", newline="") as file:
            samples = filter(None, map(_sample, csv.DictReader(file, restval="")))
            for place, sample in enumerate(samples):
                if place == 0:
                    yield {"seconds": 0.0}  # each table belongs to another start
                yield sample


def _sample(row: Mapping[str, str]) -> dict[str, float]:
    """Return the numbers of a row, NaN for missing ones; empty for a truncated line."""
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
    """Use each device's counter, or else its power over time; None if a device has neither."""
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
    """Return the training share of the time of a complete run, from its log."""
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
    """Return the rows as a Markdown document, with totals of the columns that add up."""
    cells = [[row.run.name, row.state, row.node, *_shown(row.figures)] for row in found]
    cells.append(["total", "", "", *_shown(_total(found))])
    table = markdown_table(["run", "state", "node", *COLUMNS], cells, right=COLUMNS)
    return f"# {markdown_line(name)}: efficiency\n\n{table}\n"


def to_csv(found: Sequence[Row]) -> str:
    """Return the rows at full precision, with a column for each parameter that varies."""
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
    """Return the sums of the columns that add up, if every run has a figure."""
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
