"""Find out what a path is: a log, a system description, a submission tree, or a folder of logs.

Executes nothing, and follows no symbolic link below a given folder: if a link's target is
inside the folder, it is found at its own place; if it is outside, it is not ours.
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

#: A file of this name is a log regardless of its content (G: result_0.txt, S: result-1.txt).
LOG_NAMES = "result*.txt"

#: Source, documents and data may quote the token without being logs.
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
    """The content of the given paths; each path begins as the caller wrote it."""

    logs: list[Path] = field(default_factory=list)
    systems: list[Path] = field(default_factory=list)
    configs: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    trees: list[SubmissionTree] = field(default_factory=list)


def discover(path: Path, kind: str | None = None, shown: Shown = str) -> Found:
    """Find out what one path is, or take it as a ``kind``, one of ``KINDS``.

    ``shown`` names the path and everything below it in errors and findings.
    Raises CheckError if the path does not exist, is neither a file nor a folder, cannot be
    of the kind, or is a folder that holds no log or cannot be read.
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
        _ = tree.files  # raises here if a folder cannot be read
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
    """Whether a file below a folder is a log, judging by its name or its first bytes."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.suffix.lower() in NOT_LOGS:
            return False
        if fnmatch.fnmatchcase(path.name, LOG_NAMES):
            return True
        with path.open("rb") as stream:
            return TOKEN.encode() in stream.read(HEAD_BYTES)
    except OSError:
        # An unreadable file without a log's name is not ours.
        return False


def is_tree(path: Path) -> bool:
    """Whether a folder is a submission tree: a bundle of ours, or a folder with an organisation in either
    layout for a benchmark of MLCommons Science."""
    return is_bundle(path) or any(
        _has_layout(org) for org in _folders_in(path) if org.name not in GENERAL_FOLDERS
    )


def _has_layout(org: Path) -> bool:
    """Whether an organisation's folder has an experiment of S, or results or implementations of G."""
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
    """Whether a folder is an experiment of S. A run folder also has a configuration, but a result.txt too."""
    names = _files_in(folder)
    return any(map(SCIENCE_RESULT.fullmatch, names)) or (CONFIG_NAME in names and "result.txt" not in names)


def _folders_in(folder: Path) -> Iterator[Path]:
    """Yield the folders in a folder, without following links; none if it cannot be read."""
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
