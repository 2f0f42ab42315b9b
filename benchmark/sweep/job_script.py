"""Render Slurm's batch files by a pure function: the same job gives the same text."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path

import jinja2

from benchmark.core.interruption import EXIT_RESUMABLE
from benchmark.record.code.provenance import VARIABLE
from benchmark.sweep.site import VARIABLE_IN_TEXT, Resources, Site

TEMPLATES = Path(__file__).parent / "templates"

#: Time before its limit at which Slurm warns a job: enough for a step and a checkpoint.
WARNING_SECONDS = 300

#: Time after the first of several workers has ended until Slurm ends the others; the chief, which also scores
#: the baselines and draws the plots, needs minutes.
SHUTDOWN_GRACE_SECONDS = 900


#: Most times a job is put back into the queue: weeks of jobs of a few hours.
MOST_RESTARTS = 200


@dataclass(frozen=True)
class Job:
    """The contents of a job script about an experiment; all paths are absolute."""

    #: Name of the job, unique to this submission.
    name: str
    experiment: str
    #: The experiment's folder, with its runs, their list and their output files.
    folder: Path
    #: Folder in which the runs start; relative paths in their configurations refer to it.
    start_folder: Path
    #: Folder with the benchmark's code.
    code: Path
    #: The interpreter, if the site does not name one.
    python: str
    site: Site
    resources: Resources
    at_once: int | None = None
    #: Command-line words for its runs.
    options: tuple[str, ...] = ()
    #: Most runs of one array, a power of ten: an array's task numbers are below it.
    block: int = 1000
    #: Whether the experiment's folder has the text and the list of the commit.
    keeps_commit: bool = False


def render_array(job: Job, indices: Iterable[int]) -> str:
    """Return the script of a job array: one task for each run with these numbers, all from one block."""
    numbers = sorted(indices)
    first = first_of_block(numbers[0], job.block)
    array = ranges(number - first for number in numbers) + (f"%{job.at_once}" if job.at_once else "")
    return _render(job, array, first, None)


def first_of_block(index: int, block: int) -> int:
    """Return the number of the run that is task 0 of the array that contains a run."""
    return index // block * block


def render_run(job: Job, index: int, run: str) -> str:
    """Return the script of one run, an array of one task."""
    first = first_of_block(index, job.block)
    return _render(replace(job, name=f"{job.name}-run-{index}"), str(index - first), first, run)


def command(job: Job, run: str) -> list[str]:
    """Return the program and arguments that start or resume a run, as in the scripts."""
    runs = str(job.folder / "runs")
    program = [_interpreter(job), "-m", "benchmark.run"]
    folders = ["--output", runs, "--stage-dir", job.site.stage_dir]
    return [*program, "--config", f"{runs}/{run}/config.yaml", *folders, *job.options, "--resume"]


def environment(job: Job) -> dict[str, str]:
    """Return the variables of a run; the threads are fixed, as their number affects the last bits of sums."""
    threads = {"TF_NUM_INTRAOP_THREADS": str(job.resources.cores)}
    return threads | job.site.environment


def ranges(indices: Iterable[int]) -> str:
    """Format ``0, 1, 2, 5`` as ``0-2,5``."""
    ordered = sorted(indices)
    groups = (
        [index for _, index in group]
        for _, group in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0])
    )
    return ",".join(f"{group[0]}-{group[-1]}" if len(group) > 1 else f"{group[0]}" for group in groups)


def _render(job: Job, array: str, first: int, run: str | None) -> str:
    minutes = math.ceil(job.resources.hours * 60)
    return _template().render(
        job=job,
        array=array,
        first=first,
        sbatch=[_option(name, value) for name, value in job.site.sbatch.items()],
        run=run and shlex.quote(run),
        gres=_gres(job),
        time=f"{minutes // 60}:{minutes % 60:02}:00",
        warning=min(WARNING_SECONDS, minutes * 30),
        output=_slurm_quoted(f"{job.folder}/output/{_output(first, job.block)}.txt"),
        stage_dir=_shell_text(job.site.stage_dir),
        options="".join(f"{word} " for word in job.options),
        commit_variable=VARIABLE,
        launcher=_launcher(job),
        python=_interpreter(job),
        environment=environment(job),
        try_again=EXIT_RESUMABLE,
        most_restarts=MOST_RESTARTS,
    )


def _output(first: int, block: int) -> str:
    """Return the number of a task's run, in Slurm's symbols: ``%a``, or ``2%3a`` for the runs from 2000."""
    digits = len(str(block)) - 1
    if not digits:
        return str(first)
    return f"{first // block}%{digits}a" if first else "%a"


def _option(name: str, value: object) -> str:
    """Return one line of the site's own options."""
    if value is True:
        return f"--{name}"
    text = str(value)
    quoted = text if re.fullmatch(r"[\w.,:;=/@%+&|()\[\]*-]+", text) else _slurm_words(text)
    return f"--{name}={quoted}"


def _shell_text(text: str) -> str:
    """Quote a text for the shell; ``${NAME}`` in it is a variable that must be set on the node."""
    if not VARIABLE_IN_TEXT.search(text):
        return shlex.quote(text)
    escaped = re.sub(r'[\\"`$]', lambda match: "\\" + match[0], text)
    return '"' + re.sub(r"\\\$\{(\w+)\}", r"${\1:?is not set on this node}", escaped) + '"'


def _gres(job: Job) -> str | None:
    """Return ``gpu:v100:2``: the GPUs of a node as the site's scheduler calls them."""
    resources = job.resources
    if not resources.gpus:
        return None
    kind = job.site.gpu_types[resources.gpu_type] if resources.gpu_type else "gpu"
    return f"{kind}:{resources.gpus}"


def _interpreter(job: Job) -> str:
    """Return the site's interpreter, else that of the image, else the one that is planning."""
    return job.site.python or ("python3" if job.site.container else job.python)


def _launcher(job: Job) -> str:
    """Return what comes before the interpreter, in the shell's words."""
    words: list[str] = []
    if job.resources.nodes > 1:
        # Workers that stop with a checkpoint end one after another, so the first must not end the others; but
        # after a failed worker the others would wait until the limit.
        words += ["srun", "--distribution=block", "--kill-on-bad-exit=0", f"--wait={SHUTDOWN_GRACE_SECONDS}"]
    if job.site.container:
        is_bound = job.site.stage_dir.startswith(("/", "${"))
        paths = (job.folder, job.start_folder)
        binds = [word for path in paths for word in ("--bind", str(path))]
        words += ["apptainer", "exec", *(["--nv"] if job.resources.gpus else []), *binds]
        stage = f" --bind {_shell_text(job.site.stage_dir)}" if is_bound else ""
        return f"{shlex.join(words)}{stage} {shlex.quote(job.site.container)} \\\n    "
    return f"{shlex.join(words)} \\\n    " if words else ""


def _slurm_quoted(path: str) -> str:
    r"""Quote a path for ``#SBATCH --output``, where ``\`` and ``"`` quote and ``%`` begins a symbol."""
    folder, _, name = path.rpartition("/")
    return _slurm_words(f"{folder}/").replace("%", "%%").removesuffix('"') + f'{name}"'


def _slurm_words(text: str) -> str:
    """Quote a text as one word of a line ``#SBATCH``."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
