"""Train with several workers on loopback, and compare with one worker."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.project import read_events
from tests.support.surroundings.ports import free_ports


def environments(number: int) -> list[dict[str, str]]:
    """Return the environment variables with which each of ``number`` workers finds the others."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(number)]
    described = {"cluster": {"worker": addresses}}
    return [
        {"TF_CONFIG": json.dumps({**described, "task": {"type": "worker", "index": index}})}
        for index in range(number)
    ]


def differences(together: Path, alone: Path) -> dict[str, list[float]]:
    """Return key -> relative differences between two logs: the losses of all epochs, or the score.

    Workers add in another order, so the losses diverge as rounding errors grow.
    """
    logs = [read_events(log) for log in (together, alone)]
    found = {}
    for key in ("train_loss", "eval_loss", "test_accuracy"):
        values = [[event["value"] for event in log if event["key"] == key] for log in logs]
        found[key] = [abs(one / other - 1) for one, other in zip(*values, strict=True)]
    return found
