"""The accelerators of this node, as NVIDIA's driver (NVML) and CUDA_VISIBLE_DEVICES name them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import pynvml


@contextlib.contextmanager
def driver(nvml: Any = pynvml) -> Iterator[bool]:
    """NVIDIA's driver, open during the block; False where there is none."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        nvml.nvmlShutdown()


def device_names(nvml: Any = pynvml) -> list[str]:
    """UUIDs of all devices on which CUDA can compute, which mean the same whatever the order of numbers.

    A card that is divided (MIG) is named by its instances, as CUDA computes on these only. None without the
    driver.
    """
    with driver(nvml) as found:
        if not found:
            return []
        cards = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        return [str(nvml.nvmlDeviceGetUUID(device)) for card in cards for device in _devices_of(nvml, card)]


def _devices_of(nvml: Any, card: Any) -> Iterator[Any]:
    """The card, or its instances where it is divided."""
    try:
        divided = nvml.nvmlDeviceGetMigMode(card)[0] == nvml.NVML_DEVICE_MIG_ENABLE
    except nvml.NVMLError:  # of a kind that cannot be divided
        divided = False
    if not divided:
        yield card
        return
    for place in range(nvml.nvmlDeviceGetMaxMigDeviceCount(card)):
        with contextlib.suppress(nvml.NVMLError):  # a place without an instance
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, place)


def visible_accelerators(nvml: Any, visible: str | None) -> list[Any]:
    """Handles of the accelerators that ``visible`` (CUDA_VISIBLE_DEVICES) lists; all where it is None.

    NVML shows all devices of the node, of which a batch system may have lent only some. Numbers are NVML's,
    which are CUDA's too where CUDA_DEVICE_ORDER is PCI_BUS_ID, as in a run.
    """
    if visible is None:
        return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    names = takewhile(lambda name: name not in ("", "-1"), map(str.strip, visible.split(",")))
    return [
        nvml.nvmlDeviceGetHandleByIndex(int(name))
        if name.isdecimal()
        else nvml.nvmlDeviceGetHandleByUUID(name)
        for name in names
    ]
