"""The embedded dataset on disk: synthetic scenes in the format of the SLSTR dataset.

``ROOT/training`` and ``ROOT/inference`` hold ``day/`` and ``night/`` with one HDF5 file per scene.
``ROOT/dataset.json`` describes a complete dataset; it does not exist while scenes are being made. Until then
``dataset.json.part`` lists the finished ones, so that an interrupted command resumes where it stopped. Each
file is written under another name and renamed. One process makes scenes at a time (a lock on ``ROOT/.lock``);
others wait and then reuse them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from benchmark.core import locks
from benchmark.core.errors import SceneError, os_failure
from benchmark.core.files import write_text
from benchmark.scenes.geometry import FULL_SHAPE
from benchmark.synthesis.file import FIRST_INFERENCE_INDEX
from benchmark.synthesis.manifest import MANIFEST, DatasetManifest, Settings, is_intact, read_manifest
from benchmark.synthesis.random_fields import Shape
from benchmark.synthesis.scene import SMALLEST_SIDE
from benchmark.synthesis.workers import make_files

#: How often to write the list of finished scenes while scenes are being made.
SAVE_SECONDS = 0.5

OnProgress = Callable[[int, int], None]
Notice = Callable[[str], None]


def ensure_dataset(
    root: Path,
    *,
    seed: int,
    training_scenes: int,
    inference_scenes: int,
    shape: Shape = FULL_SHAPE,
    jobs: int | None = None,
    verify: bool = False,
    replace: bool = False,
    on_progress: OnProgress | None = None,
    on_notice: Notice | None = None,
) -> DatasetManifest:
    """Make or complete the dataset below ``root``, or find it complete; return its manifest.

    An existing dataset is checked by each file's size and a digest of eight blocks spread from its first to
    its last byte. This takes milliseconds and finds files that are missing, cut short, emptied or rewritten,
    but not a few bytes changed between the blocks. ``verify=True`` compares the sha256 of every byte. A file
    that fails is made again. Larger counts add scenes and leave the others alone. ``replace=True`` first
    discards a dataset with other settings.

    ``on_progress(done, total)`` is called as scenes are finished; ``on_notice(text)`` receives reports
    (printed to standard error by default). ``jobs``: most processes to use (default: the processors of this
    process).

    Raises SceneError: bad arguments, other settings, foreign files, no space, an unwritable folder.
    """
    wish = DatasetManifest(Settings(seed, *shape), training_scenes, inference_scenes, {})
    _check_wish(root, wish, jobs)
    notice = on_notice or (lambda text: print(text, file=sys.stderr))
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root, notice):
            if replace:
                _discard(root)
            return _complete(root, wish, jobs, verify, on_progress, notice)
    except OSError as error:
        raise _disk_error(root, error) from error


def _check_wish(root: Path, wish: DatasetManifest, jobs: int | None) -> None:
    settings, counts = wish.settings, (wish.training_scenes, wish.inference_scenes)
    problems: list[tuple[str, object, str]] = []
    if settings.seed < 0:
        problems.append(("seed", settings.seed, "0 or more"))
    problems += [
        (name, count, f"0 to {FIRST_INFERENCE_INDEX}")
        for name, count in zip(("training scenes", "inference scenes"), counts, strict=True)
        if not 0 <= count <= FIRST_INFERENCE_INDEX
    ]
    if min(settings.rows, settings.columns) < SMALLEST_SIDE:
        problems.append(("shape", f"{settings.rows} x {settings.columns}", f"{SMALLEST_SIDE} or more each"))
    if jobs is not None and jobs < 1:
        problems.append(("jobs", jobs, "1 or more"))
    if problems:
        raise SceneError(
            root,
            found=", ".join(f"{name} {value}" for name, value, _ in problems),
            expected=", ".join(f"{name} {expected}" for name, _, expected in problems),
            remedy="change the numbers",
        )


@contextlib.contextmanager
def _locked(root: Path, notice: Notice) -> Iterator[None]:
    """Hold the dataset's lock; a complete dataset on a read-only disk needs none."""
    waiting = f"{root}: another process is making this dataset; waiting for it"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.held(root / ".lock", lambda: notice(waiting)))
        except OSError as error:
            read_only = error.errno in (errno.EACCES, errno.EROFS, errno.EPERM)
            if not (read_only and (root / MANIFEST).exists()):
                raise
        yield


def _discard(root: Path) -> None:
    """Remove a synthetic dataset: its manifest first, then its scenes, and nothing else."""
    for name in (MANIFEST, f"{MANIFEST}.part"):
        (root / name).unlink(missing_ok=True)
    for path in _scene_files(root):
        if "_SYN_" in path.name:
            path.unlink()


def _scene_files(root: Path) -> list[Path]:
    return [path for split in ("training", "inference") for path in sorted((root / split).rglob("S3A*.hdf"))]


def _complete(
    root: Path,
    wish: DatasetManifest,
    jobs: int | None,
    verify: bool,
    on_progress: OnProgress | None,
    notice: Notice,
) -> DatasetManifest:
    whole, unfinished = root / MANIFEST, root / f"{MANIFEST}.part"
    complete = read_manifest(whole)
    held = complete or read_manifest(unfinished)
    if held is not None:
        _check_same(root, held, wish, unfinished=complete is None)
    elif whole.exists():
        notice(f"{whole}: not readable as the list of a dataset; making the scenes again")
    wanted = wish.wanted()
    foreign = {path.relative_to(root).as_posix() for path in _scene_files(root)} - set(wanted)
    if foreign:
        raise SceneError(
            root,
            found=f"{len(foreign)} scene files of something else, such as {min(foreign)}",
            expected=f"the {len(wanted)} scenes of this dataset only",
            remedy="choose another folder (--output) or move these files away",
        )
    if held is not None:
        for name in sorted(wanted.keys() & held.files.keys()):
            if is_intact(root / name, held.files[name], verify):
                wish.files[name] = held.files[name]
            elif complete is not None:
                state = "damaged" if (root / name).exists() else "missing"
                notice(f"{root / name}: {state}; making it again")
    missing = {name: index for name, index in wanted.items() if name not in wish.files}
    if complete is not None and complete.files == wish.files and not missing:
        return wish

    # From here on the dataset is unfinished, and the folder says so.
    if whole.exists():
        os.replace(whole, unfinished)
    for stale in [path for split in ("training", "inference") for path in (root / split).rglob(".part-*")]:
        stale.unlink(missing_ok=True)
    write_text(unfinished, wish.to_json())
    saved = time.monotonic()
    with contextlib.closing(make_files(root, missing, wish.settings, jobs)) as finished:
        for done, (name, record) in enumerate(finished, start=1):
            wish.files[name] = record
            if time.monotonic() - saved > SAVE_SECONDS:
                write_text(unfinished, wish.to_json())
                saved = time.monotonic()
            if on_progress is not None:
                on_progress(done, len(missing))
    write_text(whole, wish.to_json())
    unfinished.unlink()
    return wish


def _check_same(root: Path, held: DatasetManifest, wish: DatasetManifest, *, unfinished: bool) -> None:
    have, want = asdict(held.settings), asdict(wish.settings)
    differing = [key for key in have if have[key] != want[key]]
    for key in ("training_scenes", "inference_scenes"):
        have[key], want[key] = getattr(held, key), getattr(wish, key)
        if have[key] > want[key]:
            differing.append(key)
    if differing:
        raise SceneError(
            root,
            found=f"{'an unfinished' if unfinished else 'a'} dataset with "
            + ", ".join(f"{key} {have[key]}" for key in differing),
            expected=", ".join(f"{key} {want[key]}" for key in differing),
            remedy="choose another folder (--output), or discard this dataset and make it again: "
            f"python -m benchmark.synthesis --output {root} --replace …",
        )


def _disk_error(root: Path, error: OSError) -> SceneError:
    expected, remedy = "a writable folder", "choose another folder or fix its permissions"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        expected = "room for about 68 MB a day scene and 25 MB a night scene"
        remedy = "free space or choose another folder, then repeat: finished scenes are kept"
    return os_failure(SceneError, error, root, expected=expected, remedy=remedy)
