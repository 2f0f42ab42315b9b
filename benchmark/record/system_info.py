"""Facts about this node: measured by the run, never typed in, nothing personal.

They contain no user name, host name or home path.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import re
import shutil
import time
from pathlib import Path
from typing import Any

import psutil

from benchmark import PACKAGE, ROOT
from benchmark.record.code.provenance import code_facts

PACKAGES = ("tensorflow", "keras", "numpy", "h5py", "mlperf-logging", "cloudmesh-common")
#: Instruction sets that affect the speed of a convolution.
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile", "sve", "bf16")
SLURM = ("SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURM_NNODES", "SLURM_NTASKS", "SLURM_RESTART_COUNT")


def system_facts(accelerators: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the facts for ``system.json``; docs/system.md describes each field."""
    cpuinfo = _text("/proc/cpuinfo")
    words = set(re.findall(r"[\w.]+", "".join(re.findall(r"^(?:flags|Features)\s*:.*$", cpuinfo, re.M)[:1])))
    frequency = psutil.cpu_freq()
    disk = shutil.disk_usage(ROOT)
    return {
        "format": "cloudmask-system-1",
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "number_of_nodes": 1,
        "cpu": {
            "model": cpu_model(),
            "sockets": len(set(re.findall(r"^physical id\s*:\s*(\d+)", cpuinfo, re.M))) or 1,
            "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
            "threads": psutil.cpu_count(),
            "max_frequency_mhz": round(frequency.max) if frequency and frequency.max else None,
            "caches": _caches(),
            "flags": [flag for flag in FLAGS if flag in words],
        },
        "memory": {"total_bytes": psutil.virtual_memory().total},
        "storage": {"total_bytes": disk.total, "type": _storage_type()},
        "network": {"cards": sum(1 for card in _network_cards())},
        "accelerators": gpus() if accelerators is None else accelerators,
        "os": ", ".join(filter(None, (_os_name(), f"{platform.system()} {platform.release()}"))),
        "virtual": "hypervisor" in words if cpuinfo else None,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "git": code_facts(),
        "slurm": {name: os.environ[name] for name in SLURM if name in os.environ},
        "container": _container(),
    }


@functools.cache
def cpu_model() -> str:
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", _text("/proc/cpuinfo"), re.M)
    return found[1].strip() if found else platform.processor() or platform.machine()


def gpus() -> list[dict[str, Any]]:
    """Return the NVIDIA accelerators of this node from NVML; none without its driver."""
    import pynvml

    from benchmark.record.accelerators import driver

    with driver() as found:
        if not found:
            return []
        version = _decoded(pynvml.nvmlSystemGetDriverVersion())
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return [
            {
                "model": _decoded(pynvml.nvmlDeviceGetName(handle)),
                "memory_bytes": pynvml.nvmlDeviceGetMemoryInfo(handle).total,
                "clock_mhz": pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM),
                "driver": version,
            }
            for handle in handles
        ]


def file_system_of(path: str | os.PathLike[str]) -> str:
    """Return a path's file system, existing or not: ``ext4``, ``lustre``, ``tmpfs``, or ``unknown``."""
    place = os.path.realpath(path)
    mounts = [each for each in psutil.disk_partitions(all=True) if _is_below(place, each.mountpoint)]
    # of several mounts at one place, the last hides the others
    return max(mounts, key=lambda each: len(each.mountpoint)).fstype if mounts else "unknown"


def _is_below(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder


def benchmark_version() -> str:
    """Return the version of the benchmark that is implemented (S6.3)."""
    return (PACKAGE / "VERSION.txt").read_text(encoding="ascii").strip()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _decoded(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _caches() -> dict[str, str]:
    """Return the size of each cache of the first core, as the kernel states it: {"L1d": "48 KiB", ...}."""
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_text(f"{index}/{name}") for name in ("level", "type", "size"))
        if level and size:
            suffix = {"Data": "d", "Instruction": "i"}.get(kind, "")
            caches[f"L{level}{suffix}"] = size.replace("K", " KiB").replace("M", " MiB")
    return caches


def _storage_type() -> str:
    """Return SSD or HDD for the disk that holds the program, or unknown."""
    device = os.stat(ROOT).st_dev
    block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    for folder in (block, block.resolve().parent):
        rotational = _text(f"{folder}/queue/rotational")
        if rotational and "virtio" not in str(folder.resolve()):  # a virtual disk always says 1
            return "HDD" if rotational == "1" else "SSD"
    return "unknown"


def _network_cards() -> list[Path]:
    """Return the network interfaces that are hardware devices."""
    return [card for card in Path("/sys/class/net").glob("*") if (card / "device").exists()]


def _os_name() -> str:
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', _text("/etc/os-release"), re.M)
    return found[1] if found else ""


def _container() -> str | None:
    if "APPTAINER_CONTAINER" in os.environ or "SINGULARITY_CONTAINER" in os.environ:
        return "apptainer"
    return "docker" if Path("/.dockerenv").exists() else None
