"""python -m benchmark.bench: measure this machine and the program on it, side by side in one run.

Every figure is the median of several measurements with the lowest and the highest.
Rates of the model are given as shares of a bound that is measured in the same run: what its convolutions
take alone and what the rest must move (bench/bound.py). So they can be compared between machines.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmark.bench.runs import measure_memory, measure_peer, measure_start_up, measure_time_to_target
from benchmark.bench.story import measure_story
from benchmark.bench.workers import measure_workers
from benchmark.config.files import config_path, load_config
from benchmark.core.display import Display, native_messages_to
from benchmark.core.errors import CloudMaskError
from benchmark.core.measure import ROUNDS, Figures, add_options, row, seconds
from benchmark.record.system_info import cpu_model, system_facts
from benchmark.stores.opening import open_or_stage
from benchmark.stores.patchstore import PatchLayout, PatchStore
from benchmark.training.prepare import find_scenes

#: Scenes staged to measure the input pipeline and an epoch.
SCENES = 8
PARTS = ("input", "model", "workers", "memory", "start", "story", "target")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        display = Figures(system_facts(), options.base)
        with tempfile.TemporaryDirectory() as folder:
            _measure(options, display, Path(folder))
        if options.json:
            display.write(options.json)
    except CloudMaskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmark.bench", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--only", nargs="+", choices=PARTS, metavar="PART", help=f"parts to measure, of {', '.join(PARTS)}")
    add("--batch", type=int, default=8, help="patches of a training step (default: 8)")
    add(
        "--memory-batch", type=int, default=32, help="batch of the run whose memory is measured (default: 32)"
    )
    add(
        "--peer",
        metavar="COMMAND",
        help="measure only this program and one epoch of ours, in turn, on the same scenes; {data} is "
        "their folder",
    )
    add_options(parser)
    return parser


def _measure(options: argparse.Namespace, display: Display, place: Path) -> None:
    config = load_config(config_path("quickstart"))
    training, _ = find_scenes(config, display)
    display.say(f"machine      {cpu_model()}, {len(os.sched_getaffinity(0))} CPUs")
    if options.peer:
        measure_peer(display, place, options.peer, Path(config.data.training).parent.resolve())
        return
    parts = options.only or PARTS
    if "input" in parts or "model" in parts:
        store = _staging(display, training[:SCENES], place / "staging")
    if "model" in parts:
        with native_messages_to(place / "messages.txt"):
            from benchmark.bench.model import measure_model

            measure_model(display, store, options.batch)
    if "workers" in parts:
        measure_workers(display)
    if "memory" in parts:
        measure_memory(display, place, options.memory_batch)
    if "start" in parts:
        measure_start_up(display)
    if "story" in parts:
        measure_story(display, place)
    if "target" in parts:
        measure_time_to_target(display, place)


def _staging(display: Display, paths: Sequence[Path], folder: Path) -> PatchStore:
    """Measure plain reading and staging of scenes, then reading of the store alone."""
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    plain = [seconds(lambda: [path.read_bytes() for path in paths]) for _ in range(3)]
    layout = PatchLayout((1200, 1500), 256, "synthetic")
    start = time.perf_counter()
    store = open_or_stage(folder, "bench", paths, layout, display).store
    spent = time.perf_counter() - start
    row(display, "plain reading", [megabytes / s for s in plain], "MB/s", "scene files in the page cache")
    row(display, "staging", [megabytes / spent], "MB/s", f"{len(paths)} scenes to patches on disk")
    rates = [32 / seconds(partial(store.read, range(32 * i, 32 * i + 32))) for i in range(ROUNDS)]
    row(display, "input alone", rates, "patches/s", "store to arrays, one core")
    return store


if __name__ == "__main__":
    sys.exit(main())
