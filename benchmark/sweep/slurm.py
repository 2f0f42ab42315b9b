"""The Slurm commands that an experiment needs: submit, query, cancel. Accounting (sacct) is not needed."""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmark.core.errors import RunError, os_failure
from benchmark.sweep.experiment import Queued
from benchmark.sweep.folder import Plan

#: A busy controller answers late; after this time it counts as not answering.
ANSWER_SECONDS = 120

#: Fields that squeue shows for each task: array number and index, state, why it waits, time left, job's name.
_FORMAT = "%F|%K|%T|%r|%L|%j"
#: Slurm's default limit of an array, if it states no other.
_DEFAULT_ARRAY = 1001
#: Tasks per scancel command, since a command line has a limited length.
_AT_ONCE = 500


class NoAnswerError(RunError):
    """Slurm did not answer: what it has done is unknown."""


def block_size() -> int:
    """Return how many tasks an array may have: the largest power of ten within MaxArraySize."""
    try:
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config"), re.M)
    except RunError:  # the next submission will report the error
        found = None
    most = int(found[1]) if found else _DEFAULT_ARRAY
    return 10 ** (len(str(most)) - 1)


def submit(script: Path, after: str | None = None) -> str:
    """Submit a batch file, to start after the end of another job; return its number. Raises RunError."""
    dependency = [f"--dependency=afterany:{after}"] if after else []
    answer = _ask("sbatch", "--parsable", *dependency, str(script)).strip()
    number = answer.partition(";")[0]
    if not number.isdigit():
        raise RunError(
            "sbatch",
            found=repr(answer),
            expected="the number of the new job",
            remedy=f"look for it with squeue; the script is {script}",
        )
    return number


def queued(plan: Plan) -> list[Queued]:
    """Return an experiment's waiting and running runs, by its jobs' numbers and names. Raises RunError."""
    whose = f"--user={getpass.getuser()}"
    lines = _ask("squeue", "--noheader", "--array", whose, f"--format={_FORMAT}").splitlines()
    firsts = {each.name: each.first for each in plan.arrays}
    firsts |= {each.number: each.first for each in plan.arrays if each.number}
    by_hand = re.compile(rf"{re.escape(plan.job)}-run-(\d+)")
    found = []
    for line in lines:
        array, task, state, reason, left, name = (*line.strip().split("|", 5), "", "", "", "", "", "")[:6]
        run = by_hand.fullmatch(name)
        first = firsts.get(name, firsts.get(array))
        if run or (first is not None and task.isdigit()):
            index = int(run[1]) if run else (first or 0) + int(task)
            found.append(_queued(index, f"{array}_{task}" if task.isdigit() else array, state, reason, left))
    return found


def cancel(tasks: Sequence[str]) -> None:
    """Cancel tasks by their numbers (``24_3``), as squeue names them. Raises RunError."""
    for start in range(0, len(tasks), _AT_ONCE):
        _ask("scancel", *tasks[start : start + _AT_ONCE])


def withdraw(name: str, number: str | None) -> None:
    """Cancel a job by its number, or by its name if the number is unknown. Raises RunError."""
    which = [number] if number else [f"--user={getpass.getuser()}", f"--name={name}"]
    _ask("scancel", *which)


def _queued(index: int, job: str, state: str, reason: str, left: str) -> Queued:
    if state in ("RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STAGE_OUT", "SIGNALING", "STOPPED"):
        detail = f"limit in {left}" if state == "RUNNING" else state.lower()
        return Queued(index, "running", detail, job)
    return Queued(index, "waiting", reason if reason != "None" else state.lower(), job)


def _ask(*command: str) -> str:
    """Return the output of a Slurm command. Raises RunError."""
    name = command[0]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_SECONDS, check=False
        )
    except FileNotFoundError:
        raise RunError(
            name,
            found="no such command",
            expected="Slurm on this machine",
            remedy="run this on a login node of the cluster, or choose --site local",
        ) from None
    except OSError as error:
        remedy = "look at what PATH finds under this name"
        raise os_failure(RunError, error, name, expected="a command that can be run", remedy=remedy) from None
    except subprocess.TimeoutExpired:
        raise NoAnswerError(
            name,
            found=f"no answer within {ANSWER_SECONDS} s",
            expected="an answer of Slurm's controller",
            remedy="try again when `scontrol ping` finds the controller up",
        ) from None
    if done.returncode != 0:
        message = re.sub(rf"^{name}: (error: )?", "", done.stderr.strip(), flags=re.M)
        raise RunError(
            name,
            found=f"exit status {done.returncode}"
            + (f": {message}" if message else " with no error message"),
            expected="Slurm to accept the request",
            remedy="correct the setting it names in the site file or in the experiment's resources",
        )
    return done.stdout
