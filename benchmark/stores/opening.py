"""Open a store: cut scenes into patches on the node's disk, unless they are already there.

A store that an earlier run staged from the same scenes is reused after checking its bytes; an incomplete one
is completed.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.core import locks as file_lock
from benchmark.core.display import Display
from benchmark.core.errors import RunError, SceneError
from benchmark.core.files import reason_of, sync
from benchmark.scenes.scene import short_name
from benchmark.stores.journal import SceneRecord, open_journal, read_journal
from benchmark.stores.patchstore import (
    INPUTS,
    LABELS,
    PatchLayout,
    PatchStore,
    Source,
    source_of,
    store_key,
)
from benchmark.stores.readers import Outcome, Task, check_or_stage_all


@dataclass(frozen=True)
class StagedPart:
    """A store, and what happened during staging."""

    store: PatchStore
    #: Records of the scenes in the store, in its order.
    records: list[SceneRecord]
    #: Number of scenes that were already complete in the store.
    reused: int
    #: Scenes left out, and why.
    skipped: list[tuple[Path, str]]
    #: Files of the scenes in the store, in its order.
    paths: list[Path]


def staged_files(stage_dir: Path) -> list[Path]:
    """Return the files of all stores below ``stage_dir``, whatever their scenes."""
    return [path for name in (INPUTS, LABELS) for path in stage_dir.glob(f"*/{name}")]


def open_or_stage(
    stage_dir: Path,
    part: str,
    paths: Sequence[Path],
    layout: PatchLayout,
    display: Display,
    *,
    skip_bad: bool = False,
) -> StagedPart:
    """Return the store of these scenes below ``stage_dir``, staging what is missing.

    Waits if another process is staging the same store. Raises SceneError for a scene that cannot be used,
    unless ``skip_bad`` leaves it out; RunError if no scene is left or the store cannot be written. Staged
    scenes are kept whatever happens.
    """
    sources = [source_of(path) for path in paths]
    folder = stage_dir / f"{part}-{store_key(layout, sources)[:16]}"
    with _explained(folder), _held(folder, display):
        known = read_journal(folder, [source.path.name for source in sources])
        if not skip_bad:
            known = {slot: record for slot, record in known.items() if not record.skipped}
        _require_room(folder, (len(sources) - len(known)) * layout.scene_bytes)
        reused = _complete(folder, layout, sources, known, display, skip_bad)
    records = [record for _, record in sorted(known.items()) if not record.skipped]
    if not records:
        raise RunError(
            folder,
            found="no scene left to stage",
            expected="at least one readable scene",
            remedy="repair or replace the skipped scenes",
        )
    skipped = [(paths[slot], record.skipped) for slot, record in sorted(known.items()) if record.skipped]
    store = PatchStore(folder, layout.patch, layout.patches, tuple(record.slot for record in records))
    return StagedPart(store, records, reused, skipped, [paths[record.slot] for record in records])


def _complete(
    folder: Path,
    layout: PatchLayout,
    sources: Sequence[Source],
    known: dict[int, SceneRecord],
    display: Display,
    skip_bad: bool,
) -> int:
    """Check or stage every scene that was not left out; record it in the journal and in ``known``.

    Returns how many were already complete.
    """
    for name in (INPUTS, LABELS):
        (folder / name).open("ab").close()
    tasks = [
        Task(folder, layout, slot, source, known.get(slot))
        for slot, source in enumerate(sources)
        if slot not in known or not known[slot].skipped
    ]
    reused = 0
    with (
        open_journal(folder) as append,
        display.bar(f"staging {folder.name}", len(tasks)) as update,
        contextlib.closing(check_or_stage_all(tasks)) as outcomes,
    ):
        sync(folder)  # file names first; their content follows scene by scene
        for done, outcome in enumerate(outcomes, start=1):
            name = sources[outcome.slot].path.name
            if outcome.reused:
                reused += 1
            else:
                if outcome.slot in known:
                    display.warn(f"{folder}: the patches of {name} were damaged, and are staged again")
                known[outcome.slot] = _accepted(outcome, name, skip_bad)
                append(known[outcome.slot])
            update(done, short_name(name))
    return reused


def _accepted(outcome: Outcome, name: str, skip_bad: bool) -> SceneRecord:
    """Return the record of a scene. Raises its SceneError unless the scene may be skipped."""
    if outcome.record:
        return outcome.record
    error = SceneError(**outcome.refusal)
    if not skip_bad:
        raise error
    return SceneRecord(outcome.slot, name, skipped=error.found)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn failures of the store's files into errors that say what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise RunError(
            folder,
            found=reason_of(error),
            expected="room for the staged patches" if full else "a folder for the staged patches",
            remedy=("free some space" if full else "make it writable")
            + ", or choose another place with --stage-dir; what has been staged is kept",
        ) from None


@contextlib.contextmanager
def _held(folder: Path, display: Display) -> Iterator[None]:
    """Create the store if needed and lock it against other processes until the block ends.

    Without file locks, two runs write the same bytes to the same places.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def say() -> None:
        display.say(f"waiting for another run, which stages the same scenes in {folder}")

    with file_lock.held(folder / ".lock", say):
        yield


def _require_room(folder: Path, needed: int) -> None:
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise RunError(
            folder,
            found=f"{free / 1e6:.0f} MB free",
            expected=f"{needed / 1e6:.0f} MB for the patches that are still to be staged",
            remedy="free some space, or choose another place with --stage-dir",
        )
