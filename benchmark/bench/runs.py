"""Measure complete processes: memory and time of a run, alone and next to another program."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmark.core.display import Display
from benchmark.core.errors import RunError
from benchmark.core.measure import ROUNDS, row, seconds
from benchmark.record.events import TOKEN

#: Number of times that a peer's command and ours are run, in turn.
TURNS = 3
#: Scenes of the small run, and of the larger one that should need no more memory.
FEW, MANY = 20, 200


def measure_memory(display: Display, place: Path, batch: int) -> None:
    """Measure the peak memory of a complete run, and of small runs on few and on many scenes."""
    _, peak = _measured(
        run_command(place, "--set", f"training.batch_size={batch}", "--set", "training.epochs=1")
    )
    row(display, f"peak memory, batch {batch}", [peak], "GB", "a run of one epoch, scenes to result")
    peaks = []
    for scenes in (FEW, MANY):
        small = {
            "name": f"scenes-{scenes}",
            "data.training": place / f"scenes-{scenes}" / "training",
            "data.inference": place / f"scenes-{scenes}" / "inference",
            "data.synthetic.training_scenes": scenes,
            "data.synthetic.inference_scenes": 2,
            "geometry.rows": 300,
            "geometry.columns": 375,
            "geometry.patch": 64,
            "geometry.crop": 20,
            "training.epochs": 1,
        }
        options = [part for name, value in small.items() for part in ("--set", f"{name}={value}")]
        peaks.append(_measured(run_command(place, *options))[1])
    note = f"{peaks[0]:.3f} and {peaks[1]:.3f} GB for {FEW} and {MANY} small scenes"
    row(display, "  of ten times the scenes", [peaks[1] / peaks[0]], "", note)


def measure_time_to_target(display: Display, place: Path) -> None:
    """Measure the seconds until the quickstart's validation accuracy reaches the policy's target."""
    subprocess.run(run_command(place), check=True, stdout=subprocess.DEVNULL)
    events = [
        json.loads(line.removeprefix(TOKEN))
        for line in (place / "logs" / "quickstart-seed-1" / "result.txt").read_text().splitlines()
    ]
    times = {event["key"]: event["time_ms"] for event in reversed(events)}
    values = {event["key"]: event["value"] for event in events}
    target = values["quality_target"]
    reached = [e["time_ms"] for e in events if e["key"] == "eval_accuracy" and e["value"] >= target]
    total = (times["run_stop"] - times["run_start"]) / 1000
    note = f"test accuracy {values['test_accuracy']:.4f} after {total:.0f} s"
    if reached:
        row(display, f"time to accuracy {target}", [(reached[0] - times["run_start"]) / 1000], "s", note)
    else:
        display.say(f"time to accuracy {target}: not reached; {note}")


def measure_start_up(display: Display) -> None:
    """Measure the seconds until help is printed, the first thing a user waits for."""
    for module in ("compliance.check", "benchmark.run"):
        command = [sys.executable, "-m", module, "--help"]
        start = partial(subprocess.run, command, check=True, capture_output=True)
        row(display, f"{module} --help", [seconds(start) for _ in range(ROUNDS)], "s")


def measure_peer(display: Display, place: Path, command: str, data: Path) -> None:
    """Measure another program's command and one epoch of ours on the same scenes, in turn.

    ``{data}`` in the command, and CLOUDMASK_DATA in its environment, is the folder with training/ and
    inference/. Raises RunError if it cannot be started or fails.
    """
    peer = [part.replace("{data}", str(data)) for part in shlex.split(command)]
    ours = run_command(place, "--force", "--set", "training.epochs=1")
    measured: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
    for _ in range(TURNS):
        for name, each in (("ours", ours), ("peer", peer)):
            measured[name].append(_measured(each, CLOUDMASK_DATA=str(data)))
    for name, note in (("ours", "one epoch, scenes to result"), ("peer", command)):
        row(display, f"{name}: time", [spent for spent, _ in measured[name]], "s", note)
        row(display, f"{name}: peak memory", [peak for _, peak in measured[name]], "GB")
    pairs = list(zip(measured["ours"], measured["peer"], strict=True))
    row(display, "peer / ours: time", [theirs[0] / own[0] for own, theirs in pairs], "")
    row(display, "peer / ours: memory", [theirs[1] / own[1] for own, theirs in pairs], "")


def run_command(place: Path, *options: object) -> list[str]:
    """Return the command of a run whose files are all below ``place``."""
    command = [
        sys.executable,
        "-m",
        "benchmark.run",
        "--output",
        place / "logs",
        "--stage-dir",
        place / "staging",
    ]
    return [str(part) for part in (*command, *options)]


def _measured(command: Sequence[str], **environment: str) -> tuple[float, float]:
    """Return seconds and peak memory (GB) of a command's largest process, as the operating system counts."""
    with tempfile.NamedTemporaryFile("r") as peak:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _PEAK_MEMORY_SCRIPT, peak.name, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        spent = time.perf_counter() - start
        if done.returncode:
            raise RunError(
                shlex.join(command),
                found=f"exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()[-500:]}",
                expected="exit status 0",
                remedy="run it by hand as you would type it, with {data} for the folder of the scenes",
            )
        return spent, int(peak.read()) * 1024 / 1e9


#: A process inherits the peak of the one that starts it, so this one is small.
_PEAK_MEMORY_SCRIPT = """
import os, resource, subprocess, sys
try:
    status = subprocess.call(sys.argv[2:])
except OSError as error:
    sys.exit(error.strerror)
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""
