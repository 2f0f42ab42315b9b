"""What NVML says of a card, from a stand-in: no machine of the tests has one."""

from __future__ import annotations

import pynvml
import pytest

from benchmark.bench import cards
from benchmark.bench.cards import Limits, card_limits, say_card_limits
from benchmark.core.display import Display


class NvmlError(Exception):
    pass


class V100:
    """One or more V100, with the clocks of its data sheet."""

    NVMLError = NvmlError
    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2

    def __init__(self, count: int, cores: int | None = 5120) -> None:
        self.count, self.cores, self.opened = count, cores, 0

    def nvmlInit(self) -> None:
        if not self.count:
            raise NvmlError("NVML Shared Library Not Found")
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, card: int) -> str:
        return "Tesla V100"

    def nvmlDeviceGetMaxClockInfo(self, card: int, which: int) -> int:
        return {self.NVML_CLOCK_SM: 1530, self.NVML_CLOCK_MEM: 877}[which]

    def nvmlDeviceGetMemoryBusWidth(self, card: int) -> int:
        return 4096

    def nvmlDeviceGetNumGpuCores(self, card: int) -> int:
        if self.cores is None:
            raise NvmlError("Not Supported")
        return self.cores


@pytest.mark.parametrize(("visible", "count"), [(None, 2), ("1", 1), ("", 0)])
def test_a_card_is_limited_as_its_data_sheet_says(visible, count):
    nvml = V100(2)
    found = card_limits(nvml, visible)
    limits = Limits("Tesla V100", pytest.approx(898e9, rel=1e-3), pytest.approx(15.67e12, rel=1e-3))
    assert found == [limits] * count
    assert nvml.opened == 0


@pytest.mark.parametrize("nvml", [V100(0), V100(1, cores=None)], ids=("no driver", "an old driver"))
def test_without_a_driver_that_says_so_there_are_no_limits(nvml):
    assert card_limits(nvml) == []
    assert nvml.opened == 0


def test_the_real_library_has_what_is_asked():
    for name in (*(name for name in vars(V100) if name.startswith(("nvml", "NVML_"))), "NVMLError"):
        assert hasattr(pynvml, name)


def test_limits_are_printed_for_each_card(monkeypatch, capsys):
    monkeypatch.setattr(cards, "card_limits", lambda visible: card_limits(V100(1), visible))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    say_card_limits(Display())
    memory, float32 = capsys.readouterr().out.splitlines()
    assert memory.split()[:4] == ["card's", "memory", "898", "GB/s"]
    assert float32.split()[:4] == ["card's", "float32", "15667", "GFLOP/s"]
