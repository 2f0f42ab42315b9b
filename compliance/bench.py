"""python -m compliance.bench LOG: measure the checker next to upstream's, in turn, on the same logs.

Large logs are the log of a completed run with events of every step in its epochs; many logs are
copies of it. Both checkers are measured as whole processes, with all of their rules; whether they have
read everything is taken from their answers. Figures are medians of some rounds; the ratio of times
has the lowest and the highest next to it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark.core.errors import CloudMaskError
from benchmark.core.measure import Figures, add_options
from benchmark.record.events import POINT, TOKEN
from benchmark.record.system_info import cpu_model, system_facts
from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from compliance.upstream.second_opinion import JUDGE, PYTHON

SIZES, LOGS, ROUNDS, LIMIT = (1, 30), 500, 3, 60.0
#: The key of the step events; no vocabulary contains it.
KEY = "train_step_loss"

OURS = (sys.executable, "-m", "compliance.check", "--format", "json")
UPSTREAM = (*PYTHON, str(JUDGE))
#: Runs a command from a smaller process, because the peak memory that the system reports for a
#: process is never below that of its parent.
_RUN = """
import resource, subprocess, sys, time
start = time.perf_counter()
try:
    subprocess.run(sys.argv[2:], timeout=float(sys.argv[1]), stderr=subprocess.DEVNULL)
except subprocess.TimeoutExpired:
    sys.exit(1)
seconds = time.perf_counter() - start
print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6, file=sys.stderr)
"""


class Cost(NamedTuple):
    """The time and memory that a process took, and its output."""

    seconds: float
    megabytes: float
    answer: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m compliance.bench", description=__doc__.split("\n")[0])
    parser.add_argument("log", type=Path, help="the log of a completed run, such as logs/*/result.txt")
    parser.add_argument(
        *("--sizes", "-s"), type=int, nargs="*", default=SIZES, metavar="MB", help="sizes of logs (1 30)"
    )
    parser.add_argument("--logs", type=int, default=LOGS, help=f"copies of the log in one call ({LOGS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"measurements of each ({ROUNDS})")
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help=f"seconds after which upstream is stopped ({LIMIT:.0f})"
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        display = Figures(system_facts(), options.base)
    except CloudMaskError as error:
        print(error, file=sys.stderr)
        return 2
    display.say(f"machine   {cpu_model()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    stopped = f"upstream is stopped after {options.limit:.0f} s and not tried again"
    display.say(f"rounds    {options.rounds}; {stopped}")
    display.say("")
    ratios = f"{'time':>8}{'(from to)':>16}{'memory':>9}"
    display.say(f"{'':16}{'this checker':>20}{'upstream':>22}{ratios}  events read")
    try:
        log = read_log(options.log)
        with tempfile.TemporaryDirectory() as folder:
            _compare(display, "start-up", [], [], options)
            if options.logs:
                paths = copies(options.log, Path(folder, "many"), options.logs)
                _compare(display, f"{options.logs} logs", [paths[0].parents[1]], paths, options)
            for size in options.sizes:
                large = Path(folder, f"{size}.txt")
                with large.open("w", encoding="utf-8") as file:
                    file.writelines(f"{line}\n" for line in stepped(log, size * 10**6))
                _compare(display, f"{size} MB", [large], [large], options)
                large.unlink()
        if options.json:
            display.write(options.json)
    except (CloudMaskError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def stepped(log: Log, size: int) -> Iterator[str]:
    """Yield the lines of ``log`` with step events added to its epochs, about ``size`` bytes in all."""
    lines = Path(log.path).read_text(encoding="utf-8").splitlines()
    starts = {event.line: event for event in log.all("epoch_start")}
    if not log.completed or not starts:
        raise CloudMaskError(
            log.path,
            found="no epochs of a completed run",
            expected="the log of a completed run",
            remedy="make a run first: python -m benchmark.run --seed 1",
        )
    room = (size - log.bytes) / len(starts)
    for number, line in enumerate(lines, start=1):
        yield line
        written = step = 0
        while number in starts and written < room:
            step += 1
            start = starts[number]
            fields = {
                **{"namespace": "", "time_ms": start.time_ms, "event_type": POINT, "key": KEY},
                **{"value": 1 / step, "metadata": {**start.metadata, "step": step}},
            }
            event = f"{TOKEN} {json.dumps(fields)}"
            written += len(event) + 1
            yield event


def copies(log: Path, folder: Path, many: int) -> list[Path]:
    """Make ``many`` copies of a log, each in its own folder."""
    paths = [folder / f"run-seed-{number}" / "result.txt" for number in range(many)]
    for path in paths:
        path.parent.mkdir(parents=True)
        shutil.copyfile(log, path)
    return paths


def measured(command: Sequence[str], paths: Sequence[Path], limit: float = 1e6) -> Cost | None:
    """Measure a command on some paths; return None if it exceeds the limit in seconds."""
    run = [sys.executable, "-ISc", _RUN, str(limit), *command, *map(str, paths)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    seconds, megabytes = map(float, done.stderr.split())
    return Cost(seconds, megabytes, done.stdout)


def _compare(
    display: Figures, name: str, ours: Sequence[Path], theirs: Sequence[Path], options: argparse.Namespace
) -> None:
    """Measure both in turn and print a row."""
    own: list[Cost] = []
    other: list[Cost] = []
    for _ in range(options.rounds):
        # without paths, only the start-up
        mine = measured(OURS if ours else [*OURS, "--help"], ours)
        assert mine is not None
        own.append(mine)
        if len(other) == len(own) - 1 and (cost := measured(UPSTREAM, theirs, options.limit)):
            other.append(cost)
    seconds, megabytes = _median(own)
    cells = f"{name:16}{seconds:8.2f} s{megabytes:7.0f} MB"
    if len(other) == len(own):
        ratios = sorted(their.seconds / our.seconds for our, their in zip(own, other, strict=True))
        their_seconds, their_megabytes = _median(other)
        cells += f"{their_seconds:10.2f} s{their_megabytes:7.0f} MB{statistics.median(ratios):8.1f}"
        cells += f"{f'({ratios[0]:.1f} to {ratios[-1]:.1f})':>16}{their_megabytes / megabytes:9.1f}"
    else:
        over, factor = f"> {options.limit:.0f}", f"> {options.limit / seconds:.0f}"
        cells += f"{over:>10} s{'':10}{factor:>8}{'':25}"
    compared = display.keep(name, [cost.seconds for cost in own], "s")
    display.keep("  memory", [cost.megabytes for cost in own], "MB")
    if len(other) == len(own):
        display.keep("  upstream's time to ours", ratios, "")
    answer = other[-1].answer if len(other) == len(own) else ""
    words = "; ".join(filter(None, (compared, said(own[-1].answer, answer))))
    display.say(f"{cells}  {words}".rstrip())


def _median(costs: Sequence[Cost]) -> tuple[float, float]:
    """Return the median of seconds and of megabytes."""
    seconds, megabytes, _ = zip(*costs, strict=True)
    return statistics.median(seconds), statistics.median(megabytes)


def said(ours: str, theirs: str) -> str:
    """Say how many events ours read, whether it reached the end, and upstream's verdicts."""
    try:
        report = json.loads(ours)
    except json.JSONDecodeError:
        return ""
    events = sum(log["events"] for log in report["logs"])
    is_whole = not any(finding["rule"] == "log-size" for finding in report["findings"])
    words = f"{events}{'' if is_whole else ', not to the end'}"
    if theirs:
        words += f"; upstream: {', '.join(sorted({verdict for verdict, _ in json.loads(theirs)}))}"
    return words


if __name__ == "__main__":
    sys.exit(main())
