"""Accelerators of a run: which ones the scheduler or environment promised, and how they are numbered."""

from __future__ import annotations

from collections.abc import Mapping

#: Variables in which Slurm states the GPUs of a job on this node.
SLURM = ("SLURM_GPUS_ON_NODE", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
VISIBLE = "CUDA_VISIBLE_DEVICES"
#: CUDA's variable for the device order, and the order of the driver and Slurm; CUDA's own is fastest first.
ORDER, BY_DRIVER = "CUDA_DEVICE_ORDER", "PCI_BUS_ID"


def promised(environment: Mapping[str, str]) -> str | None:
    """Return the variable that promises accelerators to this process, with its value; None if none does.

    An empty CUDA_VISIBLE_DEVICES, or one that begins with -1, asks for the CPU.
    """
    visible = environment.get(VISIBLE)
    if visible is not None:
        return None if visible.split(",")[0].strip() in ("", "-1") else f"{VISIBLE}={visible}"
    given = (name for name in SLURM if environment.get(name, "").strip() not in ("", "0"))
    return next((f"{name}={environment[name]}" for name in given), None)
