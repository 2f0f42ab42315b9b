"""Publish a bundle: write it aside on the same file system and rename it after it has passed.

Until the renames, the output folder is unchanged whatever happens. An existing bundle is
moved aside, and back if anything fails.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.core import locks
from benchmark.core.errors import SubmissionError, os_failure
from submission.bundle.archive import manifest_text, masks_path, sign, signature_path, write_archive
from submission.bundle.layout import BundleLayout

PREFIX = ".staging-"
ASIDE = "aside"


class OutputError(SubmissionError):
    """The output folder cannot take the bundle."""


@dataclass(frozen=True)
class Staging:
    """A temporary folder in ``output``; the bundle is built in its subfolder ``bundle``."""

    output: Path
    folder: Path
    bundle: Path


@dataclass(frozen=True)
class Published:
    """A published bundle; ``note`` says what happened to an earlier one."""

    bundle: Path
    archive: Path
    sha256: str
    note: str


@contextlib.contextmanager
def staging(output: Path, bundle_name: str) -> Iterator[Staging]:
    """Yield a folder to build a bundle in, and always remove it at the end of the block.

    Only one process at a time works in an output folder; remains of killed processes are removed.
    Raises OutputError, also for file system errors inside the block.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        with locks.alone(output, _busy(output)):
            for left in output.glob(f"{PREFIX}*"):
                shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=output))
            try:
                bundle = folder / bundle_name
                bundle.mkdir()
                yield Staging(output, folder, bundle)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise _output_error(output, error) from error


def publish(stage: Staging, layout: BundleLayout, *, time: int, key: Path | None = None) -> Published:
    """Pack the bundle and move it, its archive, the archive of its masks and their sha256 into place.

    ``key`` is the SSH key that signs the manifest; the signature is put next to them.
    """
    name = layout.name.folder
    archive = stage.folder / f"{name}.tar.gz"
    sha256 = write_archive(stage.bundle, archive, name=name, time=time)
    made = [stage.bundle, archive, archive.with_name(f"{archive.name}.sha256")]
    if (masks := masks_path(stage.bundle)).exists():
        made += [masks, masks.with_name(f"{masks.name}.sha256")]
    signature = signature_path(stage.bundle)
    if key is not None:
        sign(layout.manifest, key, signature)
        made.append(signature)
    places = [stage.output / each.name for each in made]
    same = places[0].is_dir() and manifest_text(places[0]) == manifest_text(stage.bundle)
    # Signature and masks stay with their bundle: in place if the manifest is the same, else aside.
    others = [
        stage.output / each.name for each in (signature, masks, masks.with_name(f"{masks.name}.sha256"))
    ]
    earlier = places if same else list(dict.fromkeys([*places, *others]))
    before = [place for place in earlier if os.path.lexists(place)]

    aside = _free_name(stage.output / ASIDE, name)
    moves = [(place, aside / place.name) for place in before]
    moves += list(zip(made, places, strict=True))
    if before:
        aside.mkdir(parents=True)
    try:
        _rename_all(moves)
        if same:
            shutil.rmtree(aside)
    finally:
        for empty in (aside, aside.parent):
            with contextlib.suppress(OSError):
                empty.rmdir()  # only if nothing is kept in it
    if same:
        note = f"The bundle that was in {stage.output} had the same files; it was replaced."
    elif before:
        note = f"The bundle that was in {stage.output} was moved to {aside}."
    else:
        note = f"Written to {stage.output}."
    return Published(places[0], places[1], sha256, note)


def _rename_all(moves: list[tuple[Path, Path]]) -> None:
    """Rename one after the other; if one fails, undo those before it."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise


def _free_name(folder: Path, name: str) -> Path:
    number = 1
    while os.path.lexists(folder / f"{name}-{number}"):
        number += 1
    return folder / f"{name}-{number}"


def _busy(output: Path) -> OutputError:
    return OutputError(
        output,
        found="another packager at work in it",
        expected="one at a time",
        remedy="wait until it has finished, or choose another folder with --output",
    )


def _output_error(output: Path, error: OSError) -> OutputError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free some space" if full else "make the folder writable"
    return os_failure(
        OutputError,
        error,
        output,
        expected="room for the bundle and its archive" if full else "a folder that can be written",
        remedy=f"{remedy}, or choose another with --output; what was there before is as it was",
    )
