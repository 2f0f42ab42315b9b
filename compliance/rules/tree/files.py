"""Rules on the files of a submission tree: names, sizes, kinds, and the manifest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import MANIFEST, MANIFEST_LINE, SubmissionTree
from compliance.wording import excerpt

#: K repo_checker; git hosts refuse larger files.
FILE_BYTES = 50 * 1024 * 1024


@tree_rule(
    "manifest-lines",
    clause="house",
    expected="64 hexadecimal digits, two blanks and a file's name from the root, each name once",
    remedy="write the manifest with `python -m submission.package`",
)
def manifest_lines(tree: SubmissionTree) -> Iterator[Problem]:
    """Every line of the manifest must name one file of the tree, as sha256sum writes it."""
    seen: set[str] = set()
    for number, line in enumerate(tree.manifest, start=1):
        match = MANIFEST_LINE.fullmatch(line)
        name = match[2] if match else ""
        if match is None:
            yield problem(excerpt(line), number, path=tree.shown(MANIFEST))
        elif name.startswith("/") or ".." in name.split("/"):
            yield problem(f"a name that leaves the tree: {excerpt(name)}", number, path=tree.shown(MANIFEST))
        elif name in seen:
            yield problem(f"{excerpt(name)} a second time", number, path=tree.shown(MANIFEST))
        seen.add(name)


@tree_rule(
    "manifest-complete",
    clause="house",
    expected="every file of the tree but the manifest, and no other",
    remedy="package again; a file that was added or lost after packaging does not belong to the submission",
)
def manifest_complete(tree: SubmissionTree) -> Iterator[Problem]:
    """The manifest must list every file of the tree, and every file that it lists must be there."""
    for name in tree.files:
        if name not in tree.listed and name != MANIFEST:
            yield problem(f"{name} is not listed", path=tree.shown(name))
    for name in sorted(set(tree.listed) - set(tree.files)):
        yield problem(f"{excerpt(name)} is listed and not there", path=tree.shown(MANIFEST))


@tree_rule(
    "manifest-hash",
    clause="house",
    expected="the sha256 that the manifest states",
    remedy="package again; the file was changed after packaging",
)
def manifest_hash(tree: SubmissionTree) -> Iterator[Problem]:
    """Every file must have the contents that the manifest states."""
    for name in tree.files:
        stated = tree.listed.get(name)
        if stated and tree.is_regular(name) and (found := tree.digest(name)) != stated:
            yield problem(found, expected=stated, path=tree.shown(name))


@tree_rule(
    "file-name",
    clause="K-repo-names",
    expected="names without blanks and control characters, not beginning with a dot",
    remedy="rename the file or folder, or leave it out",
)
def file_name(tree: SubmissionTree) -> Iterator[Problem]:
    """No name of a file or folder may contain a blank or begin with a dot. Git hosts and MLCommons'
    own repository check fail on them."""
    for name in tree.files:
        bad = [
            part for part in name.split("/") if part.startswith(".") or not part.isprintable() or " " in part
        ]
        if bad:
            yield problem(excerpt(bad[0]), path=tree.shown(name))


@tree_rule(
    "file-size",
    clause="K-repo-size",
    expected=f"at most {FILE_BYTES // 1024**2} MB",
    remedy="leave the file out and say in README where it can be fetched",
)
def file_size(tree: SubmissionTree) -> Iterator[Problem]:
    """No file may be larger than 50 MB."""
    for name in tree.files:
        found = tree.status(name)
        if found is not None and found.st_size > FILE_BYTES:
            yield problem(f"{found.st_size / 1024**2:.1f} MB", path=tree.shown(name))


@tree_rule(
    "file-kind",
    clause="K-repo-links",
    expected="regular files, and symbolic links to files of the same tree",
    remedy="replace the link by the file that it means",
)
def file_kind(tree: SubmissionTree) -> Iterator[Problem]:
    """A symbolic link must lead to a file of the same tree, and everything else be a regular file."""
    root = os.path.realpath(tree.root)
    for name in tree.files:
        found = tree.status(name)
        if found is None or stat.S_ISREG(found.st_mode):
            continue
        path, place = tree.shown(name), tree.root / name
        if not stat.S_ISLNK(found.st_mode):
            yield problem("neither a file nor a link", path=path)
            continue
        target = os.path.realpath(place)
        if os.path.commonpath([root, target]) != root:
            yield problem(f"a link out of the tree: {excerpt(os.readlink(place))}", path=path)
        elif not os.path.exists(target):
            yield problem(f"a broken link: {excerpt(os.readlink(place))}", path=path)
