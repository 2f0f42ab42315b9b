"""Devices by the names that CUDA takes, from a stand-in for NVML: cards, and the parts of divided ones."""

from __future__ import annotations

import pytest

from benchmark.record.accelerators import device_names, visible_accelerators


class NvmlError(Exception):
    pass


class Nvml:
    """A node's driver: for each card None, if it cannot be divided, or the places for its parts."""

    NVMLError = NvmlError
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(self, *cards: list[str | None] | str | None) -> None:
        self.cards = cards

    def nvmlInit(self) -> None:
        if not self.cards:
            raise NvmlError("NVML Shared Library Not Found")

    def nvmlShutdown(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> object:
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> object:
        return uuid

    def nvmlDeviceGetMigMode(self, card: int) -> list[int]:
        if self.cards[card] is None:
            raise NvmlError("Not Supported")
        return [int(self.cards[card] != "off"), 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, card: int) -> int:
        return len(self.cards[card] or ())

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: int, place: int) -> object:
        name = (self.cards[card] or ())[place]
        if name is None:
            raise NvmlError("Not Found")
        return name

    def nvmlDeviceGetUUID(self, handle: object) -> str:
        return f"GPU-{handle}" if isinstance(handle, int) else f"MIG-{handle}"


@pytest.mark.parametrize(
    ("nvml", "names"),
    [
        (Nvml(), []),
        (Nvml(None, "off"), ["GPU-0", "GPU-1"]),
        (Nvml(["a", None, "b"], None), ["MIG-a", "MIG-b", "GPU-1"]),
        (Nvml([None, None]), []),
    ],
    ids=("no driver", "whole cards", "a divided one", "divided into nothing"),
)
def test_devices_are_named_as_cuda_computes_on_them(nvml: Nvml, names: list[str]) -> None:
    assert device_names(nvml) == names


def test_numbers_and_uuids_name_what_is_visible() -> None:
    nvml = Nvml(None, None)
    assert visible_accelerators(nvml, None) == [0, 1]
    assert visible_accelerators(nvml, "1,MIG-a,-1,0") == [1, "MIG-a"]
    assert visible_accelerators(nvml, "") == []
