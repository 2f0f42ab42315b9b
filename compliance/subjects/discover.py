"""What a path is: a log, a system description, a submission tree, or a folder of logs.

Nothing is executed, and no symbolic link below a given folder is followed: what a link
inside the folder points to is found at its own place, and what lies outside is not ours.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from benchmark.record.events import TOKEN
from compliance.subjects.subjects import Tree

MANIFEST = "MANIFEST.sha256"

#: What a path can be.
KINDS = ("log", "system", "config", "tree", "tar")
#: The configuration of a run, beside its log.
CONFIG_NAME = "config.yaml"
ARCHIVE_NAMES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")

#: A log shows its first event within so many bytes.
HEAD_BYTES = 64 * 1024

#: Names of logs, whatever they contain (G: result_0.txt, S: result-1.txt).
LOG_NAMES = "result*.txt"
#: Names of the logs of a submission tree; its code and documents may quote events.
TREE_LOG_NAMES = re.compile(r"result[_-].*\.txt")

#: Source, documents and data may quote the token and are no logs for it.
NOT_LOGS = frozenset(
    (
        *(".py", ".pyc", ".ipynb", ".sh", ".md", ".rst", ".html", ".xml", ".so"),
        *(".json", ".jsonl", ".yaml", ".yml", ".toml", ".csv"),
        *(".h5", ".hdf", ".hdf5", ".keras", ".npy", ".npz", ".png", ".jpg", ".pdf"),
        *(".gz", ".xz", ".zip", ".tar", ".tgz"),
    )
)


class CheckError(CloudMaskError):
    """A path that cannot be checked."""


@dataclass(frozen=True)
class Found:
    """What the given paths hold; paths begin as the caller wrote them."""

    logs: list[Path] = field(default_factory=list)
    systems: list[Path] = field(default_factory=list)
    configs: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)


def discover(path: Path, kind: str | None = None) -> Found:
    """Say what one path is; ``kind``, one of ``KINDS``, says it where its name does not.

    Raises CheckError where nothing is there, where it is neither a file nor a folder,
    where it cannot be of the kind, and where a folder holds no log or cannot be read.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise CheckError(
            path,
            found=getattr(error, "strerror", None) or str(error),
            expected="a log, a folder with logs, a system description (.json), a configuration (.yaml), "
            "a submission tree or its tar",
            remedy="name an existing path; runs are written to logs/ by `python -m benchmark.run --seed 1`",
        ) from error
    if stat.S_ISREG(mode):
        return _file(path, kind or _kind_of(path))
    if not stat.S_ISDIR(mode):
        raise CheckError(
            path,
            found="neither a file nor a folder",
            expected="a regular file or a folder",
            remedy="write the log to a file and name that file",
        )
    if kind not in (None, "log", "tree"):
        raise CheckError(path, found="a folder", expected=f"a {kind}", remedy="name the file itself")
    if kind == "tree" or (kind is None and is_tree(path)):
        return Found(trees=[Tree(path, tuple(sorted(_names_below(path))))])
    logs = [path / name for name in sorted(_names_below(path)) if _is_log(path / name)]
    if not logs:
        raise CheckError(
            path,
            found=f"no log in or below {path}",
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
    {"log": found.logs, "system": found.systems, "config": found.configs, "tar": found.archives}[kind].append(
        path
    )
    return found


def _kind_of(path: Path) -> str:
    name = path.name.lower()
    if name.endswith(ARCHIVE_NAMES):
        return "tar"
    return {".json": "system", ".yaml": "config", ".yml": "config"}.get(path.suffix.lower(), "log")


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def is_tree(path: Path) -> bool:
    """Whether a folder is a submission tree: it has a manifest, and an organisation with systems."""
    return (path / MANIFEST).is_file() and any(child.is_dir() for child in path.glob("*/systems"))


def tree_systems(tree: Tree) -> list[Path]:
    """The system descriptions of a tree: ``<org>/systems/<system>.json``."""
    names = (
        name for name in tree.files if name.count("/") == 2 and fnmatch.fnmatchcase(name, "*/systems/*.json")
    )
    return _regular(tree, names)


def tree_logs(tree: Tree) -> list[Path]:
    """The logs of a tree: those below ``results/`` (G), and those of the other layout (S) that are
    not byte-identical copies of these."""
    names = [name for name in tree.files if TREE_LOG_NAMES.fullmatch(name.rpartition("/")[2])]
    first = _regular(tree, (name for name in names if "/results/" in name))
    second = _regular(tree, (name for name in names if "/results/" not in name))
    known = {_digest(path) for path in first}
    return first + [path for path in second if _digest(path) not in known]


def _digest(path: Path) -> bytes:
    """The sha256 of a file, or its name where it cannot be read (which is reported when it is parsed)."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1024 * 1024):
                digest.update(chunk)
    except OSError:
        return os.fsencode(path)
    return digest.digest()


def _regular(tree: Tree, names: Iterable[str]) -> list[Path]:
    paths = (tree.root / name for name in names)
    return [path for path in paths if _is_plain(path)]


def _names_below(root: Path) -> Iterator[str]:
    """Everything below a folder that is not itself a folder, as names relative to it.

    Raises CheckError where a folder cannot be read: a log in it would be missed.
    """

    def refuse(error: OSError) -> None:
        raise CheckError(
            error.filename or root,
            found=error.strerror or str(error),
            expected="a folder that can be read",
            remedy="look at the folder's permissions and at the disk",
        ) from error

    for folder, folders, files in os.walk(root, onerror=refuse):
        relative = Path(folder).relative_to(root)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in [*files, *links]:
            yield (relative / name).as_posix()


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
        # An unreadable file that is not named like a log is none of ours.
        return False
