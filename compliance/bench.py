"""python -m compliance.bench LOG: measure the checker next to upstream's, in turn, on the same events.

The log of a completed run is prolonged by repeating its epochs. Figures are medians with the
lowest and the highest next to them; rates of one process on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError
from benchmark.core.measure import ROUNDS, row, seconds
from benchmark.record.events import TOKEN
from benchmark.record.system_info import cpu_model
from compliance.checker import check_paths
from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from compliance.upstream.second_opinion import ask

#: Events for ours, and fewer for upstream's, which takes longer for them.
MEGABYTES, UPSTREAM_MEGABYTES = 20, 4
GIGABYTE = 10**9
MANY = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m compliance.bench", description=__doc__.split("\n")[0])
    parser.add_argument("log", type=Path, help="the log of a completed run, such as logs/*/result.txt")
    options = parser.parse_args(arguments)
    display = Display()
    display.say(f"machine      {cpu_model()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            _rates(display, options.log, Path(folder))
            _whole_processes(display, options.log, Path(folder))
    except CloudMaskError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def prolonged(log: Log, size: int) -> Iterator[str]:
    """The lines of a log of about ``size`` bytes that meets every rule: the best epoch of ``log`` again
    and again, with times that continue, and what the other events say of the epochs made to agree."""
    events = [json.loads(line.removeprefix(TOKEN)) for line in _event_lines(log)]
    result: dict[str, Any] = next((event["value"] for event in events if event["key"] == "result"), {})
    best = [event for event in events if event["metadata"].get("epoch_num") == result.get("best_epoch")]
    if not log.completed or not best:
        raise CloudMaskError(
            log.path,
            found="no epochs of a completed run",
            expected="the log of a completed run",
            remedy="make a run first: python -m benchmark.run --seed 1",
        )
    count = max(1, size // sum(len(json.dumps(event)) + len(TOKEN) + 2 for event in best))
    result |= {"epochs_run": count, "best_epoch": 1}
    at = {event["key"]: event["time_ms"] for event in best}
    step = best[-1]["time_ms"] - best[0]["time_ms"] + 1
    timing = result["timing"]
    timing["total_seconds"] += step * count / 1000
    timing["training_seconds"] = (at["epoch_stop"] - at["epoch_start"]) * count / 1000
    timing["evaluation_seconds"] = (at["eval_stop"] - at["eval_start"]) * count / 1000
    others = [event for event in events if "epoch_num" not in event["metadata"]]
    before = [event for event in others if event["time_ms"] <= best[0]["time_ms"]]
    for event in events:
        event["time_ms"] -= step * count  # so that the end is not in the future
    for event in before:
        if event["key"] in ("epochs", "early_stopping_patience"):
            event["value"] = count
        yield f"{TOKEN} {json.dumps(event)}"
    for number in range(1, count + 1):
        for event in best:
            event["metadata"]["epoch_num"] = number
            yield f"{TOKEN} {json.dumps(event)}"
            event["time_ms"] += step
    for event in others[len(before) :]:
        event["time_ms"] += step * count
        yield f"{TOKEN} {json.dumps(event)}"


def _event_lines(log: Log) -> list[str]:
    lines = Path(log.path).read_text().splitlines()
    return [lines[event.line - 1] for event in log.events]


def _rates(display: Display, path: Path, folder: Path) -> None:
    """Parsing and judging, ours and upstream's in turn."""
    from mlperf_logging.compliance_checker.mlp_parser import parse_file  # an optional dependency

    log = read_log(path)
    ours, theirs = folder / "ours.txt", folder / "theirs.txt"
    for file, megabytes in ((ours, MEGABYTES), (theirs, UPSTREAM_MEGABYTES)):
        file.write_text("\n".join(prolonged(log, megabytes * 10**6)) + "\n")

    measured: dict[str, tuple[Path, Callable[[], object]]] = {
        "parser": (ours, partial(read_log, ours)),
        "parser of upstream": (theirs, partial(parse_file, str(theirs), ruleset="3.0.0")),
        "parser and rules": (ours, partial(check_paths, [ours])),
        "parser and rules of upstream": (theirs, partial(ask, [theirs])),
    }
    rates: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(ROUNDS):
        for name, (file, function) in measured.items():
            rates[name].append(file.stat().st_size / 1e6 / seconds(function))
    for name in ("parser", "parser and rules"):
        own, other = rates[name], rates[f"{name} of upstream"]
        row(display, name, own, "MB/s")
        row(display, f"{name} of upstream", other, "MB/s")
        row(display, "  ratio", [ours / theirs for ours, theirs in zip(own, other, strict=True)], "")


def _whole_processes(display: Display, path: Path, folder: Path) -> None:
    """Start-up, many logs, and a large one with its memory."""
    check = [sys.executable, "-m", "compliance.check"]
    quiet = partial(subprocess.run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    row(
        display,
        "start-up (--help)",
        [seconds(partial(quiet, [*check, "--help"])) for _ in range(ROUNDS)],
        "s",
    )
    for number in range(MANY):
        run = folder / "many" / f"run-seed-{number}"
        run.mkdir(parents=True)
        shutil.copyfile(path, run / "result.txt")
    row(display, f"{MANY} logs in one call", [seconds(partial(quiet, [*check, str(folder / "many")]))], "s")
    large = folder / "large.txt"
    text = (folder / "ours.txt").read_bytes()
    with large.open("wb") as file:
        for _ in range(GIGABYTE // len(text) + 1):
            file.write(text)
    row(display, "a log of 1 GB", [seconds(partial(quiet, [*check, str(large)]))], "s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    row(display, "peak memory of all these", [peak], "MB")


if __name__ == "__main__":
    sys.exit(main())
