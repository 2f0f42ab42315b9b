"""What a path is: a log, a system description, a submission tree, or a folder of logs.

Nothing is executed, and no symbolic link below a given folder is followed: what a link
inside the folder points to is found at its own place, and what lies outside is not ours.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.record.events import TOKEN
from compliance.benchmarks import BENCHMARKS
from compliance.subjects.folders import CheckError, Shown, names_below
from compliance.subjects.tree import (
    GENERAL_FOLDERS,
    GENERAL_RESULT,
    SCIENCE_RESULT,
    SubmissionTree,
    is_bundle,
)

#: What a path can be.
KINDS = ("log", "system", "config", "tree", "tar")
#: The configuration of a run, next to its log.
CONFIG_NAME = "config.yaml"
ARCHIVE_NAMES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")

#: A log has its first event within this many bytes.
HEAD_BYTES = 64 * 1024

#: Names of logs, whatever they contain (G: result_0.txt, S: result-1.txt).
LOG_NAMES = "result*.txt"

#: Source, documents and data may quote the token and are no logs for it.
NOT_LOGS = frozenset(
    (
        *(".py", ".pyc", ".ipynb", ".sh", ".md", ".rst", ".html", ".xml", ".so"),
        *(".json", ".jsonl", ".yaml", ".yml", ".toml", ".csv"),
        *(".h5", ".hdf", ".hdf5", ".keras", ".npy", ".npz", ".png", ".jpg", ".pdf"),
        *(".gz", ".xz", ".zip", ".tar", ".tgz"),
    )
)


@dataclass
class Found:
    """What the given paths hold; paths begin as the caller wrote them."""

    logs: list[Path] = field(default_factory=list)
    systems: list[Path] = field(default_factory=list)
    configs: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    trees: list[SubmissionTree] = field(default_factory=list)


def discover(path: Path, kind: str | None = None, shown: Shown = str) -> Found:
    """Say what one path is; ``kind``, one of ``KINDS``, says it where its name does not.

    ``shown`` gives the names of the path and of what is below it in errors and findings.
    Raises CheckError where nothing is there, where it is neither a file nor a folder,
    where it cannot be of the kind, and where a folder holds no log or cannot be read.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise CheckError(
            shown(path),
            found=getattr(error, "strerror", None) or str(error),
            expected="a log, a folder with logs, a system description (.json), a configuration (.yaml), "
            "a submission tree or its tar",
            remedy="name an existing path; runs are written to logs/ by `python -m benchmark.run --seed 1`",
        ) from error
    if stat.S_ISREG(mode):
        return _file(path, kind or _kind_of(path))
    if not stat.S_ISDIR(mode):
        raise CheckError(
            shown(path),
            found="neither a file nor a folder",
            expected="a regular file or a folder",
            remedy="write the log to a file and name that file",
        )
    if kind not in (None, "log", "tree"):
        raise CheckError(shown(path), found="a folder", expected=f"a {kind}", remedy="name the file itself")
    if kind == "tree" or (kind is None and is_tree(path)):
        tree = SubmissionTree(path, shown(path))
        _ = tree.files  # a folder that cannot be read ends the check here
        return Found(trees=[tree])
    logs = [path / name for name in sorted(names_below(path, shown)) if _is_log(path / name)]
    if not logs:
        raise CheckError(
            shown(path),
            found=f"no log in or below {shown(path)}",
            expected=f"a file {LOG_NAMES}, or one with {TOKEN} in its first {HEAD_BYTES // 1024} KiB",
            remedy="make a run first: python -m benchmark.run --seed 1",
        )
    return Found(logs=logs, configs=[config for log in logs if _is_plain(config := log.parent / CONFIG_NAME)])


def _file(path: Path, kind: str) -> Found:
    if kind == "tree":
        raise CheckError(
            path, found="a file", expected="the folder of a tree", remedy="a tree that is packed is a tar"
        )
    found = Found()
    lists = {"log": found.logs, "system": found.systems, "config": found.configs, "tar": found.archives}
    lists[kind].append(path)
    return found


def _kind_of(path: Path) -> str:
    name = path.name.lower()
    if name.endswith(ARCHIVE_NAMES):
        return "tar"
    return {".json": "system", ".yaml": "config", ".yml": "config"}.get(path.suffix.lower(), "log")


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_log(path: Path) -> bool:
    """Whether a file below a folder is a log, by its name or by its first bytes."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.suffix.lower() in NOT_LOGS:
            return False
        if fnmatch.fnmatchcase(path.name, LOG_NAMES):
            return True
        with path.open("rb") as stream:
            return TOKEN.encode() in stream.read(HEAD_BYTES)
    except OSError:
        # An unreadable file that is not named like a log is not ours.
        return False


def is_tree(path: Path) -> bool:
    """Whether a folder is a submission tree: a bundle of ours, or it holds an organisation with either layout
    for a benchmark of MLCommons Science."""
    return is_bundle(path) or any(
        _has_layout(org) for org in _folders_in(path) if org.name not in GENERAL_FOLDERS
    )


def _has_layout(org: Path) -> bool:
    """Whether the folder of an organisation has an experiment of S, or results or implementations of G."""
    for name in BENCHMARKS:
        if any(_folders_in(org / "benchmarks" / name / "implementations")):
            return True
        if any(_is_experiment(each) for system in _folders_in(org / name) for each in _folders_in(system)):
            return True
        for system in _folders_in(org / "results"):
            if any(map(GENERAL_RESULT.fullmatch, _files_in(system / name))):
                return True
    return False


def _is_experiment(folder: Path) -> bool:
    """Whether a folder is one of S. That of a single run has a configuration too, and the log result.txt."""
    names = _files_in(folder)
    return any(map(SCIENCE_RESULT.fullmatch, names)) or (CONFIG_NAME in names and "result.txt" not in names)


def _folders_in(folder: Path) -> Iterator[Path]:
    """The folders in a folder; links are not followed, and what cannot be read has none."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        names = []
    yield from (folder / name for name in sorted(names))


def _files_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        return set()
