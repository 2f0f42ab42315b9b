"""The folder of an experiment: created completely or not at all, locked by one command at a time.

experiment.lock     locked by the command that submits or runs here
plan.json           site, jobs, and a digest of every run
commit.txt, tree.txt the commit of the code and the list of its files, for nodes without git
runs.txt            names of the runs, one per line, in the order of their numbers
array.slurm         the job array as last submitted
output/N.txt        what run N wrote to its terminal
runs/<run>/         config.yaml, experiment.json, job.slurm, exit_status, and all files of a run
table.md, table.csv the scores of the runs
efficiency.md, .csv how well they used their machines
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.config.files import save_config
from benchmark.core import locks
from benchmark.core.errors import ConfigError, RunError, os_failure
from benchmark.core.fields import read_fields
from benchmark.core.files import read_text, reason_of, write_text
from benchmark.record.announcement import save_announcement
from benchmark.record.code.commit import COMMIT, LISTING
from benchmark.record.code.provenance import keep_commit
from benchmark.record.run_folder import RunFolder
from benchmark.sweep.experiment import Experiment, PlannedRun
from benchmark.sweep.site import check_printable

FORMAT = "cloudmask-experiment-2"


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
    def efficiency_markdown(self) -> Path:
        return self.root / "efficiency.md"

    @property
    def efficiency_csv(self) -> Path:
        return self.root / "efficiency.csv"

    @property
    def outputs(self) -> Path:
        return self.root / "output"

    def output(self, run: PlannedRun) -> Path:
        return self.outputs / f"{run.index}.txt"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def run(self, run: PlannedRun) -> RunFolder:
        return RunFolder(self.runs / run.name)

    def exit_status(self, run: PlannedRun) -> Path:
        """How the run's process last ended; absent while it runs, or if it was killed."""
        return self.runs / run.name / "exit_status"

    def array_script(self, number: int) -> Path:
        """Return the job array of the runs with the same resources, numbered from 0."""
        return self.root / (f"array-{number}.slurm" if number else "array.slurm")

    @property
    def exists(self) -> bool:
        return self.runs.is_dir()


@dataclass(frozen=True)
class SubmittedArray:
    """A job array that was submitted, or was about to be."""

    #: Unique among all jobs.
    name: str
    #: The number of the run that is its task 0.
    first: int
    #: The number that sbatch returned; null before.
    number: str | None = None


@dataclass(frozen=True)
class Plan:
    """What was submitted: the contents of plan.json."""

    format: str
    site: str
    #: Prefix of its jobs' names.
    job: str
    #: All arrays so far.
    arrays: tuple[SubmittedArray, ...]
    #: Name of every run -> its digest.
    runs: dict[str, str]


def experiment_folder(experiment: Experiment, output: str) -> ExperimentFolder:
    """Return the absolute folder of an experiment below a site's ``output``. Raises ConfigError."""
    root = Path(output).absolute() / experiment.name
    check_printable(str(root), "folder of the experiment")
    return ExperimentFolder(root)


@contextlib.contextmanager
def locked(folder: ExperimentFolder) -> Iterator[None]:
    """Lock the folder, creating it if needed, against other commands that submit or run. Raises RunError."""
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        descriptor = locks.take(folder.lock)
    except OSError as error:
        raise RunError(
            folder.root,
            found=f"a folder that cannot be written ({reason_of(error)})",
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


def create(
    folder: ExperimentFolder,
    experiment: Experiment,
    site: str,
    job: str,
    script: Callable[[PlannedRun], str] | None,
    advance: Callable[[int, str], None],
) -> None:
    """Write the folder of every run, with its configuration and job script, all aside; then rename.

    ``script`` renders a run's job script; None without a scheduler. The caller must have locked the folder.
    Raises RunError and then leaves nothing behind.
    """
    part = folder.root / ".part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        if script is not None:
            keep_commit(folder.root)
        for run in experiment.runs:
            inside = RunFolder(part / run.name)
            inside.root.mkdir()
            save_config(run.config, inside.config)
            save_announcement(inside.announcement, experiment.announcements[run.config.series])
            if script is not None:
                inside.job_script.write_text(script(run), encoding="utf-8")
            advance(run.index + 1, run.name)
        folder.outputs.mkdir(exist_ok=True)
        write_text(folder.run_names, "".join(f"{run.name}\n" for run in experiment.runs))
        _write_plan(folder, Plan(FORMAT, site, job, (), digests(experiment)))
        part.rename(folder.runs)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        for name in (COMMIT, LISTING):
            (folder.root / name).unlink(missing_ok=True)
        raise os_failure(
            RunError,
            error,
            folder.root,
            expected="room for the folders of the runs",
            remedy="free some space or choose another `output` in the site's file, and submit again",
        ) from None


def digests(experiment: Experiment) -> dict[str, str]:
    """Return name of every run -> digest of its configuration and resources."""
    return {run.name: run.digest for run in experiment.runs}


def check_submitted(folder: ExperimentFolder, experiment: Experiment, site: str, submit: str) -> None:
    """Raise unless the folder holds exactly this experiment on this site; ``submit`` is how to submit it."""
    if not folder.exists:
        raise RunError(
            folder.root,
            found="no experiment",
            expected="one that has been submitted",
            remedy=f"{submit}; or name the site where it was submitted: --site NAME or FILE",
        )
    plan = read_plan(folder)
    if plan.site != site:
        raise ConfigError(
            "--site",
            found=site,
            expected=f"{plan.site}, where the experiment was submitted",
            remedy=f"pass --site {plan.site}",
        )
    planned, submitted = digests(experiment), plan.runs
    if planned != submitted:
        changed = sorted(name for name in {*planned, *submitted} if planned.get(name) != submitted.get(name))
        raise ConfigError(
            experiment.path,
            found=f"{len(changed)} runs that differ from those submitted, first {changed[0]}",
            expected="the experiment as it was submitted",
            remedy="undo the change, or give the experiment another name and submit it",
        )


def read_plan(folder: ExperimentFolder) -> Plan:
    """Return the contents of plan.json. Raises RunError."""
    try:
        plan = read_fields(Plan, json.loads(read_text(folder.plan)))
        if plan.format == FORMAT:
            return plan
        found = f"format {plan.format!r}"
    except ConfigError as error:
        found = f"{error.where}: {error.found}"
    except (OSError, ValueError, RecursionError) as error:
        found = str(error)
    raise RunError(
        folder.plan,
        found=found,
        expected=f"the plan of an experiment ({FORMAT})",
        remedy="move the folder aside and submit again",
    )


def delete_runs(folder: ExperimentFolder) -> None:
    """Remove the runs of an experiment if none has begun."""
    part = folder.root / ".part"
    folder.runs.rename(part)
    shutil.rmtree(part, ignore_errors=True)


def restore(folder: ExperimentFolder, experiment: Experiment, run: PlannedRun) -> None:
    """Prepare a run's folder to resume: write its configuration and announcement, in case they were lost."""
    inside = folder.run(run)
    inside.root.mkdir(exist_ok=True)
    inside.requeued.unlink(missing_ok=True)
    save_config(run.config, inside.config)
    save_announcement(inside.announcement, experiment.announcements[run.config.series])


def new_job_name(experiment: str) -> str:
    """Return a unique prefix for an experiment's job names; squeue shows its first letters."""
    return f"{experiment}-{secrets.token_hex(4)}"


def note_array(folder: ExperimentFolder, first: int) -> SubmittedArray:
    """Record an array before it is submitted, so that no crash can lose it."""
    plan = read_plan(folder)
    array = SubmittedArray(f"{plan.job}-{len(plan.arrays) + 1}", first)
    _write_plan(folder, dataclasses.replace(plan, arrays=(*plan.arrays, array)))
    return array


def note_number(folder: ExperimentFolder, array: SubmittedArray, number: str) -> SubmittedArray:
    """Record the number that sbatch gave an array."""
    plan, numbered = read_plan(folder), dataclasses.replace(array, number=number)
    arrays = tuple(numbered if each.name == array.name else each for each in plan.arrays)
    _write_plan(folder, dataclasses.replace(plan, arrays=arrays))
    return numbered


def _write_plan(folder: ExperimentFolder, plan: Plan) -> None:
    write_text(folder.plan, json.dumps(dataclasses.asdict(plan), indent=1) + "\n")
