"""Kill a run at random moments, resume it, and compare it with an uninterrupted one.

``make kill KILLS=20 SEED=1 METHOD=unet``. The tests use the same functions for a few kills.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmark.methods.loading import load_method
from benchmark.record.run_folder import LOG_NAME, RunFolder
from benchmark.training.learning.checkpoint import checkpoints
from tests.support.project import ROOT, SHAPE, TINY, make_tiny_scenes, read_events, value_of

#: Keys of the log whose values must be equal, to the last bit.
SCORES = ("train_loss", "train_accuracy", "eval_loss", "eval_accuracy", "scene_accuracy", "test_accuracy")

#: A checkpoint every 0.6 seconds, and a store that no other test uses.
OFTEN = ("--set", "checkpoints.every_minutes=0.01", "--stage-dir", "data/killed.staging")

#: Scenes of SHAPE, because the method thresholds finds only cloud in smaller scenes.
LARGER = ("--set", f"geometry.rows={SHAPE[0]}", "--set", f"geometry.columns={SHAPE[1]}")
LARGER += ("--set", "geometry.patch=32")

#: Longest time between a checkpoint, or the start of a fit, and a kill. A fit takes 0.2 seconds.
LONGEST = {"network": 3.0, "fitted": 0.1}


def outcome(log: Path) -> dict[str, object]:
    """Return all scores of a run and the digest of its weights."""
    events = read_events(log)
    scores = {key: [event["value"] for event in events if event["key"] == key] for key in SCORES}
    result = value_of(events, "result")
    return scores | {name: result[name] for name in ("weights_sha256", "scores", "best_epoch")}


def start(
    place: Path, output: str, *arguments: object, env: Mapping[str, str] | None = None
) -> subprocess.Popen:
    """Start the real command on the tiny configuration, resuming where it stopped."""
    command = [sys.executable, "-m", "benchmark.run", "--config", TINY, "--output", output, "--resume"]
    return subprocess.Popen(
        [*map(str, command), *map(str, arguments)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> None:
    """Wait for a run. Raises AssertionError with the end of its output if it failed."""
    said, _ = process.communicate()
    assert process.returncode == 0, f"exit status {process.returncode}: {said[-1500:]}"


def kill(process: subprocess.Popen, after: float) -> bool:
    """Send SIGKILL after ``after`` seconds; return False if the run has ended before."""
    try:
        said, _ = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0, f"exit status {process.returncode}: {said[-1500:]}"
    return False


def log_below(output: Path) -> Path:
    """Return the log of the only run in a folder of runs."""
    (log,) = output.glob(f"*/{LOG_NAME}")
    return log


def kill_often(
    place: Path, output: str, method: str, kills: int, rng: random.Random, *settings: object
) -> Iterator[int]:
    """Kill and resume a run up to ``kills`` times, then let it end; yield the number of each kill.

    Each kill waits until the process has made a checkpoint or begun to fit, so that the run gets
    further with each kill. If the run ends before a kill, there are no more kills.
    """
    kind = load_method(method, {}).kind
    arguments = ("--method", method, *settings, *OFTEN)
    for number in range(1, kills + 1):
        before = _reached(place / output, kind)
        process = start(place, output, *arguments)
        while process.poll() is None and _reached(place / output, kind) in (None, before):
            time.sleep(0.005)
        if not kill(process, rng.uniform(0, LONGEST[kind])):
            return
        yield number
    finish(start(place, output, *arguments))


def _reached(output: Path, kind: str) -> str | None:
    """Return the last checkpoint except that of step 0; for a fit, the last epoch_start in the log."""
    roots = list(output.glob("*/"))
    if not roots:
        return None
    run = RunFolder(roots[0])
    if kind == "network":
        made = [path.name for path in checkpoints(run.checkpoints)]
        return next((name for name in reversed(made) if not name.startswith("00000-000000")), None)
    lines = run.log.read_text().splitlines() if run.log.exists() else []
    return next((line for line in reversed(lines) if '"key": "epoch_start"' in line), None)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--method", default="unet")
    options = parser.parse_args(arguments)
    settings = (*LARGER, "--set", f"training.epochs={options.epochs}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make_tiny_scenes(place, SHAPE)
        began = time.monotonic()
        finish(start(place, "whole", "--method", options.method, *settings, *OFTEN))
        whole = outcome(log_below(place / "whole"))
        print(f"left alone: {time.monotonic() - began:.0f} s, weights {whole['weights_sha256'][:16]}")
        kills, rng = 0, random.Random(options.seed)
        for kills in kill_often(place, "killed", options.method, options.kills, rng, *settings):
            print(f"killed {kills} of {options.kills}", flush=True)
        log = log_below(place / "killed")
        killed = outcome(log)
        resumed = sum(event["key"] == "run_resumed" for event in read_events(log))
        print(f"killed {kills} times, {resumed} marks in the log, weights {killed['weights_sha256'][:16]}")
        different = [name for name in whole if whole[name] != killed[name]]
        print("different: " + ", ".join(different) if different else "every score and every bit is the same")
    return 1 if different or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
