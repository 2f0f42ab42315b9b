"""Rules on the code of a bundle: it must be the commit that ran, file by file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from benchmark.record.code.commit import (
    COMMIT,
    EXECUTABLE,
    LINK,
    LISTING,
    STAMP,
    SUBMODULE,
    CommitDefect,
    CommitFiles,
    Entry,
    blob_id,
    read_commit,
)
from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import Folder, SubmissionTree
from compliance.wording import excerpt

#: Logs name the commit; its text and its list of files are with the scripts.
REMEDY = "package again in the clone that the runs were made in; nothing in the folder of the code is changed"


@tree_rule(
    "code-listed",
    clause="S3-version, S6.3-commit, G-replication",
    expected=f"{COMMIT} with the text of the commit that the logs name, {LISTING} with the list of its files",
    remedy=REMEDY,
)
def code_listed(tree: SubmissionTree) -> Iterator[Problem]:
    """A bundle must carry the text of its commit and the list of the commit's files. From them anyone can
    tell, without the repository, whether the code is what the commit says."""
    for scripts in tree.parts.scripts.values():
        missing = [name for name in (COMMIT, LISTING) if name not in scripts.files]
        if missing:
            yield problem(f"no {missing[0]}", path=tree.shown(scripts.name))
            continue
        try:
            commit = _commit(tree, scripts)
        except CommitDefect as defect:
            yield problem(str(defect), path=tree.shown(scripts.path(LISTING)))
            continue
        for name, stated in _stated(tree):
            if stated != commit.id:
                yield problem(
                    f"commit {commit.id}",
                    expected=f"{stated}, as in {name}",
                    path=tree.shown(scripts.path(COMMIT)),
                )
                break


@tree_rule(
    "code-commit",
    clause="S3-version, S6.3-commit, G-replication",
    expected="the files of the commit, each with its contents and mode, but for names that begin with a dot",
    remedy=REMEDY,
)
def code_commit(tree: SubmissionTree) -> Iterator[Problem]:
    """The code of a bundle must be the files of its commit: none changed, none added, none left out."""
    for scripts in tree.parts.scripts.values():
        try:
            commit = _commit(tree, scripts)
        except CommitDefect:  # reported by code-listed
            continue
        for folder in tree.parts.code.values():
            yield from _differences(tree, folder, commit)


@tree_rule(
    "experiment-committed",
    severity="warning",
    clause="T-cherry-picking, P-best-of-n",
    expected="the file of the experiment, with the sha256 that the logs state, among the files of the commit",
    remedy="commit the experiment's file before its runs are submitted, and make them of that commit",
)
def experiment_committed(tree: SubmissionTree) -> Iterator[Problem]:
    """The experiment that the logs name should be a file of the commit. It announces the seeds, and is
    known to precede the first run only if the commit that ran contains it."""
    committed = {
        tree.digest(folder.path(name))
        for folder in tree.parts.code.values()
        for name in folder.files
        if name.endswith((".yaml", ".yml"))
    }
    for logs in tree.logs.values():
        for name, log in logs.items():
            event = log.one("experiment")
            if event and event.metadata["sha256"] not in committed:
                yield problem(
                    f"no file of experiment {excerpt(str(event.value))}", event.line, path=tree.shown(name)
                )
                break


def _differences(tree: SubmissionTree, folder: Folder, commit: CommitFiles) -> Iterator[Problem]:
    expected = {name: entry for name, entry in commit.files.items() if _travels(name, entry)}
    for name in sorted(folder.files | expected.keys()):
        path = tree.shown(folder.path(name))
        if name not in expected:
            yield problem("a file that the commit has not", path=path)
        elif name not in folder.files:
            yield problem("not there", path=path)
        elif found := _difference(tree, folder.path(name), name, expected[name], commit.id):
            yield problem(found, path=path)


def _travels(name: str, entry: Entry) -> bool:
    """Whether a file of the commit is packaged (K refuses names that begin with a dot)."""
    return entry.mode != SUBMODULE and not any(part.startswith(".") for part in name.split("/"))


def _difference(tree: SubmissionTree, path: str, name: str, entry: Entry, commit: str) -> str | None:
    """Say how a file of the code differs from the commit's; return None if it does not."""
    status = tree.status(path)
    if status is None:
        return "not there"
    if stat.S_ISLNK(status.st_mode):
        target = os.fsencode(os.readlink(tree.root / path))
        return None if entry == Entry(LINK, blob_id(target)) else "a link that the commit has not"
    content = tree.content(path)
    if content is None or entry.mode == LINK:
        return "another kind of file"
    if (entry.mode == EXECUTABLE) != bool(status.st_mode & stat.S_IXUSR):
        return f"mode {stat.S_IMODE(status.st_mode):o}, {entry.mode[-3:]} in the commit"
    if blob_id(content) != entry.id and not (name == STAMP and content.strip() == commit.encode()):
        return f"blob {blob_id(content)[:12]}, {entry.id[:12]} in the commit"
    return None


def _commit(tree: SubmissionTree, scripts: Folder) -> CommitFiles:
    """Read the commit stored with the scripts. Raises CommitDefect."""
    text, listing = tree.content(scripts.path(COMMIT)), tree.content(scripts.path(LISTING))
    if text is None or listing is None:
        raise CommitDefect(f"no {COMMIT} or no {LISTING}")
    try:
        return read_commit(text, listing.decode())
    except UnicodeDecodeError as error:
        raise CommitDefect(f"byte {excerpt(hex(listing[error.start]))} is not valid UTF-8") from None


def _stated(tree: SubmissionTree) -> Iterator[tuple[str, str]]:
    """Yield the names of the tree's logs, with the commit that each states."""
    for logs in tree.logs.values():
        for name, log in logs.items():
            if stated := log.text("submission_github_commit_version"):
                yield name, stated
