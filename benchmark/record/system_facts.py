"""Derive names and differences from the facts a run measured about its node (system.json). Pure functions."""

from __future__ import annotations

import re
from typing import Any


def platform_name(facts: dict[str, Any]) -> str:
    """Build a system's name from its facts: ``1-node-2-core-amd-epyc`` or ``1-node-4x-tesla-v100-...``."""
    accelerators = facts["accelerators"]
    cpu = re.sub(r"\((R|TM)\)|\b(CPU|Processor|@.*)", "", facts["cpu"]["model"], flags=re.I)
    hardware = (
        f"{len(accelerators)}x-{accelerators[0]['model']}"
        if accelerators
        else f"{facts['cpu']['cores']}-core-{cpu}"
    )
    name = f"{facts['number_of_nodes']}-node-{hardware}"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def hardware_changes(first: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """List the differences in computing hardware between the facts of two starts."""

    def hardware(facts: dict[str, Any]) -> dict[str, str]:
        return {
            "processor": facts["cpu"]["model"],
            "instruction sets": ", ".join(facts["cpu"]["flags"]) or "none",
            "accelerators": ", ".join(each["model"] for each in facts["accelerators"]) or "none",
        }

    before, after = hardware(first), hardware(now)
    return [f"{name} {after[name]}, was {before[name]}" for name in before if before[name] != after[name]]
