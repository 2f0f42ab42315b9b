"""Slurm's batch files, rendered by a pure function: the same job gives the same text."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import jinja2

from benchmark.core.interruption import EXIT_RESUMABLE
from benchmark.sweep.site import Resources, Site

TEMPLATES = Path(__file__).parent / "templates"

#: Slurm warns a job so long before its limit: enough for a step and a checkpoint.
WARNING_SECONDS = 300

#: So long after the first worker of several has ended, Slurm ends the others; the chief, which also
#: scores the baselines and draws the plots, needs minutes.
SHUTDOWN_GRACE_SECONDS = 900


#: A job is put back into the queue at most so often: weeks of jobs of a few hours.
MOST_RESTARTS = 200


@dataclass(frozen=True)
class Job:
    """What a job script says of an experiment; all paths are absolute."""

    #: Name of the job, which no other submission has.
    name: str
    experiment: str
    #: The experiment's folder, with its runs, their list and the files of their output.
    folder: Path
    #: Folder in which the runs start: relative paths of their configurations begin there.
    start_folder: Path
    #: Folder with the benchmark's code.
    code: Path
    #: The interpreter, where the site does not name one.
    python: str
    site: Site
    resources: Resources
    at_once: int | None = None


def render_array(job: Job, indices: Iterable[int]) -> str:
    """The script of a job array: one task for each of the runs with these numbers."""
    array = ranges(indices) + (f"%{job.at_once}" if job.at_once else "")
    return _render(job, array, None)


def render_run(job: Job, index: int, run: str) -> str:
    """The script of one run, an array of one task with the run's number."""
    return _render(job, str(index), run)


def command(job: Job, run: str) -> list[str]:
    """The program and arguments that start or resume a run; the scripts have the same."""
    runs = str(job.folder / "runs")
    program = [_interpreter(job), "-m", "benchmark.run"]
    folders = ["--output", runs, "--stage-dir", job.site.stage_dir]
    return [*program, "--config", f"{runs}/{run}/config.yaml", *folders, "--resume"]


def environment(job: Job) -> dict[str, str]:
    """Variables of a run; the threads are fixed, as sums depend on their number in the last bits."""
    threads = {"TF_NUM_INTRAOP_THREADS": str(job.resources.cores)}
    return threads | job.site.environment


def ranges(indices: Iterable[int]) -> str:
    """``0, 1, 2, 5`` -> ``0-2,5``."""
    ordered = sorted(indices)
    groups = (
        [index for _, index in group]
        for _, group in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0])
    )
    return ",".join(f"{group[0]}-{group[-1]}" if len(group) > 1 else f"{group[0]}" for group in groups)


def _render(job: Job, array: str, run: str | None) -> str:
    minutes = math.ceil(job.resources.hours * 60)
    return _template().render(
        job=job,
        array=array,
        run=run and shlex.quote(run),
        gres=_gres(job),
        time=f"{minutes // 60}:{minutes % 60:02}:00",
        warning=min(WARNING_SECONDS, minutes * 30),
        output=_slurm_quoted(f"{job.folder}/output/%a.txt"),
        launcher=_launcher(job),
        python=_interpreter(job),
        environment=environment(job),
        try_again=EXIT_RESUMABLE,
        most_restarts=MOST_RESTARTS,
    )


def _gres(job: Job) -> str | None:
    """``gpu:v100:2``: the GPUs of a node as the site's scheduler calls them."""
    resources = job.resources
    if not resources.gpus:
        return None
    kind = job.site.gpu_types[resources.gpu_type] if resources.gpu_type else "gpu"
    return f"{kind}:{resources.gpus}"


def _interpreter(job: Job) -> str:
    """The site's, else that of the image, else the one that plans."""
    return job.site.python or ("python3" if job.site.container else job.python)


def _launcher(job: Job) -> str:
    """What stands before the interpreter, in the shell's words."""
    words: list[str] = []
    if job.resources.nodes > 1:
        # Workers that stop with a checkpoint end one after the other, so that the first does not end the
        # others; but a worker that failed would have them wait until the limit.
        words += ["srun", "--distribution=block", "--kill-on-bad-exit=0", f"--wait={SHUTDOWN_GRACE_SECONDS}"]
    if job.site.container:
        stage = [Path(job.site.stage_dir)] if Path(job.site.stage_dir).is_absolute() else []
        paths = (job.folder, job.start_folder, *stage)
        binds = [word for path in paths for word in ("--bind", str(path))]
        words += ["apptainer", "exec", *(["--nv"] if job.resources.gpus else []), *binds, job.site.container]
    return f"{shlex.join(words)} \\\n    " if words else ""


def _slurm_quoted(path: str) -> str:
    r"""A path for ``#SBATCH --output``, where ``\`` and ``"`` quote and ``%`` begins a symbol."""
    *folders, name = path.split("/")
    folder = "/".join(folders).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{folder}/{name}"'


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["quote"] = lambda value: shlex.quote(str(value))
    return environment.get_template("job.slurm.j2")
