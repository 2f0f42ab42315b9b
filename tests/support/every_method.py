"""Run, check, package, verify, rescore, kill and resume every shipped method, and train it with two workers.

``make every-method``, or ``python -m tests.support.every_method --methods unet,bayes --output DIR``.
About a quarter of an hour on two cores. Exit status: 0 all is well, 1 a table of what is not.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmark.core.errors import CloudMaskError
from benchmark.methods.loading import SHIPPED, load_method
from benchmark.record.code.provenance import PACKAGES
from tests.support.killed_runs import LARGER, finish, kill_often, log_below, outcome, start
from tests.support.processes.workers import differences, environments
from tests.support.project import ROOT, SHAPE, make_tiny_scenes, program, read_events, value_of
from tests.support.runs.checkout import commit_everything

#: Three epochs of ten small steps for a network, so that rounding errors stay small, too.
SETTINGS = (*LARGER, "--set", "training.epochs=3", "--set", "training.learning_rate=1e-4")
#: What a submission states besides results.
SETTINGS += ("--set", "submission.org=New York University")
SETTINGS += ("--set", "submission.poc_name=Ada Reviewer")
SETTINGS += ("--set", "submission.poc_email=ada@cloudlab-nyu.org")
SEEDS = (1, 2)
KILLS = 2

#: Maximum relative difference between the losses, or the scores, of one worker and of two.
#: test_workers.py compares a small network to seven digits; here rounding errors grow with the depth.
APART = 2e-2

#: The parts of this project that a submission's code contains.
CODE = (*PACKAGES, "LICENSE", "README.md", "pyproject.toml", ".gitignore", "requirements.lock")


def make_checkout(place: Path) -> None:
    """Commit this tree's code in a folder and add scenes: logs of runs then name a clean commit."""
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, place / name)
    commit_everything(place)
    make_tiny_scenes(place, SHAPE)


def run(place: Path, method: str) -> str:
    for seed in SEEDS:
        finish(start(place, f"logs/{method}", "--method", method, "--seed", seed, *SETTINGS))
    return f"{len(SEEDS)} seeds"


def check(place: Path, method: str) -> str:
    return check_runs(place, f"logs/{method}")


def package(place: Path, method: str) -> str:
    return said_by(place, "submission.package", "--logs", f"logs/{method}", "--output", f"dist/{method}")


def verify(place: Path, method: str) -> str:
    (archive,) = place.glob(f"dist/{method}/*.tar.gz")
    return said_by(place, "submission.verify", archive)


def rescore(place: Path, method: str) -> str:
    """Recompute every score from the weights in the bundle, to the last bit."""
    (archive,) = place.glob(f"dist/{method}/*.tar.gz")
    data = place / "data/synthetic"
    done = program("submission.verify", archive, "--rescore", "--data", data, cwd=place)
    again = done.stdout.count(", bit for bit: accuracy ")
    assert (done.returncode, again) == (0, len(SEEDS)), (done.stdout + done.stderr)[-1500:]
    return "same bits"


def kill_and_resume(place: Path, method: str) -> str:
    rng, output = random.Random(method), f"logs/{method}-killed"
    settings = ("--seed", SEEDS[0], *SETTINGS)
    kills = list(kill_often(place, output, method, KILLS, rng, *settings))
    assert kills, "the run ended before it could be killed"
    log = log_below(place / output)
    (last,) = [event for event in read_events(log) if event["key"] == "run_resumed"][-1:]
    assert last["value"] == len(kills), f"killed {len(kills)} times, resumed {last['value']} times"
    if not is_fitted(method):
        assert last["metadata"]["epochs"] + last["metadata"]["step"] > 0, "resumed without a checkpoint"
    whole, killed = outcome(first_log(place, method)), outcome(log)
    different = [name for name in whole if whole[name] != killed[name]]
    assert not different, f"other than when left alone: {', '.join(different)}"
    check_runs(place, output)
    return f"{len(kills)} kills, same bits"


def train_together(place: Path, method: str) -> str:
    """Train with two workers; a fitted method must refuse, since it has no steps to share."""
    output = f"logs/{method}-together"
    command = ("--method", method, "--seed", SEEDS[0], *SETTINGS, "--set", "training.batch_size=4")
    workers = [start(place, output, *command, env=variables) for variables in environments(2)]
    if is_fitted(method):
        said = [worker.communicate()[0] for worker in workers]
        assert all("expected: one worker: there are no steps to share" in text for text in said), said
        return "refused"
    for worker in workers:
        finish(worker)
    log = log_below(place / output)
    assert value_of(read_events(log), "number_of_ranks") == 2
    apart = max(max(values) for values in differences(log, first_log(place, method)).values())
    assert apart < APART, f"{apart:.2g} from the training of one worker"
    check_runs(place, output)
    return f"within {apart:.0e}"


def is_fitted(method: str) -> bool:
    return load_method(method, {}).kind == "fitted"


def check_runs(place: Path, output: str) -> str:
    """Check that the runs of a folder have no finding of severity error."""
    return said_by(place, "compliance.check", "--severity", "error", output)


def first_log(place: Path, method: str) -> Path:
    """Return the log of the first seed."""
    (log,) = place.glob(f"logs/{method}/*-seed-{SEEDS[0]}/result.txt")
    return log


def said_by(place: Path, module: str, *arguments: object) -> str:
    """Run a command in the checkout. Raises AssertionError with the end of its output if it fails."""
    done = program(module, *arguments, cwd=place)
    assert done.returncode == 0, f"exit status {done.returncode}: {(done.stdout + done.stderr)[-1500:]}"
    return "ok"


#: In this order; each step except the last two needs those before it.
STEPS: dict[str, Callable[[Path, str], str]] = {
    "run": run,
    "check": check,
    "package": package,
    "verify": verify,
    "rescore": rescore,
    "kill + resume": kill_and_resume,
    "2 workers": train_together,
}


def show(place: Path, method: str) -> tuple[list[str], str | None]:
    """Run a method's steps until one fails; return the cells of its row, and the reason."""
    cells: list[str] = []
    for name, step in STEPS.items():
        try:
            cells.append(step(place, method))
        except (AssertionError, CloudMaskError) as error:
            return [*cells, "FAILED"], f"{method}, {name}: {error}"
    return cells, None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--methods", default=",".join(SHIPPED), metavar="A,B", help="(default: all shipped)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="a new folder, in which all is kept")
    options = parser.parse_args(arguments)
    table = Table("method", *STEPS, "seconds", title="every method", title_justify="left")
    reasons = []
    with contextlib.ExitStack() as stack:
        place = options.output or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place.mkdir(parents=True, exist_ok=options.output is None)
        make_checkout(place)
        for method in options.methods.split(","):
            began = time.monotonic()
            cells, reason = show(place, method)
            seconds = f"{time.monotonic() - began:.0f}"
            table.add_row(method, *cells, *[""] * (len(STEPS) - len(cells)), seconds)
            print(f"{method}: {reason or 'all is well'}", flush=True)
            reasons += [reason] if reason else []
    Console(width=110).print(table)
    print("\n".join(reasons))
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
