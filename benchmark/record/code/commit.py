"""Read a git commit without git: its text, the list of its files, and the digests that connect them.

A bundle carries the commit's text (`git cat-file commit`) and the list of its files (`git ls-tree -r`). The
digest of the text is the commit's name, the text names the tree, and the tree's digest follows from the list:
anyone who trusts the name can identify the commit's files from these two alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

#: Where a bundle keeps them, next to the scripts of the system that ran.
COMMIT, LISTING = "commit.txt", "tree.txt"
#: The file that states the commit if there is no repository: git fills it in on export.
STAMP = "benchmark/COMMIT.txt"

_LINE = re.compile(r"(100644|100755|120000|160000) (?:blob|commit) ([0-9a-f]{40})\t([^\0\n]+)")
_TREE = re.compile(rb"tree ([0-9a-f]{40})\n")
EXECUTABLE, LINK, SUBMODULE = "100755", "120000", "160000"


class Entry(NamedTuple):
    """A file of a commit: its mode in git and the digest of its contents."""

    mode: str
    id: str


@dataclass(frozen=True)
class CommitFiles:
    """A commit's name, and its files by path."""

    id: str
    files: Mapping[str, Entry]


class CommitDefect(ValueError):
    """A text or a list that does not belong to a commit; the message says why."""


def read_commit(text: bytes, listing: str) -> CommitFiles:
    """Return the commit of a text and a list of files. Raises CommitDefect if the two do not match."""
    files = read_listing(listing)
    match = _TREE.match(text)
    if match is None:
        raise CommitDefect("a text that does not begin with the name of a tree")
    if (found := tree_id(files)) != (stated := match[1].decode()):
        raise CommitDefect(f"a list of the files of tree {found}, not of {stated}")
    return CommitFiles(_digest(b"commit", text), files)


def read_listing(listing: str) -> dict[str, Entry]:
    """Return the files in the output of `git ls-tree -r`. Raises CommitDefect."""
    files: dict[str, Entry] = {}
    for number, line in enumerate(listing.removesuffix("\n").split("\n"), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[3] in files or any(part in ("", ".", "..") for part in match[3].split("/")):
            raise CommitDefect(f"line {number}: {line[:100]!r}")
        files[match[3]] = Entry(match[1], match[2])
    return files


def tree_id(files: Mapping[str, Entry]) -> str:
    """Return the name of the tree with these files, as git computes it."""
    entries: dict[str, tuple[bytes, str]] = {}
    below: dict[str, dict[str, Entry]] = {}
    for path, entry in files.items():
        name, inside, rest = path.partition("/")
        if inside:
            below.setdefault(name, {})[rest] = entry
        else:
            entries[name] = entry.mode.encode(), entry.id
    for name, inner in below.items():
        if name in entries:
            raise CommitDefect(f"{name} as a file and as a folder")
        entries[f"{name}/"] = b"40000", tree_id(inner)  # git sorts folders as if their names ended in a slash
    content = b"".join(
        b"%s %s\0%s" % (mode, name.rstrip("/").encode(), bytes.fromhex(id))
        for name, (mode, id) in sorted(entries.items(), key=lambda each: each[0].encode())
    )
    return _digest(b"tree", content)


def blob_id(content: bytes) -> str:
    """Return the name that git gives to a file's contents."""
    return _digest(b"blob", content)


def _digest(kind: bytes, content: bytes) -> str:
    head = b"%s %d\0" % (kind, len(content))
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
