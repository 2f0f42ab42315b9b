"""A run that was given accelerators computes on them or not at all."""

from __future__ import annotations

import pytest

from benchmark.compute.devices import promised
from benchmark.compute.engine import require_promised
from benchmark.core.errors import RunError


@pytest.mark.parametrize(
    ("environment", "promise"),
    [
        ({}, None),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, "CUDA_VISIBLE_DEVICES=0,1"),
        ({"CUDA_VISIBLE_DEVICES": "MIG-1f"}, "CUDA_VISIBLE_DEVICES=MIG-1f"),
        ({"SLURM_GPUS_ON_NODE": "1"}, "SLURM_GPUS_ON_NODE=1"),
        ({"SLURM_JOB_GPUS": "3"}, "SLURM_JOB_GPUS=3"),
        ({"SLURM_GPUS_ON_NODE": "0"}, None),
        # who hides them asks for the CPU, whatever the scheduler has given
        ({"CUDA_VISIBLE_DEVICES": "", "SLURM_GPUS_ON_NODE": "1"}, None),
        ({"CUDA_VISIBLE_DEVICES": "-1,0"}, None),
    ],
)
def test_accelerators_are_promised_by_environment_and_scheduler(
    environment: dict[str, str], promise: str | None
) -> None:
    assert promised(environment) == promise


def test_the_cpu_does_not_stand_in_for_accelerators_that_were_promised() -> None:
    require_promised(None)
    with pytest.raises(RunError) as error:
        require_promised("SLURM_GPUS_ON_NODE=1")
    assert error.value.found.endswith("can use, although SLURM_GPUS_ON_NODE=1")
    assert "CUDA_VISIBLE_DEVICES= (empty)" in error.value.remedy
