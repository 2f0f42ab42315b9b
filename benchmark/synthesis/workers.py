"""Make the scene files of a synthetic dataset, in separate processes if that pays off."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from benchmark.core.errors import SceneError
from benchmark.core.processes import worker_pool
from benchmark.synthesis.file import write_scene
from benchmark.synthesis.manifest import Record, Settings, quick_digest
from benchmark.synthesis.scene import make_scene

#: Fewer pixels than this do not justify another worker process.
PIXELS_PER_WORKER = 4_000_000


def _make_file(root: Path, name: str, index: int, settings: Settings) -> tuple[str, Record]:
    """Make one scene's file and describe it."""
    shape = (settings.rows, settings.columns)
    scene = make_scene(settings.seed, index, shape)
    image = write_scene(root / name, scene)
    return name, Record(
        index=index,
        bytes=len(image),
        sha256=hashlib.sha256(image).hexdigest(),
        quick=quick_digest(len(image), lambda offset, n: image[offset : offset + n]),
        cloud=round(float((scene.bayes > 0).mean()), 6),
        true_cloud=round(float(scene.truth.mean()), 6),
    )


def make_files(
    root: Path, missing: dict[str, int], settings: Settings, jobs: int | None
) -> Generator[tuple[str, Record], None, None]:
    """Make the missing files (path below ``root`` -> scene index) and yield each when it is finished."""
    pixels = len(missing) * settings.rows * settings.columns
    workers = min(jobs or len(os.sched_getaffinity(0)), len(missing), math.ceil(pixels / PIXELS_PER_WORKER))
    if workers <= 1:
        for name, index in missing.items():
            yield _make_file(root, name, index, settings)
        return
    with _single_threaded_children(), worker_pool(workers, [signal.SIGINT]) as pool:
        futures = [pool.submit(_make_file, root, name, index, settings) for name, index in missing.items()]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise SceneError(
                root,
                found="a worker process ended before its scene was finished",
                expected=f"memory for {workers} scenes at a time (about 0.4 GB each)",
                remedy="repeat with --jobs 1: finished scenes are kept",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Give processes started inside one thread per numerical library: the scenes are the parallelism."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
