"""Accelerators that were promised to a run: by its scheduler, by its environment, or by the driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

#: How Slurm states the GPUs of a job on this node.
SLURM = ("SLURM_GPUS_ON_NODE", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
VISIBLE = "CUDA_VISIBLE_DEVICES"


def promised(environment: Mapping[str, str], models: Callable[[], Sequence[str]]) -> str | None:
    """Who promises accelerators to this process, in words; None where nobody does.

    An empty CUDA_VISIBLE_DEVICES, or one that begins with -1, asks for the CPU. ``models`` gives the
    accelerators that the driver has.
    """
    visible = environment.get(VISIBLE)
    if visible is not None:
        names = visible.split(",")
        return f"{VISIBLE}={visible}" if names[0].strip() not in ("", "-1") else None
    for name in SLURM:
        if environment.get(name, "").strip() not in ("", "0"):
            return f"{name}={environment[name]}"
    found = models()
    return f"the driver has {', '.join(found)}" if found else None
