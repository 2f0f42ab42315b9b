"""Rules on job.slurm: the batch file of a run that is part of an experiment."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.subjects.evidence.evidence import JOB, Evidence
from compliance.wording import count, excerpt

#: Lines that benchmark/sweep/templates/job.slurm.j2 writes. A batch file without the first is the user's own.
_OURS = re.compile(r"^# (One run|The runs) of the experiment \S", re.MULTILINE)
_RUN = re.compile(r"^run=(?P<run>\S+-seed-(?P<seed>\d{1,10}))$", re.MULTILINE)
_NODES = re.compile(r"^#SBATCH --nodes=(\d{1,6})$", re.MULTILINE)
_GPUS = re.compile(r"^#SBATCH --gres=gpu:(?:[^:\s]+:)?(\d{1,4})$", re.MULTILINE)


@folder_rule(
    "job-script",
    clause="house",
    expected="the seed, the nodes and at least the accelerators of the log",
    remedy=RECORDS,
)
def job_script(evidence: Evidence) -> Iterator[Problem]:
    """The batch file next to a log must be the one that the run was started with. What it requests from
    Slurm is what the run had; a single run's file names the run and its seed."""
    text, log, path = evidence.job, evidence.log, evidence.shown(JOB)
    if text is None or not _OURS.search(text):
        return
    run, nodes, gpus = _RUN.search(text), _NODES.search(text), _GPUS.search(text)
    seed, logged = log.integer("seed"), log.integer("number_of_nodes")
    used = log.integer("accelerators_per_node")
    if run and seed is not None and int(run["seed"]) != seed:
        yield problem(
            f"run {excerpt(run['run'])}", _line(text, run), f"seed {seed}, as the log has", path=path
        )
    if nodes and logged is not None and int(nodes[1]) != logged:
        found, expected = count(int(nodes[1]), "node"), f"{logged}, as the log has"
        yield problem(found, _line(text, nodes), expected, path=path)
    if gpus and used is not None and int(gpus[1]) < used:
        found, expected = count(int(gpus[1]), "accelerator"), f"{used} or more, as the log has"
        yield problem(found, _line(text, gpus), expected, path=path)


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1
