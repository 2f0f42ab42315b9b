"""The folder of an experiment: made whole or not at all, held by one command at a time.

experiment.lock     held by the command that submits or runs here
plan.json           site, jobs, and a digest of every run
runs.txt            names of the runs, one on a line, in the order of their numbers
array.slurm         the job array as it was submitted last
output/N.txt        what run N wrote to its terminal
runs/<run>/         config.yaml, job.slurm, exit_status, and all that a run leaves
table.md, table.csv what the runs scored
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.config.files import save_config
from benchmark.core import locks as file_lock
from benchmark.core.errors import ConfigError, RunError
from benchmark.core.files import write_text
from benchmark.record.run_folder import RunFolder
from benchmark.sweep.experiment import Experiment, Run
from benchmark.sweep.site import check_printable

FORMAT = "cloudmask-experiment-1"


@dataclass(frozen=True)
class ExperimentFolder:
    """Every path of an experiment."""

    root: Path

    @property
    def lock(self) -> Path:
        return self.root / "experiment.lock"

    @property
    def plan(self) -> Path:
        return self.root / "plan.json"

    @property
    def run_names(self) -> Path:
        return self.root / "runs.txt"

    @property
    def local(self) -> Path:
        """The processes of the local executor."""
        return self.root / "local.json"

    @property
    def table_markdown(self) -> Path:
        return self.root / "table.md"

    @property
    def table_csv(self) -> Path:
        return self.root / "table.csv"

    @property
    def outputs(self) -> Path:
        return self.root / "output"

    def output(self, run: Run) -> Path:
        return self.outputs / f"{run.index}.txt"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def run(self, run: Run) -> RunFolder:
        return RunFolder(self.runs / run.name)

    def exit_status(self, run: Run) -> Path:
        """How the run's process ended last; absent while it runs, or if it was killed."""
        return self.runs / run.name / "exit_status"

    def array_script(self, number: int) -> Path:
        """The job array of the runs with the same resources, counted from 0."""
        return self.root / (f"array-{number}.slurm" if number else "array.slurm")

    @property
    def is_made(self) -> bool:
        return self.runs.is_dir()


def experiment_folder(experiment: Experiment, output: str) -> ExperimentFolder:
    """Where an experiment lives below a site's ``output``; absolute. Raises ConfigError."""
    root = Path(output).absolute() / experiment.name
    check_printable(str(root), "folder of the experiment")
    return ExperimentFolder(root)


@contextlib.contextmanager
def held(folder: ExperimentFolder) -> Iterator[None]:
    """The folder, made if need be, kept from other commands that submit or run. Raises RunError."""
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        descriptor = file_lock.take(folder.lock)
    except OSError as error:
        raise RunError(
            folder.root,
            found=f"a folder that cannot be written ({error.strerror})",
            expected="a folder for the experiment",
            remedy="choose another place: `output` in the site's file",
        ) from None
    if descriptor is None:
        raise RunError(
            folder.lock,
            found="another command that submits or runs this experiment",
            expected="one at a time",
            remedy="wait until it ends; `status` shows how far it is",
        )
    try:
        yield
    finally:
        os.close(descriptor)


def make(
    folder: ExperimentFolder,
    experiment: Experiment,
    site: str,
    job: str,
    script: Callable[[Run], str] | None,
    advance: Callable[[int, str], None],
) -> None:
    """Write the folder of every run, with its configuration and job script, all aside; then rename.

    ``script`` renders a run's job script; None where there is no scheduler to read it. The caller
    holds the folder. Raises RunError; nothing is left then.
    """
    part = folder.root / ".part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        for run in experiment.runs:
            inside = RunFolder(part / run.name)
            inside.root.mkdir(parents=True)
            save_config(run.config, inside.config)
            if script is not None:
                inside.job_script.write_text(script(run), encoding="utf-8")
            advance(run.index + 1, run.name)
        folder.outputs.mkdir(exist_ok=True)
        write_text(folder.run_names, "".join(f"{run.name}\n" for run in experiment.runs))
        _write_plan(folder, {"format": FORMAT, "site": site, "jobs": [job], "runs": digests(experiment)})
        part.rename(folder.runs)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise RunError(
            error.filename or folder.root,
            found=error.strerror or str(error),
            expected="room for the folders of the runs",
            remedy="free some space or choose another `output` in the site's file, and submit again",
        ) from None


def digests(experiment: Experiment) -> dict[str, str]:
    """Name of every run -> digest of its configuration and resources."""
    return {run.name: run.digest for run in experiment.runs}


def check_made(folder: ExperimentFolder, experiment: Experiment, site: str) -> None:
    """Raise unless the folder holds exactly this experiment on this site."""
    if not folder.is_made:
        raise RunError(
            folder.root,
            found="no experiment",
            expected="one that has been submitted",
            remedy=f"python -m benchmark.sweep submit {experiment.path}",
        )
    plan = read_plan(folder)
    if plan["site"] != site:
        raise ConfigError(
            "--site",
            found=site,
            expected=f"{plan['site']}, where the experiment was submitted",
            remedy=f"pass --site {plan['site']}",
        )
    planned, submitted = digests(experiment), plan["runs"]
    if planned != submitted:
        changed = sorted(name for name in {*planned, *submitted} if planned.get(name) != submitted.get(name))
        raise ConfigError(
            experiment.path,
            found=f"{len(changed)} runs that differ from those submitted, first {changed[0]}",
            expected="the experiment as it was submitted",
            remedy="undo the change, or give the experiment another name and submit it",
        )


def read_plan(folder: ExperimentFolder) -> dict[str, Any]:
    """The contents of plan.json. Raises RunError."""
    try:
        plan = json.loads(folder.plan.read_text(encoding="utf-8"))
        known = plan["format"] == FORMAT and isinstance(plan["runs"], dict) and isinstance(plan["site"], str)
        if known and all(isinstance(job, str) for job in plan["jobs"]):
            return dict(plan)
        found = "something else"
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        found = str(error)
    raise RunError(
        folder.plan,
        found=found,
        expected=f"the plan of an experiment ({FORMAT})",
        remedy="move the folder aside and submit again",
    )


def unmake(folder: ExperimentFolder) -> None:
    """Remove the runs of an experiment of which none has begun."""
    part = folder.root / ".part"
    folder.runs.rename(part)
    shutil.rmtree(part, ignore_errors=True)


def restore(folder: ExperimentFolder, run: Run) -> None:
    """Write a run's configuration again, in case it was changed or lost."""
    inside = folder.run(run)
    inside.root.mkdir(exist_ok=True)
    save_config(run.config, inside.config)


def new_job_name(experiment: str) -> str:
    """A name that no other job has."""
    return f"cloudmask-{experiment}-{secrets.token_hex(4)}"


def note_job(folder: ExperimentFolder, name: str) -> None:
    """Note a job before it is submitted, so that no crash can lose it."""
    plan = read_plan(folder)
    _write_plan(folder, plan | {"jobs": [*plan["jobs"], name]})


def _write_plan(folder: ExperimentFolder, plan: dict[str, Any]) -> None:
    write_text(folder.plan, json.dumps(plan, indent=1) + "\n")
