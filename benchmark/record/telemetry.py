"""Sample load, memory, power and energy of the node during a run.

Columns of ``telemetry.csv``; a value that cannot be read is an empty field, and one MB is 10**6 bytes:

- ``time`` (UTC) and ``seconds`` since this process began to sample
- ``process_cpu_percent`` (100 for each busy core) and ``system_cpu_percent`` (100 for all cores)
- ``process_memory_mb`` (resident) and ``available_memory_mb`` (of the node)
- ``read_mb`` and ``written_mb``: what this process has moved from and to storage
- ``cpu_energy_j``: joules of the node's CPU packages (RAPL) since ``seconds`` was 0
- for each accelerator that the run may use (NVML), ``accelerator0_`` and so on: ``power_w``,
  ``temperature_c``, ``memory_mb``, ``utilisation_percent`` and ``energy_mj``, the device's counter

A gap between two lines means that the process was stopped. It counts in the run's times like any other time.

Nothing that fails here ends a run; it is reported in ``unavailable`` or ``problem``.
"""

from __future__ import annotations

import contextlib
import csv
import os
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any, TextIO

import psutil
import pynvml

from benchmark.core.errors import RunError
from benchmark.record.accelerators import visible_accelerators
from benchmark.record.energy import (
    ACCELERATORS,
    CPU,
    POWERCAP,
    Energy,
    Meter,
    Reading,
    accelerator_meter,
    package_meters,
    summed,
)

#: Seconds that the end of a run waits for an unfinished sample.
_JOIN_TIMEOUT_SECONDS = 10.0

#: Seconds between two samples: if energy can be read (as often as power meters are), and otherwise.
METERED_INTERVAL, INTERVAL = 1.0, 5.0

#: A sample that is late by more seconds follows a pause; a busy node causes shorter delays.
PAUSE_SECONDS = 50.0

_MB = 10**6


@contextlib.contextmanager
def sample_telemetry(
    path: Path, interval: float | None = None, *, powercap: Path = POWERCAP, nvml: Any = pynvml
) -> Iterator[Telemetry]:
    """Append a sample to the table ``path`` every ``interval`` seconds of the block, and one at its end.

    The default interval is 1 s if energy can be read, else 5 s. ``powercap`` is the folder of the kernel's
    energy counters, ``nvml`` the binding to NVIDIA's driver.
    """
    telemetry = Telemetry(path, powercap, nvml)
    stop = threading.Event()
    seconds = interval or telemetry.interval
    thread = threading.Thread(target=telemetry.sample_until, args=(stop, seconds), daemon=True)
    thread.start()
    try:
        yield telemetry
    finally:
        stop.set()
        thread.join(_JOIN_TIMEOUT_SECONDS)
        telemetry.close()


class Telemetry:
    """Reads what this node provides; used by two threads: the sampler's and the run's."""

    def __init__(self, path: Path, powercap: Path, nvml: Any) -> None:
        self.path = path
        #: What cannot be read on this node and why, one line each.
        self.unavailable: list[str] = []
        #: What went wrong after the start, or None.
        self.problem: str | None = None
        #: Seconds in which the process could not sample because it was stopped (SIGSTOP, a suspended job).
        self.paused_seconds = 0.0
        self._failures = (OSError, ValueError, psutil.Error, nvml.NVMLError)
        self._closing = contextlib.ExitStack()
        self._lock = threading.Lock()
        self._start = time.monotonic()

        handles: list[Any] = []
        with self._noting_unavailable("accelerators"):
            nvml.nvmlInit()
            self._closing.callback(nvml.nvmlShutdown)
            handles = visible_accelerators(nvml, os.environ.get("CUDA_VISIBLE_DEVICES"))
        self._meters: dict[str, Meter] = {}
        if handles:
            with self._noting_unavailable("energy of the accelerators"):
                self._meters[ACCELERATORS] = summed([accelerator_meter(nvml, each) for each in handles])
        with self._noting_unavailable("energy of the CPU"):
            self._meters[CPU] = summed(package_meters(powercap))

        process = process_readings()
        accelerators = {
            f"accelerator{number}_{name}": reading
            for number, handle in enumerate(handles)
            for name, reading in accelerator_readings(nvml, handle).items()
        }
        #: Seconds between two samples.
        self.interval = METERED_INTERVAL if self._meters else INTERVAL
        self.columns = ("time", "seconds", *process, "cpu_energy_j", *accelerators)
        self._readings: dict[str, Reading] = {}
        for name, reading in (process | accelerators).items():
            with self._noting_unavailable(name):
                reading()
                self._readings[name] = reading

    def energy(self) -> Energy | None:
        """Return joules so far by source; None if none can be read."""
        joules = {}
        with self._lock:
            for source, meter in list(self._meters.items()):
                try:
                    joules[source] = meter()
                except self._failures as error:
                    del self._meters[source]
                    self.problem = f"the energy of {source} can no longer be read: {_in_a_line(error)}"
        return joules or None

    def sample_until(self, stop: threading.Event, interval: float) -> None:
        """Write a sample every ``interval`` seconds, and one when ``stop`` is set."""
        try:
            psutil.cpu_percent()  # the load is measured since the thread's previous call
            with open_table(self.path, self.columns) as file:
                table = csv.DictWriter(file, self.columns, restval="", lineterminator="\n")
                stopped = False
                while not stopped:
                    waited = time.monotonic()
                    stopped = stop.wait(interval)
                    if (late := time.monotonic() - waited - interval) > PAUSE_SECONDS:
                        self.paused_seconds += late
                    table.writerow(self.sample())
                    file.flush()
        except Exception as error:  # whatever it is, the run matters more
            with self._lock:
                self._meters.clear()  # meters are only right if read often
            self.problem = str(
                RunError(
                    self.path,
                    found=f"no more samples: {type(error).__name__}: {_in_a_line(error)}",
                    expected="a line every second or every five",
                    remedy="none is needed for the run, which continues; look at its folder and its disk",
                )
            )

    def sample(self) -> dict[str, object]:
        """Return a row of the table without the fields that cannot be read."""
        row: dict[str, object] = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": round(time.monotonic() - self._start, 3),
        }
        for name, reading in self._readings.items():
            with contextlib.suppress(*self._failures):
                row[name] = round(reading(), 3)
        energy = self.energy() or {}
        if CPU in energy:
            row["cpu_energy_j"] = round(energy[CPU], 3)
        return row

    def close(self) -> None:
        """Release the driver."""
        with contextlib.suppress(*self._failures):
            self._closing.close()

    @contextlib.contextmanager
    def _noting_unavailable(self, what: str) -> Iterator[None]:
        """Record a failure to read ``what`` as a line of ``unavailable``."""
        try:
            yield
        except self._failures as error:
            self.unavailable.append(f"{what}: {_in_a_line(error)}")


def open_table(path: Path, columns: Sequence[str]) -> TextIO:
    """Open the table to append complete lines, with its header written.

    A truncated last line is removed. A table with other columns, such as from another node, is kept under a
    numbered name.
    """
    header = f"{','.join(columns)}\n"
    content = path.read_bytes() if path.exists() else b""
    complete = content[: content.rfind(b"\n") + 1]
    if len(complete) < len(content):
        os.truncate(path, len(complete))
    if complete and not complete.startswith(header.encode()):
        names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
        path.rename(next(name for name in names if not name.exists()))
        complete = b""
    file = path.open("a", encoding="utf-8", newline="")
    if not complete:
        file.write(header)
        file.flush()
    return file


def process_readings() -> dict[str, Reading]:
    """Return readings of load, memory and traffic of this process and its node."""
    process = psutil.Process()
    return {
        "process_cpu_percent": process.cpu_percent,
        "system_cpu_percent": psutil.cpu_percent,
        "process_memory_mb": lambda: process.memory_info().rss / _MB,
        "available_memory_mb": lambda: psutil.virtual_memory().available / _MB,
        "read_mb": lambda: process.io_counters().read_bytes / _MB,
        "written_mb": lambda: process.io_counters().write_bytes / _MB,
    }


def accelerator_readings(nvml: Any, handle: Any) -> dict[str, Reading]:
    """Return readings of one accelerator."""
    return {
        "power_w": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
        "temperature_c": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        "memory_mb": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used / _MB,
        "utilisation_percent": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
        "energy_mj": lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle),
    }


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())
