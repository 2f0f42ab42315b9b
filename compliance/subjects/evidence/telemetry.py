"""telemetry.csv: samples of the node, in the order in which the starts of a run took them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property

from compliance.subjects.evidence.tables import number, other_columns, read_table
from compliance.subjects.log import Defect
from compliance.wording import excerpt

#: The most seconds between two samples; 1 if energy can be read (benchmark/record/telemetry.py).
INTERVAL = 5.0

TIME, SECONDS = "time", "seconds"
PROCESS_CPU, SYSTEM_CPU = "process_cpu_percent", "system_cpu_percent"
PROCESS_MEMORY, FREE_MEMORY = "process_memory_mb", "available_memory_mb"
CPU_ENERGY = "cpu_energy_j"
NODE = (PROCESS_CPU, SYSTEM_CPU, PROCESS_MEMORY, FREE_MEMORY, "read_mb", "written_mb", CPU_ENERGY)
OF_ACCELERATOR = ("power_w", "temperature_c", "memory_mb", "utilisation_percent", "energy_mj")
#: More seconds than any process runs.
LONGEST = 1e9
#: Columns that are shares of a whole.
_SHARES = (SYSTEM_CPU, "utilisation_percent")

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


@dataclass
class Series:
    """The samples that one start of a run wrote to one file; None where a sample has no value."""

    file: str
    lines: list[int] = field(default_factory=list)
    #: Milliseconds since 1970.
    times: list[int] = field(default_factory=list)
    #: Seconds since this start began to sample.
    seconds: list[float] = field(default_factory=list)
    values: dict[str, list[float | None]] = field(default_factory=dict)

    @property
    def begin(self) -> int:
        """The time at which this start began to sample, in milliseconds since 1970."""
        return self.times[0] - round(1000 * self.seconds[0])

    def summed(self, columns: Sequence[str]) -> list[float | None]:
        """Return the sum of some columns for every sample; None if one of them has no value."""
        chosen = [self.values.get(name, [None] * len(self.lines)) for name in columns]
        return [
            sum(each for each in row if each is not None) if None not in row else None
            for row in zip(*chosen, strict=True)
        ]


@dataclass
class Samples:
    """One telemetry file: the number of accelerators it has columns for, its series, and its defects."""

    file: str
    accelerators: int
    series: list[Series]
    defects: list[Defect]


@dataclass(frozen=True)
class Telemetry:
    """All telemetry of a run, the first file first."""

    files: list[Samples]

    @cached_property
    def series(self) -> list[Series]:
        """The series of all files."""
        return [series for file in self.files for series in file.series]

    @property
    def accelerators(self) -> int:
        """The most accelerators that any file has columns for."""
        return max((file.accelerators for file in self.files), default=0)


def accelerator_columns(name: str, accelerators: int) -> list[str]:
    """Return the columns of this name, one for each accelerator."""
    return [f"accelerator{place}_{name}" for place in range(accelerators)]


def read_samples(file: str, content: bytes) -> Samples:
    """Read one telemetry file from its content."""
    table = read_table(content)
    accelerators, odd = divmod(len(table.columns) - len(NODE) - 2, len(OF_ACCELERATOR))
    devices = [f"accelerator{place}_{name}" for place in range(accelerators) for name in OF_ACCELERATOR]
    samples = Samples(file, max(accelerators, 0), [], table.defects)
    if not table.columns:
        return samples
    if odd or tuple(table.columns) != (TIME, SECONDS, *NODE, *devices):
        expected = (TIME, SECONDS, *NODE, *devices)
        samples.defects.append(Defect(1, other_columns(table.columns, expected)))
        samples.accelerators = 0
        return samples
    names = table.columns[2:]
    for line, (time, seconds, *cells) in table.rows:
        stamp, since = milliseconds(time), number(seconds)
        values = [number(cell) if cell else None for cell in cells]
        wrong = next(
            (
                f"`{name}` {excerpt(cell)}"
                for name, cell, value in zip(names, cells, values, strict=True)
                if (cell and value is None) or not _is_possible(name, value)
            ),
            "",
        )
        if stamp is None or since is None or not 0 <= since < LONGEST:
            samples.defects.append(Defect(line, f"time {excerpt(time)}, seconds {excerpt(seconds)}"))
        elif wrong:
            samples.defects.append(Defect(line, wrong))
        else:
            if not samples.series or since < samples.series[-1].seconds[-1]:
                samples.series.append(Series(file, values={name: [] for name in names}))
            series = samples.series[-1]
            series.lines.append(line)
            series.times.append(stamp)
            series.seconds.append(since)
            for name, value in zip(names, values, strict=True):
                series.values[name].append(value)
    return samples


def milliseconds(text: str) -> int | None:
    """Convert a time of telemetry to milliseconds since 1970; None for any other text."""
    if not _TIME.fullmatch(text):
        return None
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return round(1000 * moment.timestamp())


def _is_possible(name: str, value: float | None) -> bool:
    """Whether a reading is possible: only a temperature may be negative, and no share above 100 %, except by
    rounding over a short time."""
    if value is None:
        return True
    if name.endswith(_SHARES):
        return 0 <= value <= 101
    return value >= 0 or name.endswith("temperature_c")
