"""Compare one, two and four workers on the same cores to find what sharing a step costs.

Run as a program, it is one of the workers: it takes steps and prints the seconds of each.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from benchmark.compute.cluster import find_cluster
from benchmark.core.display import Display
from benchmark.core.measure import row, seconds

WORKERS = (1, 2, 4)
#: Number of times that each number of workers is measured, in turn with the others.
TURNS = 2
#: Patches of a step over all workers, and counted steps after two for warming up.
BATCH, STEPS = 8, 6


def measure_workers(display: Display) -> None:
    """Print the rate of each number of workers, and its share of one worker's."""
    cores = sorted(os.sched_getaffinity(0))
    rates: dict[int, list[float]] = {number: [] for number in WORKERS}
    for _ in range(TURNS):
        for number in WORKERS:
            rates[number].append(BATCH / statistics.median(_steps(number, cores)))
    for number, values in rates.items():
        share = statistics.median(values) / statistics.median(rates[1])
        note = "" if number == 1 else f"{100 * share:.0f} % of one worker's on the same {len(cores)} cores"
        row(display, f"training, {number} worker{'s' * (number > 1)}", values, "patches/s", note)


def _steps(number: int, cores: Sequence[int]) -> list[float]:
    """Return the seconds of each step with this number of workers, which divide the cores among them."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    processes = []
    for index in range(number):
        mine = cores[index * len(cores) // number : (index + 1) * len(cores) // number]
        mine = mine or [cores[index % len(cores)]]
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "benchmark.bench.workers"],
                env={**os.environ, "TF_CONFIG": json.dumps(task), "CUDA_VISIBLE_DEVICES": ""},
                preexec_fn=partial(os.sched_setaffinity, 0, mine),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        )
    said = [process.communicate()[0] for process in processes]
    spent: list[float] = json.loads(said[0].splitlines()[-1])
    return spent


def main() -> None:
    import numpy as np

    from benchmark.compute.engine import Engine, choose_strategy, make_deterministic, resolve_precision
    from benchmark.methods import unet
    from benchmark.scenes.scene import CHANNELS

    cluster = find_cluster()
    make_deterministic(1)
    local = BATCH // cluster.size
    engine = Engine(unet.method(), 256, local, resolve_precision("auto"), choose_strategy(cluster), cluster)
    rng = np.random.default_rng(cluster.index)
    inputs = rng.normal(size=(local, 256, 256, CHANNELS)).astype(np.float32)
    labels = (inputs[..., 7] < 0).astype(np.uint8)
    spent = [seconds(lambda: engine.train_step(inputs, labels, 1e-3)) for _ in range(STEPS + 2)]
    print(json.dumps(spent[2:]))


if __name__ == "__main__":
    main()
