"""Energy meters of the CPU packages (RAPL) and the accelerators (NVML), in joules."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")

#: Sources of energy, as named in the log.
ACCELERATORS, CPU = "accelerators", "cpu"

#: Reads a value now.
Reading = Callable[[], float]
#: Joules since the meter was created.
Meter = Callable[[], float]
#: Joules by source.
Energy = dict[str, float]


def energy_between(before: Energy | None, after: Energy | None) -> Energy:
    """Return joules by source between two readings, only for sources in both."""
    if before is None or after is None:
        return {}
    return {source: after[source] - before[source] for source in after if source in before}


def accelerator_meter(nvml: Any, handle: Any) -> Meter:
    """Measure an accelerator's energy: by its own counter, or by integrating its power if it has none."""
    try:
        return counted(lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)
    except nvml.NVMLError:
        return integrated(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000)


def package_meters(powercap: Path) -> list[Meter]:
    """Return a meter for every CPU package, which includes its cores and memory.

    Raises OSError if there is none or it cannot be read.
    """
    zones = [zone for zone in powercap.glob("intel-rapl:*") if zone.name.count(":") == 1]
    packages = [zone for zone in sorted(zones) if (zone / "name").read_text().startswith("package")]
    if not packages:
        raise FileNotFoundError(f"no counter of a CPU package in {powercap}")
    return [package_meter(package) for package in packages]


def package_meter(package: Path) -> Meter:
    """Measure the energy of a CPU package, whose counter restarts after ``max_energy_range_uj``."""
    largest = int((package / "max_energy_range_uj").read_text())
    return counted(lambda: int((package / "energy_uj").read_text()) / 1e6, largest / 1e6)


def counted(counter: Reading, largest: float = 0.0) -> Meter:
    """Measure energy by a counter of joules that restarts after ``largest``.

    If a counter was reset and ``largest`` is unknown, that reading adds nothing.
    """
    last, joules = counter(), 0.0

    def total() -> float:
        nonlocal last, joules
        now = counter()
        joules += now - last if now >= last else max(now + largest - last, 0.0)
        last = now
        return joules

    return total


def integrated(power: Reading, clock: Reading = time.monotonic) -> Meter:
    """Integrate a power in watts by the trapezoidal rule, as often as the meter is read."""
    then, before, joules = clock(), power(), 0.0

    def total() -> float:
        nonlocal then, before, joules
        now, watts = clock(), power()
        joules += (now - then) * (before + watts) / 2
        then, before = now, watts
        return joules

    return total


def summed(meters: Sequence[Meter]) -> Meter:
    return lambda: sum(meter() for meter in meters)
