"""A run of the bundle repeated with the bundle's own scripts and code, and compared with its log.

On a machine like the one that ran, a run is repeated bit for bit: the weights, and every loss and
accuracy of the log. On another one the rounding differs, and with it the course of the training;
there the score must agree within ``TOLERANCE``.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmark.core.errors import SubmissionError
from benchmark.core.files import reason_of
from benchmark.record.run_folder import RunFolder
from compliance.finding import Finding
from compliance.registry import OWN
from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from submission.bundle.layout import INIT_DATASETS, RUN_AND_TIME, SETUP
from submission.bundle.reading import Bundle
from submission.runs.runs import CheckedRun

#: Test accuracies of one seed on two kinds of machine: as far apart as those of two seeds on one.
#: Five published runs of the benchmark lie within 0.012 (the paper's Table 3), ours within 0.01.
TOLERANCE = 0.02

#: What a repeated run logs alike, to the last bit.
EXACT = (
    *("train_loss", "train_accuracy", "eval_loss", "eval_accuracy"),
    *("scene_accuracy", "test_accuracy", "baseline_accuracy"),
)

#: Names the folder where the scripts work; without it they work in one that is removed.
WORK = "CLOUDMASK_WORK"


class RerunError(SubmissionError):
    """A run that could not be repeated."""


def rerun(bundle: Bundle, seed: int) -> tuple[str, list[Finding]]:
    """Repeat the run of ``seed``; returns what it was compared by, and what differs.

    This executes the code of the bundle. Raises RerunError where the bundle has no such run, and
    where a script fails.
    """
    number, run = _run_of(bundle, seed)
    log_path = bundle.layout.results(number)[0].relative_to(bundle.layout.root)
    path = Path(bundle.tree.shown(log_path))
    with _work_folder() as work:
        for script, *arguments in ((SETUP,), (INIT_DATASETS,), (RUN_AND_TIME, str(seed))):
            _execute(bundle.layout.science / script, arguments, work)
        folder = RunFolder(work / "logs" / f"{bundle.runs.config.series}-seed-{seed}")
        log, system = read_log(folder.log), json.loads(folder.system.read_text(encoding="utf-8"))
    return compare(run, log, system, path)


def compare(run: CheckedRun, log: Log, system: Mapping[str, Any], path: Path) -> tuple[str, list[Finding]]:
    """How a submitted run is compared with its repetition's log and system.json, and what differs.

    ``path`` is the submitted log.
    """
    if differing := _differing_parts(run.system, system):
        said = f"within {TOLERANCE}: another node than the submitted run's ({', '.join(differing)})"
        return said, list(_compare_score(run, log, path))
    return "bit for bit: the node is like the submitted run's", list(_compare_bits(run, log, path))


def _run_of(bundle: Bundle, seed: int) -> tuple[int, CheckedRun]:
    for number, run in enumerate(bundle.runs.runs, start=1):
        if run.seed == seed:
            return number, run
    raise RerunError(
        f"--rerun {seed}",
        found="no run with this seed in the bundle",
        expected=f"one of: {', '.join(map(str, bundle.runs.seeds))}",
        remedy="name the seed of a submitted run",
    )


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """Where the scripts work: some gigabytes of packages, and the data."""
    if named := os.environ.get(WORK):
        yield Path(named).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="cloudmask-rerun-") as folder:
        yield Path(folder)


def _execute(script: Path, arguments: list[str], work: Path) -> None:
    """Run a script of the bundle; what it says is shown as it comes."""
    print(f"--- {' '.join([script.name, *arguments])}", flush=True)
    environment = os.environ | {WORK: str(work)}
    try:
        status = subprocess.run([script.resolve(), *arguments], env=environment, check=False).returncode
    except OSError as error:
        found = reason_of(error)
    else:
        if status == 0:
            return
        found = f"exit status {status}"
    raise RerunError(
        script,
        found=found,
        expected="a script that ends well",
        remedy=f"see what it said above; {WORK}=DIR keeps the folder that it works in",
    )


def _differing_parts(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What of two nodes decides how a sum is rounded, and is not the same on both."""
    return [name for name, part in _arithmetic(one).items() if part != _arithmetic(other)[name]]


def _arithmetic(system: Mapping[str, Any]) -> dict[str, Any]:
    cpu = system["cpu"]
    return {
        "processors": [cpu.get(name) for name in ("model", "sockets", "cores", "threads", "flags")],
        "accelerators": [card.get("model") for card in system["accelerators"]],
        "packages": system["packages"],
        "nodes": system["number_of_nodes"],
    }


def _compare_score(run: CheckedRun, log: Log, path: Path) -> Iterator[Finding]:
    again = log.number("test_accuracy")
    if again is None or abs(again - run.test_accuracy) > TOLERANCE:
        found = "no test accuracy" if again is None else f"{again:.4f} when repeated"
        yield _not_repeated(path, found, f"{run.test_accuracy:.4f} within {TOLERANCE}")


def _compare_bits(run: CheckedRun, log: Log, path: Path) -> Iterator[Finding]:
    """The first value of each kind that differs, and the weights."""
    for key in EXACT:
        logged = [(event.value, event.line) for event in run.log.sound(key)]
        again = [event.value for event in log.sound(key)]
        if len(logged) != len(again):
            yield _not_repeated(path, f"{len(again)} of {key} when repeated", f"{len(logged)} as logged")
        for (value, line), repeated in zip(logged, again, strict=False):
            if value != repeated:
                yield _not_repeated(path, f"{key} {repeated} when repeated", f"{value} as logged", line)
                break
    result = log.value("result")
    weights = result.get("weights_sha256") if isinstance(result, Mapping) else None
    if weights != run.result["weights_sha256"]:
        yield _not_repeated(
            path, f"weights {weights} when repeated", f"weights {run.result['weights_sha256']} as logged"
        )


def _not_repeated(path: Path, found: str, expected: str, line: int | None = None) -> Finding:
    return Finding(
        rule="verify-rerun",
        severity="error",
        path=str(path),
        line=line,
        clause="G-replication",
        message="The run must give again what its log says.",
        expected=expected,
        found=found,
        remedy="repeat it on the submitter's kind of node; if it differs there too, ask the submitter",
        profile=OWN,
    )
