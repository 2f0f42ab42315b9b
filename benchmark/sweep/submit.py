"""Submit an experiment's runs, resume them, stop them: on Slurm or on this machine."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmark import ROOT
from benchmark.core.display import Display
from benchmark.core.errors import CloudMaskError, ConfigError
from benchmark.core.files import write_text
from benchmark.record.code.commit import LISTING
from benchmark.sweep import local, slurm
from benchmark.sweep.experiment import SHIPPED, Experiment, PlannedRun, Queued
from benchmark.sweep.folder import (
    ExperimentFolder,
    SubmittedArray,
    check_submitted,
    create,
    delete_runs,
    locked,
    new_job_name,
    note_array,
    note_number,
    read_plan,
    restore,
)
from benchmark.sweep.job_script import Job, command, environment, first_of_block, render_array, render_run
from benchmark.sweep.site import Site, check_printable
from benchmark.sweep.status import UNDONE, RunStatus, exit_status_in, statuses

#: A stopped run makes a checkpoint; wait this long to see that it has ended.
STOP_SECONDS = 60.0
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Sweep:
    """An experiment on a site, with its folder."""

    experiment: Experiment
    site: Site
    folder: ExperimentFolder
    display: Display
    #: How the command line names the site; empty for this machine.
    site_option: str = ""

    @property
    def is_local(self) -> bool:
        return self.site.scheduler == "local"


def submit(sweep: Sweep) -> int:
    """Write the folders of all runs and submit them, or run them here. Return the exit status."""
    experiment, folder = sweep.experiment, sweep.folder
    job = new_job_name(experiment.name)
    block = 1 if sweep.is_local else slurm.block_size()
    with locked(folder):
        if folder.exists:
            raise ConfigError(
                folder.root,
                found="an experiment of this name",
                expected="none",
                remedy=f"resume it: {command_line(sweep, 'resume')}; or give this one another name",
            )
        if sweep.is_local:
            local.check_room([_task(sweep, run) for run in experiment.runs])
        with sweep.display.bar("folders", len(experiment.runs)) as advance:
            create(folder, experiment, sweep.site.name, job, _run_script(sweep, job, block), advance)
        if sweep.is_local:
            return _run_here(sweep, experiment.runs)
        try:
            _submit_arrays(sweep, experiment.runs, block)
        except slurm.NoAnswerError:
            raise  # the jobs may exist, so their folders must stay
        except BaseException:
            delete_runs(folder)
            raise
    return 0


def resume(sweep: Sweep, chosen: Sequence[PlannedRun]) -> int:
    """Submit, or run here, the runs that are neither complete nor in the queue. Return the exit status."""
    experiment, folder = sweep.experiment, sweep.folder
    check_submitted(folder, experiment, sweep.site.name, command_line(sweep, "submit"))
    block = 1 if sweep.is_local else slurm.block_size()
    with locked(folder):
        current = current_statuses(sweep)
        undone = [each.run for each in current if each.state in UNDONE and each.run in chosen]
        # no other process supervises local runs while the folder is locked
        orphans = [each.run.name for each in current if sweep.is_local and each.state == "running"]
        if orphans:
            sweep.display.say(f"still running, and waited for: {', '.join(orphans)}")
        elif not undone:
            sweep.display.say("every run is complete, waiting or running: nothing to resume")
            return 0
        for run in undone:
            restore(folder, experiment, run)
        if sweep.is_local:
            return _run_here(sweep, undone, len(orphans))
        _submit_arrays(sweep, undone, block)
    return 0


class Stopped(NamedTuple):
    """The runs that were cancelled, and those that are still in the queue."""

    cancelled: list[Queued]
    left: list[Queued]


def stop(sweep: Sweep, chosen: Sequence[PlannedRun]) -> Stopped:
    """Cancel the waiting and running ones of these runs, and wait until their checkpoints are made."""
    wanted = {run.index for run in chosen}

    def there() -> list[Queued]:
        return [each for each in _queue(sweep) if each.index in wanted]

    cancelled = left = there()
    if not cancelled:
        return Stopped([], [])
    if sweep.is_local:
        local.stop(sweep.folder.local, wanted if len(wanted) < len(sweep.experiment.runs) else None)
    else:
        slurm.cancel([each.job for each in cancelled])
    until = time.monotonic() + STOP_SECONDS
    while (left := there()) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return Stopped(cancelled, left)


def command_line(sweep: Sweep, verb: str) -> str:
    """Return the command for another verb on the same experiment and site, as a user types it."""
    path = sweep.experiment.path
    words = ["python", "-m", "benchmark.sweep", verb, path.stem if path.parent == SHIPPED else str(path)]
    return shlex.join(words + (["--site", sweep.site_option] if sweep.site_option else []))


def current_statuses(sweep: Sweep) -> list[RunStatus]:
    """Return every run's state, from queue and logs. Raises RunError if the scheduler cannot be asked."""
    return statuses(sweep.experiment, sweep.folder, lambda: _queue(sweep))


def _queue(sweep: Sweep) -> list[Queued]:
    if sweep.is_local:
        return local.queued(sweep.folder.local)
    return slurm.queued(read_plan(sweep.folder))


def _run_script(sweep: Sweep, name: str, block: int) -> Callable[[PlannedRun], str] | None:
    """Return a function that renders the job script of a run; None without a scheduler."""
    if sweep.is_local:
        return None
    return lambda run: render_run(_job(sweep, name, run, block), run.index, run.name)


def _job(sweep: Sweep, name: str, run: PlannedRun, block: int = 1) -> Job:
    start_folder = Path.cwd()
    check_printable(f"{start_folder}{ROOT}{sys.executable}", "the folder of this command, or of the program")
    return Job(
        name=name,
        experiment=sweep.experiment.name,
        folder=sweep.folder.root,
        start_folder=start_folder,
        code=ROOT,
        python=sys.executable,
        site=sweep.site,
        resources=run.resources,
        at_once=sweep.experiment.at_once,
        options=sweep.experiment.options,
        block=block,
        keeps_commit=(sweep.folder.root / LISTING).exists(),
    )


def _submit_arrays(sweep: Sweep, runs: Sequence[PlannedRun], block: int) -> None:
    """Submit a job array for the runs of each block that request the same resources: all arrays, or none.

    With ``at_once``, the blocks with the same resources run one after another.
    """
    groups: dict[object, dict[int, list[PlannedRun]]] = {}
    for run in runs:
        blocks = groups.setdefault(run.resources, {})
        blocks.setdefault(first_of_block(run.index, block), []).append(run)
    submitted: list[SubmittedArray] = []
    try:
        for blocks in groups.values():
            previous = None
            for first, group in blocks.items():
                array = note_array(sweep.folder, first)
                submitted.append(array)
                script = sweep.folder.array_script(len(submitted) - 1)
                job = _job(sweep, array.name, group[0], block)
                write_text(script, render_array(job, [run.index for run in group]))
                number = slurm.submit(script, previous)
                submitted[-1] = note_number(sweep.folder, array, number)
                previous = number if sweep.experiment.at_once else None
                sweep.display.say(f"job {number}: {len(group)} runs")
    except slurm.NoAnswerError as error:
        _withdraw(submitted, error)
        raise _uncertain(submitted, error, error.found) from None
    except BaseException as error:
        if problem := _withdraw([each for each in submitted if each.number], error):
            raise _uncertain(submitted, error, problem) from error
        raise


def _withdraw(submitted: Sequence[SubmittedArray], error: BaseException) -> str | None:
    """Cancel what has been submitted; return Slurm's message if it fails."""
    try:
        for array in submitted:
            slurm.withdraw(array.name, array.number)
    except CloudMaskError as refused:
        return f"{error}; {refused.where}: {refused.found}"
    return None


def _uncertain(submitted: Sequence[SubmittedArray], error: BaseException, found: str) -> slurm.NoAnswerError:
    return slurm.NoAnswerError(
        getattr(error, "where", "sbatch"),
        found=found,
        expected="all jobs submitted, or none",
        remedy=f"jobs named {', '.join(each.name for each in submitted)} may be there: when Slurm answers, "
        "`status` shows them, `stop` cancels them and `resume` submits what is missing",
    )


def _run_here(sweep: Sweep, runs: Sequence[PlannedRun], orphans: int = 0) -> int:
    """Run everything on this machine, next to ``orphans`` running tasks. Return the exit status."""
    display, folder = sweep.display, sweep.folder
    by_index = {run.index: run for run in sweep.experiment.runs}
    ended: dict[int, int | None] = {}
    with display.bar("runs", len(runs) + orphans) as advance:

        def on_end(index: int) -> None:
            run = by_index[index]
            ended[index] = status = exit_status_in(folder.exit_status(run))
            how = "killed" if status is None else f"exit status {status}" if status else "done"
            display.say(f"{run.name}: {how}")
            advance(len(ended), "")

        tasks = [_task(sweep, run) for run in runs]
        all_ended = local.run_tasks(tasks, sweep.experiment.at_once, folder.local, on_end)
    if not all_ended:
        display.warn(f"stopped; resume with: {command_line(sweep, 'resume')}")
    return 0 if all_ended and all(status == 0 for status in ended.values()) else 1


def _task(sweep: Sweep, run: PlannedRun) -> local.LocalTask:
    job = _job(sweep, "", run)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return local.LocalTask(
        index=run.index,
        command=command(job, run.name),
        environment={"PYTHONPATH": path} | environment(job),
        cores=run.resources.cores,
        gpus=run.resources.gpus,
        output=sweep.folder.output(run),
        exit_status=sweep.folder.exit_status(run),
    )
