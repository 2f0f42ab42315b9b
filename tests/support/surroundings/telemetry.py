"""Read telemetry tables, write a tree of RAPL counters, and stand in for NVML."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

PROCESS = (
    *("process_cpu_percent", "system_cpu_percent", "process_memory_mb", "available_memory_mb"),
    *("read_mb", "written_mb"),
)
HEADER = ["time", "seconds", *PROCESS, "cpu_energy_j"]
ACCELERATOR = ("power_w", "temperature_c", "memory_mb", "utilisation_percent", "energy_mj")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_package(
    powercap: Path, number: int, joules: float, name: str = "package", largest: int = 1000
) -> Path:
    """Write a package with the zone of its cores, like the kernel's; return the counter's file."""
    package = powercap / f"intel-rapl:{number}"
    for zone, title in ((package, f"{name}-{number}"), (powercap / f"{package.name}:0", "core")):
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "name").write_text(f"{title}\n")
        (zone / "max_energy_range_uj").write_text(f"{largest * 10**6}\n")
        (zone / "energy_uj").write_text(f"{joules * 10**6:.0f}\n")
    return package / "energy_uj"


class NvmlError(Exception):
    """Raised by the stand-in."""


class Nvml:
    """A stand-in for pynvml with some accelerators, since test machines have none."""

    NVMLError = NvmlError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *millijoules: int | None) -> None:
        self.millijoules = list(millijoules)
        self.milliwatts = [250_000 + 1000 * index for index in range(len(millijoules))]
        self.opened = 0

    def nvmlInit(self) -> None:
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.millijoules)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index >= len(self.millijoules):
            raise NvmlError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return {"GPU-b": 1}[uuid]

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return self.milliwatts[handle]

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return 60 + handle

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=3_500_000_000, total=80_000_000_000)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=97, memory=40)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        millijoules = self.millijoules[handle]
        if millijoules is None:
            raise NvmlError("Not Supported")
        return millijoules
