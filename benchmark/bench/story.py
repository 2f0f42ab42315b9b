"""Show where each second of a run goes, from the command to its last file."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.bench.runs import run_command
from benchmark.core.display import Display
from benchmark.core.measure import row
from benchmark.record.events import TOKEN
from benchmark.record.run_folder import RunFolder

#: Width of the bar for all seconds, in characters.
WIDTH = 40
#: Intervals of a log that are parts of a run, and their descriptions.
PARTS = {
    "init": "devices, network and its graphs",
    "staging": "scenes to patches, or those of an earlier run looked at",
    "epoch": "steps of training, the first one of all included",
    "eval": "evaluation after each epoch",
    "inference": "masks and scores of the inference scenes",
    "baselines": "what a run has to beat",
}


def measure_story(display: Display, place: Path) -> None:
    """Run the quickstart in a new place, then again on the same data, and print where the time went."""
    for number, what in enumerate(("first run", "next run on the same data"), start=1):
        started = time.time()
        subprocess.run(
            run_command(place, "--seed", number, "--set", "training.epochs=1"),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        ended = time.time()
        log = RunFolder(place / "logs" / f"quickstart-seed-{number}").log
        events = [
            json.loads(line.removeprefix(TOKEN)) for line in log.read_text(encoding="utf-8").splitlines()
        ]
        parts = parts_of(events, started, ended)
        display.say(f"{what}, one epoch: {ended - started:.1f} s")
        for name, spent, note in parts:
            bar = "#" * round(WIDTH * spent / (ended - started))
            row(display, f"  {name}", [spent], "s", f"{bar:{WIDTH}} {note}")
        row(display, "  until the first step", [_first_step(events) - started], "s", "from the command on")


def parts_of(
    events: Sequence[Mapping[str, Any]], started: float, ended: float
) -> Iterator[tuple[str, float, str]]:
    """Yield name, seconds and description of each part of a run between two times, in seconds since 1970."""
    first, last = events[0]["time_ms"] / 1000, events[-1]["time_ms"] / 1000
    yield "before the log", first - started, "imports, configuration, scenes looked for or made"
    spent = 0.0
    for name, note in PARTS.items():
        times = {
            edge: [each["time_ms"] / 1000 for each in events if each["key"] == f"{name}_{edge}"]
            for edge in ("start", "stop")
        }
        seconds = sum(times["stop"]) - sum(times["start"])
        spent += seconds
        yield name, seconds, note
    yield "between", last - first - spent, "facts of the node, page cache, checkpoints"
    yield "after the log", ended - last, "plots, tables, end of the process"


def _first_step(events: Sequence[Mapping[str, Any]]) -> float:
    return next(each["time_ms"] for each in events if each["key"] == "epoch_start") / 1000
