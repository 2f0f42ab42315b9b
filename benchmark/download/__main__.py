"""python -m benchmark.download: fetch the real scenes from their public bucket.

After an interruption the same command resumes. Exit 0: all complete, 1: something is missing, 2: it could not
begin.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.core import locks
from benchmark.core.display import Display
from benchmark.core.errors import os_failure
from benchmark.core.files import names_digest
from benchmark.core.interruption import Interrupted, Interruption
from benchmark.download.file import Read, bytes_held
from benchmark.download.manifest import (
    MANIFEST,
    DownloadManifest,
    is_there,
    read_manifest,
    verify,
    with_listed,
    write_manifest,
)
from benchmark.download.source import ENDPOINT, PREFIXES, RETRY_HINT, DownloadError, RemoteFile
from benchmark.download.workers import obtain_all


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    splits = list(PREFIXES) if options.split is None else [options.split]
    display = Display()
    begun = False
    Interruption().install()
    try:
        if options.verify:
            return _verify(options.dest, splits, display)
        options.dest.mkdir(parents=True, exist_ok=True)
        with locks.alone(options.dest / ".download.lock", _busy(options.dest)):
            # late: help and verification start without the client
            from benchmark.download.bucket import connect, list_split, read_object

            client = connect(options.endpoint, options.jobs)
            listed: list[RemoteFile] = []
            for split in splits:
                files, invalid = list_split(client, split)
                if invalid:
                    example = f"such as {invalid[0]!r}"
                    display.warn(f"skipped {len(invalid)} object names that are not valid paths, {example}")
                listed += files[: options.limit]
            entries = _plan(options.dest, listed)
            begun = True
            return _fetch(functools.partial(read_object, client), options, listed, entries, display)
    except (DownloadError, OSError) as error:
        print(f"error: {_explain(error, options.dest)}", file=sys.stderr)
        return 1 if begun else 2
    except Interrupted as error:
        print(f"stopped ({error}); what has arrived is kept: {RETRY_HINT}", file=sys.stderr)
        return 128 + error.number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.download",
        description="Fetch the Sentinel-3 SLSTR scenes (970 for training, 100 for inference; 180 GB) from "
        "their public bucket, without an account. Resumes where it was interrupted.",
        epilog="Exit status: 0 all there, 1 something is missing or differs, 2 it could not begin.",
    )
    add = parser.add_argument
    add("--split", choices=tuple(PREFIXES), help="only this part of the dataset (default: both)")
    add("--dest", type=Path, default=Path("data/cloud_slstr_ds1"), metavar="DIR", help="folder (%(default)s)")
    add("--limit", type=_at_least_one, metavar="N", help="at most the first N scenes of a split")
    add("--jobs", type=_at_least_one, default=4, metavar="N", help="files at the same time (%(default)s)")
    add("--endpoint", default=ENDPOINT, metavar="URL", help="server with the bucket (%(default)s)")
    add("--verify", action="store_true", help="fetch nothing; compare every byte on disk, without network")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of 1 or more")
    return int(text)


def _verify(root: Path, splits: Sequence[str], display: Display) -> int:
    listed = (read_manifest(root) or {}).items()
    entries = {path: entry for path, entry in listed if path.partition("/")[0] in splits}
    if not entries:
        raise DownloadError(
            root / MANIFEST,
            found="no list of " + " and ".join(splits) + " scenes",
            expected="the list that a download leaves",
            remedy="run without --verify: files that are there are compared with the server's",
        )
    total = sum(entry.size for entry in entries.values())
    with display.transfer("comparing", 0, total) as advance:
        problems = verify(root, entries, advance)
    for problem in problems:
        print(problem, file=sys.stderr)
    display.say(f"{root}: {len(entries) - len(problems)} of {len(entries)} scenes as listed")
    if problems:
        display.say("remove what differs, then run without --verify to fetch it")
    return 1 if problems else 0


def _plan(root: Path, listed: Sequence[RemoteFile]) -> DownloadManifest:
    """Write and return the list of existing and expected files, after checking that there is room."""
    entries = with_listed(read_manifest(root) or {}, listed)
    _check_room(root, sum(file.size - bytes_held(root, file) for file in listed))
    write_manifest(root, entries)
    return entries


def _fetch(
    read: Read,
    options: argparse.Namespace,
    listed: list[RemoteFile],
    entries: DownloadManifest,
    display: Display,
) -> int:
    root: Path = options.dest
    wanted = [file for file in listed if not is_there(root, file.path, entries[file.path])]
    display.say(
        f"{root}: {len(listed) - len(wanted)} of {len(listed)} scenes are there, "
        f"{sum(file.size for file in wanted) / 1e9:.3g} GB in the others"
    )
    missing = obtain_all(read, root, wanted, entries, options.jobs, display)
    complete = [entries[file.path].verified for file in listed if file not in missing]
    display.say(f"{len(complete)} of {len(listed)} scenes complete{_by_size_only(complete.count('size'))}")
    for file, error in missing.items():
        print(f"missing: {file.path}" + (f"\n{_explain(error, root)}" if error else ""), file=sys.stderr)
    if missing:
        print(f"{len(missing)} of {len(listed)} scenes are missing; {RETRY_HINT}", file=sys.stderr)
    test_set = [file.path for file in listed if file.path.startswith("inference/")]
    if test_set and not missing:  # the checker compares a run's scenes with this, once it is known
        digest = names_digest(Path(path).stem for path in test_set)
        display.say(f"inference set: {len(test_set)} scenes, names of sha256 {digest}")
    return 1 if missing else 0


def _check_room(root: Path, needed: int) -> None:
    free = shutil.disk_usage(root).free
    if needed > free:
        raise DownloadError(
            root,
            found=f"{free / 1e9:.3g} GB free",
            expected=f"{needed / 1e9:.3g} GB for what is missing (180 GB for the complete dataset)",
            remedy="free space, choose another folder with --dest, or fetch less: --split, --limit",
        )


def _busy(root: Path) -> DownloadError:
    return DownloadError(
        root,
        found="another download into this folder",
        expected="one at a time",
        remedy="wait for it, or choose another folder with --dest",
    )


def _by_size_only(count: int) -> str:
    return f", {count} of them by their size only (the server gives no checksum of them)" if count else ""


def _explain(error: DownloadError | OSError, root: Path) -> DownloadError:
    if isinstance(error, DownloadError):
        return error
    return os_failure(
        DownloadError,
        error,
        root,
        expected="a writable folder with room for the files",
        remedy=f"free space, fix the folder's permissions or choose another with --dest; then {RETRY_HINT}",
    )


if __name__ == "__main__":
    sys.exit(main())
