"""Find the processes that train together: one, or the workers that TF_CONFIG or a Slurm step names."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from benchmark.core.errors import RunError

#: Range of ports for Slurm steps: jobs on one node differ by job number, tasks by task number.
_FIRST_PORT, _PORTS = 20000, 10000

#: Most workers per node, so that neighbouring jobs share no port.
_PER_NODE = 16


@dataclass(frozen=True)
class Cluster:
    """The addresses (host:port) of all workers, and the index of this process among them."""

    workers: tuple[str, ...] = ()
    index: int = 0

    @property
    def size(self) -> int:
        return max(len(self.workers), 1)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes log, checkpoints and masks."""
        return self.index == 0

    @property
    def nodes(self) -> int:
        """Return the number of hosts that take part."""
        return len({address.rpartition(":")[0] for address in self.workers}) or 1

    @property
    def share(self) -> tuple[int, int]:
        """Return this worker's index and the number of workers, as the pipeline expects them."""
        return self.index, self.size


#: A single process without others.
SINGLE_WORKER = Cluster()


def find_cluster(environment: MutableMapping[str, str] = os.environ) -> Cluster:
    """Return the cluster from TF_CONFIG, else from a Slurm step of several tasks, else a single process.

    A cluster found from Slurm's variables is written to ``environment`` as TF_CONFIG, where TensorFlow looks
    for it. Raises RunError for a description it cannot understand.
    """
    if "TF_CONFIG" in environment:
        return _from_tf_config(environment["TF_CONFIG"])
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in environment:
        cluster = _from_slurm(environment)
        task = {"type": "worker", "index": cluster.index}
        environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": cluster.workers}, "task": task})
        return cluster
    return Cluster()


def _from_tf_config(text: str) -> Cluster:
    try:
        described = json.loads(text)
        workers = tuple(described["cluster"]["worker"])
        task = described["task"]
        index = task["index"]
        if (
            task["type"] == "worker"
            and set(described["cluster"]) == {"worker"}
            and type(index) is int
            and 0 <= index < len(workers)
            and all(isinstance(worker, str) and re.fullmatch(r".+:\d+", worker) for worker in workers)
        ):
            return Cluster(workers if len(workers) > 1 else (), index)
    except (KeyError, TypeError, ValueError, RecursionError):
        pass
    raise RunError(
        "TF_CONFIG",
        found=text if len(text) < 200 else f"{text[:200]}...",
        expected='{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": N}}',
        remedy="correct it in every worker's environment, or unset it to run alone",
    )


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    try:
        nodes = _expanded(environment["SLURM_STEP_NODELIST"])
        tasks = _tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"])
        job, rank = int(environment["SLURM_JOB_ID"]), int(environment["SLURM_PROCID"])
        step = int(environment.get("SLURM_STEP_ID", "0"))
        base = _FIRST_PORT + (job + step) * _PER_NODE % _PORTS
        hosts = [node for node, number in zip(nodes, tasks, strict=True) for _ in range(number)]
        # Ports by rank, not by task of a node, since nodes may share a host; neighbours never collide.
        workers = tuple(f"{host}:{base + task % _PER_NODE}" for task, host in enumerate(hosts))
        if rank < len(workers) == int(environment["SLURM_STEP_NUM_TASKS"]) and max(tasks) <= _PER_NODE:
            return Cluster(workers, rank)
        found = f"{len(workers)} tasks on {len(nodes)} nodes, at most {max(tasks)} on one, rank {rank}"
    except (KeyError, ValueError) as error:
        found = f"{type(error).__name__} {error}"
    raise RunError(
        "Slurm's step",
        found=found,
        expected=f"SLURM_STEP_NODELIST, SLURM_STEP_TASKS_PER_NODE (blocks of at most {_PER_NODE}), "
        "SLURM_STEP_NUM_TASKS and SLURM_PROCID that agree",
        remedy="start the workers with `srun --distribution=block`, or set TF_CONFIG for each of them",
    )


def _expanded(nodes: str) -> list[str]:
    """Expand ``n[1-2,05],m3`` to n1, n2, n05, m3, like `scontrol show hostnames`, which containers lack."""
    names: list[str] = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", nodes):
        texts = re.split(r"\[([^\]]*)\]", part)  # every second text comes from brackets
        choices = [_numbers(text) if place % 2 else [text] for place, text in enumerate(texts)]
        names += map("".join, itertools.product(*choices))
    return names


def _numbers(ranges: str) -> list[str]:
    """Expand ``08-10,3`` to 08, 09, 10, 3."""
    numbers: list[str] = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        width = len(first)
        numbers += (f"{number:0{width}}" for number in range(int(first), int(last or first) + 1))
    return numbers


def _tasks_per_node(text: str) -> list[int]:
    """Expand ``4,1(x2)`` to 4, 1, 1."""
    counts: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if not match:
            raise ValueError(f"tasks per node {text!r}")
        counts += [int(match[1])] * int(match[2] or 1)
    return counts
