"""List the accelerators of this node, as NVIDIA's driver (NVML) and CUDA_VISIBLE_DEVICES name them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import pynvml


@contextlib.contextmanager
def driver(nvml: Any = pynvml) -> Iterator[bool]:
    """Open NVIDIA's driver during the block; yield False if there is none."""
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
    """Return the UUIDs of all devices that CUDA can use; unlike numbers, they do not depend on the order.

    A divided card (MIG) is listed by its instances, since CUDA can only use these. The list is empty without
    the driver.
    """
    with driver(nvml) as found:
        if not found:
            return []
        cards = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        return [str(nvml.nvmlDeviceGetUUID(device)) for card in cards for device in _devices_of(nvml, card)]


def _devices_of(nvml: Any, card: Any) -> Iterator[Any]:
    """Yield the card, or its instances if it is divided."""
    try:
        divided = nvml.nvmlDeviceGetMigMode(card)[0] == nvml.NVML_DEVICE_MIG_ENABLE
    except nvml.NVMLError:  # a model that cannot be divided
        divided = False
    if not divided:
        yield card
        return
    for place in range(nvml.nvmlDeviceGetMaxMigDeviceCount(card)):
        with contextlib.suppress(nvml.NVMLError):  # a slot without an instance
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, place)


def visible_accelerators(nvml: Any, visible: str | None) -> list[Any]:
    """Return handles of the accelerators that ``visible`` (CUDA_VISIBLE_DEVICES) lists; all if it is None.

    NVML shows all devices of the node, although a batch system may have allocated only some. Numbers are
    NVML's; CUDA uses the same if CUDA_DEVICE_ORDER is PCI_BUS_ID, as in a run.
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
