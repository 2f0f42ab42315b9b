"""Find and show what an experiment keeps but no result needs, and remove it only on request.

Logs, weights.npz, masks, metrics and plots stay, and so does everything an incomplete run needs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.core import locks
from benchmark.core.errors import RunError, os_failure
from benchmark.record.run_folder import RunFolder
from benchmark.sweep.folder import ExperimentFolder, check_submitted, locked
from benchmark.sweep.status import RunStatus
from benchmark.sweep.submit import Sweep, command_line, current_statuses


@dataclass(frozen=True)
class Leftover:
    """A folder that can be removed."""

    path: Path
    bytes: int
    why: str
    #: The run whose folder it is in.
    run: RunFolder


def clean(sweep: Sweep, *, remove: bool) -> int:
    """List what can be removed and, with ``remove``, remove it. Return 1 if something had to stay, else 0."""
    folder, display = sweep.folder, sweep.display
    check_submitted(folder, sweep.experiment, sweep.site.name, command_line(sweep, "submit"))
    with locked(folder) if remove else contextlib.nullcontext():
        found, refused = leftovers(folder, current_statuses(sweep))
        for each in found:
            display.say(f"{_size(each.bytes):>9}  {each.path.relative_to(folder.root)}  ({each.why})")
        if remove:
            refused += [problem for each in found if (problem := _remove(each))]
    for problem in refused:
        display.warn(problem)
    total = _size(sum(each.bytes for each in found))
    if not found:
        display.say("nothing to remove: no complete run keeps what no result needs")
    elif remove:
        display.say(f"{len(found) - len(refused)} of {len(found)} folders removed")
    else:
        display.say(
            f"{total} in all; nothing was removed. To remove it: {command_line(sweep, 'clean')} --yes"
        )
    stores = Path(sweep.site.stage_dir)
    if stores.is_dir():
        display.say(
            f"{_size(_bytes_in(stores))} of staged patches in {stores} stay, as other experiments may use "
            "them; delete them by hand when no run needs them"
        )
    return 1 if refused else 0


def leftovers(folder: ExperimentFolder, statuses: Sequence[RunStatus]) -> tuple[list[Leftover], list[str]]:
    """Return what can be removed, and why something else is kept."""
    found: list[Leftover] = []
    refused: list[str] = []
    for each in statuses:
        for path, why in _unneeded(folder.run(each.run)) if each.state == "complete" else ():
            real = folder.root.resolve() / path.relative_to(folder.root)
            if path.resolve() != real:
                refused.append(f"{path}: reached through a link, and left alone")
            elif size := _bytes_in(path):
                found.append(Leftover(path, size, why, folder.run(each.run)))
    return found, refused


def _unneeded(run: RunFolder) -> Iterator[tuple[Path, str]]:
    """Yield the folders of a complete run that no result needs, and why."""
    if run.checkpoints.exists() and run.weights.is_file():
        yield run.checkpoints, f"the run is complete, and {run.weights.name} has what predicts"
    if run.tensorboard.exists() and run.metrics.is_file():
        yield run.tensorboard, f"{run.metrics.name} has the same numbers"


def _remove(leftover: Leftover) -> str | None:
    """Remove a folder, or return why it must stay. Links in it go, but not their targets. Raises RunError."""
    path = leftover.path
    try:
        # a run locks its folder to the end, even while it draws its plots after the log is complete
        descriptor = locks.take(leftover.run.lock)
        if descriptor is None:
            return f"{path}: its run is still active, so it is kept"
        try:
            shutil.rmtree(path)
        finally:
            os.close(descriptor)
    except OSError as error:
        remedy = "look at its permissions, and clean again"
        raise os_failure(
            RunError, error, path, expected="a folder that can be removed", remedy=remedy
        ) from None
    return None


def _bytes_in(folder: Path) -> int:
    """Return the bytes of all files below a folder; links are not followed."""
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(folder)
        for name in names
        if os.path.lexists(os.path.join(parent, name))
    )


def _size(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
