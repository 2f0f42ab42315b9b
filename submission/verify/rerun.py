"""Repeat a run of the bundle and compare it with the run's log.

The verifier's own program repeats it, or the commit from the verifier's own checkout. The bundle's
scripts and code run only on request, since the submitter wrote them.

On a machine like the original, a run is repeated bit for bit: the weights, and every loss and
accuracy in the log. On another machine rounding differs, and so does the course of the training;
there the score must agree within ``TOLERANCE``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmark import ROOT
from benchmark.core.errors import SubmissionError
from benchmark.core.escaping import tell
from benchmark.core.files import read_text, write_aside
from benchmark.record.code.commit import CommitDefect, CommitFiles, read_listing
from benchmark.record.code.provenance import VARIABLE, differing_files
from benchmark.record.run_folder import RunFolder
from compliance.finding import Finding
from compliance.registry import OWN
from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from submission.bundle.layout import INIT_DATASETS, RUN_AND_TIME, RUN_CONFIG, SETUP
from submission.bundle.reading import Bundle
from submission.bundle.repository import export_code, find_commit
from submission.runs.runs import CheckedRun
from submission.verify.work import (
    WORK,
    RepeatError,
    differing_parts,
    execute,
    fetch_scenes,
    runs_of,
    with_data,
    work_folder,
)

#: Test accuracies of one seed on two kinds of machine differ as much as those of two seeds on one.
#: Five published runs of the benchmark are within 0.012 (the paper's Table 3), ours within 0.01.
TOLERANCE = 0.02

#: Events that must be equal in a repeated run, to the last bit.
EXACT = (
    *("train_loss", "train_accuracy", "eval_loss", "eval_accuracy"),
    *("scene_accuracy", "test_accuracy", "baseline_accuracy"),
)

#: Environment variables that a program needs; none of them affects which code Python imports.
KEPT = (
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
    *("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"),
)


def rerun(
    bundle: Bundle, seed: int, *, data: Path | None = None, checkout: Path = Path()
) -> tuple[str, list[Finding]]:
    """Repeat the run of ``seed`` with trusted code; return how it was compared, and what differs.

    ``data`` is a folder with the scenes, if they are available; ``checkout`` is a clone that may have the
    commit. Raises RepeatError if the run cannot be repeated.
    """
    ((number, run),) = runs_of(bundle, seed, "--rerun")
    if run.config.method.name.endswith(".py"):
        raise RepeatError(
            f"--rerun {seed}",
            found=f"a method that is a file of the bundle ({run.config.method.name})",
            expected="a method of the program, whose code is not the submitter's",
            remedy=f"read the file; to execute it, repeat the run with --rerun-bundled {seed}",
        )
    with work_folder() as work:
        code = trusted_code(bundle, work, checkout)
        config = with_data(run.config, data, work)
        root = Path(config.data.training).parent
        if config.data.synthetic is None and data is None:
            fetch_scenes(root)
        arguments = [
            *("--config", str((bundle.layout.science / RUN_CONFIG).resolve())),
            *("--seed", str(seed), "--output", "logs", "--force"),
            *("--set", f"data.training={json.dumps(config.data.training)}"),
            *("--set", f"data.inference={json.dumps(config.data.inference)}"),
        ]
        command = [sys.executable, "-m", "benchmark.run", *arguments]
        execute(command, work, _environment(bundle) | _python(code), f"python -m benchmark.run --seed {seed}")
        return _compare_repeated(bundle, number, run, work)


def rerun_bundled(bundle: Bundle, seed: int) -> tuple[str, list[Finding]]:
    """Repeat the run of ``seed`` with the bundle's scripts, code and packages.

    This executes the submitter's code. Raises RepeatError.
    """
    ((number, run),) = runs_of(bundle, seed, "--rerun-bundled")
    with work_folder() as work:
        environment = _environment(bundle) | {WORK: str(work)} | _named("PYTHON")
        for script, *arguments in ((SETUP,), (INIT_DATASETS,), (RUN_AND_TIME, str(seed))):
            path = (bundle.layout.science / script).resolve()
            execute([path, *arguments], work, environment, " ".join([script, *arguments]))
        return _compare_repeated(bundle, number, run, work)


def trusted_code(bundle: Bundle, work: Path, checkout: Path) -> Path:
    """Return a folder with the code of the bundle's commit, not taken from the bundle.

    This is the folder of this program if its files are those of the commit, otherwise an export from
    ``checkout``. Raises RepeatError if neither has the commit.
    """
    differing = differing_from(bundle)
    if not differing:
        _say_code(f"this program, whose files are those of commit {bundle.commit.sha[:12]}")
        return ROOT
    try:
        commit = find_commit(checkout, bundle.commit.sha, clean=False)
    except SubmissionError as error:
        raise RepeatError(
            bundle.commit.sha,
            found=f"this program differs from that commit ({differing[0]}), and the checkout has it not: "
            f"{error.found}",
            expected="the code of the commit, from elsewhere than the bundle",
            remedy="clone the repository, check out the commit and verify there; or execute the bundle's own "
            "code with --rerun-bundled",
        ) from None
    code = work / f"code-{commit.sha}"
    if not code.exists():
        with write_aside(code) as part:
            shutil.rmtree(part, ignore_errors=True)  # left by a command that was killed
            export_code(commit, part)
    _say_code(f"commit {commit.sha[:12]} of the checkout {commit.root}")
    return code


def _say_code(text: str) -> None:
    tell(f"{'code:':17} {text}")


def differing_from(bundle: Bundle) -> list[str]:
    """Return the files of the benchmark that differ between this program and the bundle's commit."""
    layout = bundle.layout
    listing = layout.commit_listing.relative_to(layout.root).as_posix()
    try:
        commit = CommitFiles(bundle.commit.sha, read_listing(bundle.tree.text(listing) or ""))
    except CommitDefect:  # the checker reports it
        return [listing]
    return differing_files(commit, ("benchmark",))


def _environment(bundle: Bundle) -> dict[str, str]:
    """Return the variables to keep, and where the code, which is not a checkout, finds its commit."""
    kept = {name: value for name in KEPT for name, value in _named(name).items()}
    return kept | {VARIABLE: str(bundle.layout.commit_text.parent.resolve())}


def _named(name: str) -> dict[str, str]:
    return {name: os.environ[name]} if name in os.environ else {}


def _python(code: Path) -> dict[str, str]:
    """Return variables that let Python import the code and this interpreter's packages, nothing else."""
    return {
        "PYTHONPATH": str(code),
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _compare_repeated(bundle: Bundle, number: int, run: CheckedRun, work: Path) -> tuple[str, list[Finding]]:
    folder = RunFolder(work / "logs" / f"{bundle.runs.config.series}-seed-{run.seed}")
    try:
        log, system = read_log(folder.log), json.loads(read_text(folder.system))
    except (OSError, ValueError) as error:
        raise RepeatError(
            folder.root,
            found=str(error),
            expected="the log and the system.json of the repeated run",
            remedy=f"see what the program said above; {WORK}=DIR keeps the folder that it works in",
        ) from None
    log_path = bundle.layout.results(number)[0].relative_to(bundle.layout.root)
    return compare(run, log, system, Path(bundle.tree.shown(log_path)))


def compare(run: CheckedRun, log: Log, system: Mapping[str, Any], path: Path) -> tuple[str, list[Finding]]:
    """Compare a run with its repetition's log and system.json; return how it was done, and what differs.

    ``path`` is the submitted log.
    """
    if differing := differing_parts(run.system, system):
        said = f"within {TOLERANCE}: another node than the submitted run's ({', '.join(differing)})"
        return said, list(_compare_score(run, log, path))
    return "bit for bit: the node is like the submitted run's", list(_compare_bits(run, log, path))


def _compare_score(run: CheckedRun, log: Log, path: Path) -> Iterator[Finding]:
    again = log.number("test_accuracy")
    if again is None or abs(again - run.test_accuracy) > TOLERANCE:
        found = "no test accuracy" if again is None else f"{again:.4f} when repeated"
        yield _not_repeated(path, found, f"{run.test_accuracy:.4f} within {TOLERANCE}")


def _compare_bits(run: CheckedRun, log: Log, path: Path) -> Iterator[Finding]:
    """Yield a finding for the first different value of each event, and for different weights."""
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
