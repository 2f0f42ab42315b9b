"""Slurm's commands, as an experiment needs them: submit, ask, cancel. Accounting (sacct) is not needed."""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmark.core.errors import RunError, os_failure
from benchmark.sweep.experiment import Queued

#: A busy controller answers late; after this long it does not answer.
ANSWER_SECONDS = 120

#: What squeue is asked for each task: its array's number and index, state, why it waits, and time left.
_FORMAT = "%F|%K|%T|%r|%L"
#: Tasks that one scancel names: a command's line has an end.
_AT_ONCE = 500


class NoAnswerError(RunError):
    """Slurm was asked and did not answer: what it has done is not known."""


def submit(script: Path) -> str:
    """Submit a batch file; returns the number of its job. Raises RunError."""
    answer = _ask("sbatch", "--parsable", str(script)).strip()
    number = answer.partition(";")[0]
    if not number.isdigit():
        raise RunError(
            "sbatch",
            found=repr(answer),
            expected="the number of the new job",
            remedy=f"look for it with squeue; the script is {script}",
        )
    return number


def queued(names: Sequence[str]) -> list[Queued]:
    """The tasks of the job arrays with these names that wait or run. Raises RunError."""
    if not names:
        return []
    whose, which = f"--user={getpass.getuser()}", f"--name={','.join(names)}"
    lines = _ask("squeue", "--noheader", "--array", whose, which, f"--format={_FORMAT}").splitlines()
    return [task for line in lines if (task := _task(line)) is not None]


def cancel(tasks: Sequence[str]) -> None:
    """Cancel tasks by their numbers (``24_3``), as squeue names them. Raises RunError."""
    for start in range(0, len(tasks), _AT_ONCE):
        _ask("scancel", *tasks[start : start + _AT_ONCE])


def withdraw(name: str) -> None:
    """Cancel the jobs with this name, whose numbers are not known. Raises RunError."""
    _ask("scancel", f"--user={getpass.getuser()}", f"--name={name}")  # it takes one name, no list


def _task(line: str) -> Queued | None:
    array, index, state, reason, left = (*line.strip().split("|"), "", "", "", "", "")[:5]
    if not index.isdigit():
        return None  # a job by hand that is no array
    job = f"{array}_{index}"
    if state in ("RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STAGE_OUT", "SIGNALING", "STOPPED"):
        detail = f"limit in {left}" if state == "RUNNING" else state.lower()
        return Queued(int(index), "running", detail, job)
    return Queued(int(index), "waiting", reason if reason != "None" else state.lower(), job)


def _ask(*command: str) -> str:
    """What a command of Slurm prints. Raises RunError."""
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
