"""Find out which commit the code is, and whether it has changed since: from git, or from a list of its files.

A checkout asks git. An installed package, the code of a bundle, and a node without git have no repository,
but may have the text of the commit and the list of its files: baked in when the package was built, or passed
on from the login node. The files are compared with that list.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark import PACKAGE, ROOT
from benchmark.core.files import read_text
from benchmark.record.code.commit import (
    COMMIT,
    LISTING,
    STAMP,
    CommitDefect,
    CommitFiles,
    blob_id,
    read_commit,
)

#: The packages of the program, which contain everything that a run imports.
PACKAGES = ("benchmark", "cloudmask", "compliance", "submission")
#: Folder of the package in which a build puts the text and the list of its commit.
BAKED = "commit"
#: Environment variable with a folder for the text and the list of the commit, for nodes that cannot ask git.
VARIABLE = "CLOUDMASK_COMMIT"


def code_facts() -> dict[str, Any]:
    """Return ``commit``, ``branch``, and ``dirty``: whether the code differs from the commit.

    ``commit`` and ``branch`` are None if unknown; ``dirty`` is None if it is unknown whether the code was
    changed.
    """
    commit, top = _git("rev-parse", "HEAD"), _git("rev-parse", "--show-toplevel")
    if commit is not None and top is not None and Path(top) == ROOT:
        branch = _git("rev-parse", "--abbrev-ref", "HEAD")
        found = changes(_git("status", "--porcelain", "--untracked-files=all") or "")
        return {"commit": commit, "dirty": bool(found), "branch": None if branch == "HEAD" else branch}
    for folder in (PACKAGE / BAKED, Path(os.environ.get(VARIABLE) or PACKAGE / BAKED)):
        if (listed := _listed(folder)) is not None:
            return {"commit": listed.id, "dirty": bool(differing_files(listed)), "branch": None}
    stamp = _stamp()
    known = re.fullmatch(r"[0-9a-f]{40}", stamp)
    return {"commit": stamp if known else None, "dirty": None, "branch": None}


def not_submittable(code: dict[str, Any]) -> str | None:
    """Say why a run with these facts about its code cannot be submitted; None if it can."""
    if code["commit"] is None:
        return "no commit is known: the code is no git checkout, or this node has no git"
    if code["dirty"] is None:
        return (
            "the code is an export, and whether it was changed is not known: "
            "run from a git checkout, or from a wheel that was built in one"
        )
    return "the checkout has uncommitted changes" if code["dirty"] else None


def changes(status: str) -> list[str]:
    """Return the lines of ``git status --porcelain`` which mean that the code differs from the commit.

    Untracked files count only below the packages: experiments, notes and job output are not code.
    """
    folders = tuple(f"{name}/" for name in PACKAGES)
    return [
        line for line in status.splitlines() if line[:2] != "??" or line[3:].strip('"').startswith(folders)
    ]


def keep_commit(folder: Path) -> bool:
    """Write the text and the list of the checkout's commit into a folder; return False if git has none."""
    top = _git("rev-parse", "--show-toplevel")
    text, listing = _output("cat-file", "commit", "HEAD"), _output("ls-tree", "-r", "-z", "HEAD")
    if top is None or Path(top) != ROOT or text is None or listing is None:
        return False
    folder.mkdir(exist_ok=True)
    (folder / COMMIT).write_bytes(text)
    (folder / LISTING).write_bytes(listing.replace(b"\0", b"\n"))
    return True


def differing_files(commit: CommitFiles, packages: tuple[str, ...] = PACKAGES) -> list[str]:
    """Return the files of this program's packages that differ from the commit, and modules it does not have.

    Missing files do not count: a wheel leaves some out, and a missing module cannot be imported.
    """
    return [name for package in packages for name in _differing(commit, ROOT / package)]


def _differing(commit: CommitFiles, package: Path) -> Iterator[str]:
    for path in sorted(package.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        entry = commit.files.get(name)
        if entry is None:
            if path.suffix == ".py":
                yield name
        elif name != STAMP and blob_id(path.read_bytes()) != entry.id:
            yield name


def _listed(folder: Path) -> CommitFiles | None:
    try:
        return read_commit((folder / COMMIT).read_bytes(), read_text(folder / LISTING))
    except (OSError, UnicodeDecodeError, CommitDefect):
        return None


def _stamp() -> str:
    try:
        return (ROOT / STAMP).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _git(*arguments: str) -> str | None:
    output = _output(*arguments)
    return None if output is None else output.decode(errors="surrogateescape").rstrip("\n")


def _output(*arguments: str) -> bytes | None:
    """Return git's output for the checkout; None if git fails or is not installed."""
    # a checkout shared by a group belongs to one of its members
    command = ["git", "-c", f"safe.directory={ROOT}", "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
