"""Readers: threads and processes that check or stage the scenes of a store."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from benchmark.core.errors import RunError, SceneError
from benchmark.core.interruption import SIGNALS
from benchmark.core.processes import worker_pool
from benchmark.stores.journal import SceneRecord
from benchmark.stores.patchstore import PatchLayout, Source, stored_digest, write_scene

#: More readers than this wait for the disk, not for each other.
MOST_READERS = 8
#: Fewer pixels than this do not justify another reader.
PIXELS_PER_READER = 4_000_000


class Task(NamedTuple):
    """A scene to check if its record is known, else to stage."""

    folder: Path
    layout: PatchLayout
    slot: int
    source: Source
    known: SceneRecord | None


class Outcome(NamedTuple):
    """A record, reused or new, or the fields of the SceneError that rejected the scene."""

    slot: int
    record: SceneRecord | None
    reused: bool
    refusal: dict[str, str]


def check_or_stage_all(tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
    """Yield the outcome of each scene as it finishes; several scenes run at a time if that pays off.

    Raises RunError if a reader process was killed; OSError if the files cannot be read or written.
    """
    pixels = sum(math.prod(task.layout.shape) for task in tasks)
    useful = min(len(tasks), math.ceil(pixels / PIXELS_PER_READER))
    readers = min(useful, len(os.sched_getaffinity(0)), MOST_READERS)
    if readers <= 1:
        yield from map(_check_or_stage, tasks)
        return
    with _readers(readers, all(task.known for task in tasks)) as pool:
        futures = [pool.submit(_check_or_stage, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            for reader in multiprocessing.active_children():
                reader.kill()  # they ignore SIGTERM, so the pool would wait for them
            raise RunError(
                tasks[0].folder,
                found="a reader process ended before its scene was staged",
                expected=f"memory for {readers} scenes at a time (about 0.3 GB each)",
                remedy="give the run more memory or fewer cores; what has been staged is kept",
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _readers(count: int, only_check: bool) -> Executor:
    """Return threads to check a store, processes to read scenes: HDF5 reads in one thread per process."""
    if only_check:
        return ThreadPoolExecutor(count)
    return worker_pool(count, SIGNALS)


def _check_or_stage(task: Task) -> Outcome:
    """Check the extents of a known scene; stage it if they have changed or it is unknown."""
    folder, layout, slot, source, known = task
    if known and known.sha256 == stored_digest(folder, layout, slot):
        return Outcome(slot, known, True, {})
    try:
        return Outcome(slot, write_scene(folder, layout, slot, source), False, {})
    except SceneError as error:
        return Outcome(slot, None, False, vars(error))
