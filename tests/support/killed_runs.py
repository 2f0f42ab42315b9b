"""Kill a training at random moments, resume it, and compare it with an uninterrupted one.

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
from collections.abc import Sequence
from pathlib import Path

from tests.support.project import ROOT, TINY, make_tiny_scenes, read_events, value_of

#: What must be equal, to the last bit: keys of the log.
SCORES = ("train_loss", "train_accuracy", "eval_loss", "eval_accuracy", "scene_accuracy", "test_accuracy")

#: A checkpoint every 0.6 seconds, and a store that no other test counts on.
OFTEN = ("--set", "checkpoints.every_minutes=0.01", "--stage-dir", "killed.staging")


def outcome(log: Path) -> dict[str, object]:
    """All scores of a run and the digest of its weights."""
    events = read_events(log)
    scores = {key: [event["value"] for event in events if event["key"] == key] for key in SCORES}
    result = value_of(events, "result")
    return scores | {name: result[name] for name in ("weights_sha256", "scores", "best_epoch")}


def start(place: Path, output: str, *arguments: object) -> subprocess.Popen:
    """The real command on the tiny configuration, resuming where it was."""
    command = [sys.executable, "-m", "benchmark.run", "--config", TINY, "--output", output, "--resume"]
    return subprocess.Popen(
        [*map(str, command), *map(str, arguments)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill(process: subprocess.Popen, after: float) -> bool:
    """SIGKILL after so many seconds; False if the run had ended by itself."""
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--method", default="unet")
    parser.add_argument("--seconds", type=float, default=9, help="longest time before a kill (default: 9)")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    settings = ("--set", f"training.epochs={options.epochs}", "--method", options.method, *OFTEN)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make_tiny_scenes(place)
        began = time.monotonic()
        start(place, "whole", *settings).communicate()
        (whole_log,) = place.glob("whole/*/result.txt")
        whole = outcome(whole_log)
        print(f"left alone: {time.monotonic() - began:.0f} s, weights {whole['weights_sha256'][:16]}")
        kills = 0
        longest = options.seconds
        while kills < options.kills and kill(start(place, "killed", *settings), rng.uniform(1, longest)):
            kills += 1
            print(f"killed {kills} of {options.kills}", flush=True)
        start(place, "killed", *settings).communicate()
        (log,) = place.glob("killed/*/result.txt")
        killed = outcome(log)
        resumed = sum(event["key"] == "run_resumed" for event in read_events(log))
        print(f"killed {kills} times, {resumed} marks in the log, weights {killed['weights_sha256'][:16]}")
        different = [name for name in whole if whole[name] != killed[name]]
        print("different: " + ", ".join(different) if different else "every score and every bit is the same")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
