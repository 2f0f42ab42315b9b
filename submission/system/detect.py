"""Detect what a run does not measure about its node: disks, network, accelerator buses.

To stay quick, a run asks only what the kernel and NVML answer at once (`benchmark.record.system_info`).
When a person wants a description, this module also asks lsblk, ip and NVML. Fields without an
answer are left out: a site file answers them, or says that nobody can know.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NETWORK = Path("/sys/class/net")

#: Link type of ip -> name of the network.
LINKS = {"ether": "Ethernet", "infiniband": "InfiniBand"}


def node_answers() -> dict[str, str]:
    """Return this node's answers to fields of the system description."""
    devices = _json("lsblk", "--json", "--bytes", "--nodeps", "--output", "NAME,SIZE,ROTA,TYPE,TRAN")
    links = _json("ip", "-json", "link")
    answers = {
        "host_storage_type": storage(devices.get("blockdevices", []) if isinstance(devices, dict) else []),
        "host_networking": networking(links if isinstance(links, list) else [], _speeds()),
        **_accelerator_answers(),
    }
    return {field: answer for field, answer in answers.items() if answer}


def storage(devices: Iterable[Mapping[str, Any]]) -> str:
    """Return the kinds of disks that lsblk lists, such as ``2x NVMe SSD, 1x HDD``, or "" if unknown.

    Virtual disks are not counted: they have no transport and always claim to rotate.
    """
    disks = [each for each in devices if each.get("type") == "disk" and each.get("size") and each.get("tran")]
    return _counted(_disk(each) for each in disks)


def _disk(device: Mapping[str, Any]) -> str:
    if device["tran"] == "nvme":
        return "NVMe SSD"
    return f"{str(device['tran']).upper()} {'HDD' if device.get('rota') else 'SSD'}"


def networking(links: Iterable[Mapping[str, Any]], speeds: Mapping[str, int]) -> str:
    """Return cards by kind and speed (``2x InfiniBand 200 Gb/s``); ``speeds`` in Mb/s by card name."""
    cards = [link for link in links if link.get("ifname") in speeds and link.get("link_type") in LINKS]
    return _counted(f"{LINKS[card['link_type']]}{_rate(speeds[card['ifname']])}" for card in cards)


def _rate(megabits: int) -> str:
    return f" {megabits / 1000:g} Gb/s" if megabits > 0 else ""


def _speeds() -> dict[str, int]:
    """Return the speed in Mb/s of each physical network interface, -1 if unknown."""
    found = {}
    for card in NETWORK.glob("*"):
        if (card / "device").exists():
            try:
                found[card.name] = int((card / "speed").read_text())
            except (OSError, ValueError):
                found[card.name] = -1
    return found


def _accelerator_answers() -> dict[str, str]:
    """Return the buses of the NVIDIA accelerators, from NVML; nothing without its driver."""
    import pynvml

    from benchmark.record.accelerators import driver

    with driver() as found:
        if not found:
            return {}
        try:
            cards = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
            links = min(map(_links, cards), default=0)
            buses = [
                f"PCIe {pynvml.nvmlDeviceGetMaxPcieLinkGeneration(card)}.0 "
                f"x{pynvml.nvmlDeviceGetMaxPcieLinkWidth(card)}"
                for card in cards
            ]
        except pynvml.NVMLError:
            return {}
    return {
        "accelerator_host_interconnect": ", ".join(sorted(set(buses))),
        "accelerator_interconnect": f"NVLink, {links} links of each" if links else "",
    }


def _links(card: Any) -> int:
    """Return the number of a card's active NVLink links."""
    import pynvml

    found = 0
    for link in range(pynvml.NVML_NVLINK_MAX_LINKS):
        try:
            found += pynvml.nvmlDeviceGetNvLinkState(card, link) == pynvml.NVML_FEATURE_ENABLED
        except pynvml.NVMLError:  # the card has no such link
            break
    return found


def _counted(kinds: Iterable[str]) -> str:
    return ", ".join(f"{number}x {kind}" for kind, number in sorted(Counter(kinds).items()))


def _json(*command: str) -> Any:
    """Return a command's JSON output; None if it is not installed, fails or prints anything else."""
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=20)
        return json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
