"""The limits of the visible accelerators, as NVIDIA's driver (NVML) states them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pynvml

from benchmark.core.display import Display
from benchmark.core.measure import row
from benchmark.record.accelerators import driver, visible_accelerators


@dataclass(frozen=True)
class Limits:
    """Limits of one card: bytes and float32 operations per second, counting a multiply-add as two."""

    name: str
    bandwidth: float
    float32: float


def card_limits(nvml: Any = pynvml, visible: str | None = None) -> list[Limits]:
    """Return the limits of each visible accelerator at its highest clocks; none if the driver lacks them.

    Memory transfers twice per clock over the full bus width; a core does one multiply-add per clock.
    """
    with driver(nvml) as found:
        if not found:
            return []
        try:
            return [_limits(nvml, card) for card in visible_accelerators(nvml, visible)]
        except nvml.NVMLError:
            return []


def _limits(nvml: Any, card: Any) -> Limits:
    clocks = nvml.NVML_CLOCK_MEM, nvml.NVML_CLOCK_SM
    memory, cores = (1e6 * nvml.nvmlDeviceGetMaxClockInfo(card, which) for which in clocks)
    return Limits(
        nvml.nvmlDeviceGetName(card),
        2 * memory * nvml.nvmlDeviceGetMemoryBusWidth(card) / 8,
        2 * cores * nvml.nvmlDeviceGetNumGpuCores(card),
    )


def say_card_limits(display: Display) -> None:
    """Print the limits of each visible card, above the measurements on it."""
    for limits in card_limits(visible=os.environ.get("CUDA_VISIBLE_DEVICES")):
        row(display, "card's memory", [limits.bandwidth / 1e9], "GB/s", f"{limits.name}, by its clocks")
        note = "by its clocks; its tensor cores multiply 16-bit numbers several times as fast"
        row(display, "card's float32", [limits.float32 / 1e9], "GFLOP/s", note)
