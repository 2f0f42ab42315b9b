"""Rules on a tar: whether it can be unpacked safely, checked before it is unpacked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from compliance.registry import Problem, problem, tar_rule
from compliance.subjects.subjects import MEMBERS, UNPACKED_BYTES, Archive, Member
from compliance.wording import excerpt, listing

#: Text compresses by 5, a log of equal lines by 50, a file of zeros by 1000.
LARGEST_RATIO = 200
#: Smaller archives do no harm at any ratio.
HARMLESS_BYTES = 10**7
#: The longest file name on common file systems, and the longest path.
NAME_BYTES, PATH_BYTES = 255, 1024
#: Files of a submission are at most seven folders deep.
FOLDERS = 32

_PACK_AGAIN = (
    "pack the tree again: `tar --owner=root --group=root --mode=go-w -czf` does, and for a bundle of ours "
    "`python -m submission.package`"
)


@tar_rule(
    "tar-readable",
    clause="P-tar",
    expected=f"an undamaged tar of at most {MEMBERS} members and {UNPACKED_BYTES} bytes",
    remedy=f"copy the file again and compare its sha256, or {_PACK_AGAIN}",
)
def tar_readable(archive: Archive) -> Iterator[Problem]:
    """A tar must be readable to its end, within bounds. What follows damage cannot be judged."""
    if archive.defect:
        yield problem(f"{excerpt(archive.defect)} after {len(archive.members)} members")
    elif not archive.members:
        yield problem("no members")


@tar_rule(
    "tar-ratio",
    clause="house",
    expected=f"at most {LARGEST_RATIO} times its size when unpacked",
    remedy=_PACK_AGAIN,
)
def tar_ratio(archive: Archive) -> Iterator[Problem]:
    """A tar must not be a bomb: a small file that fills a disk when it is unpacked."""
    unpacked = sum(member.size for member in archive.members)
    if unpacked > max(HARMLESS_BYTES, LARGEST_RATIO * archive.packed):
        yield problem(f"{unpacked} bytes in {archive.packed}")


@tar_rule(
    "tar-names",
    clause="house",
    expected="relative names of printable characters, without `..` and backslashes",
    remedy=_PACK_AGAIN,
)
def tar_names(archive: Archive) -> Iterator[Problem]:
    """The names of members must stay inside the folder that the tar is unpacked in. They are relative
    and mean the same on every system."""
    for member in archive.members:
        if fault := _fault_of(member):
            yield problem(f"{excerpt(member.name)}: {fault}")


def _fault_of(member: Member) -> str | None:
    name, parts = member.name, member.name.split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "absolute"
    if ".." in parts:
        return "leads upwards"
    if "\\" in name:
        return "a backslash"
    if not name.isprintable():
        return "a character that does not print"
    encoded = [part.encode("utf-8", "surrogateescape") for part in parts]
    if max(map(len, encoded)) > NAME_BYTES or sum(map(len, encoded)) > PATH_BYTES:
        return "too long"
    if len(parts) > FOLDERS:
        return "too deep"
    if member.kind != "folder" and not member.parts:
        return "the name of no file"
    return None


@tar_rule(
    "tar-kinds",
    clause="house",
    expected="files and folders only",
    remedy="pack the files that links point to; `python -m submission.package` does",
)
def tar_kinds(archive: Archive) -> Iterator[Problem]:
    """A tar must hold files and folders only. A link can lead outside, and nobody wants to unpack a
    device or a pipe."""
    for member in archive.members:
        if member.kind not in ("file", "folder"):
            target = f" to {excerpt(member.target)}" if member.target else ""
            yield problem(f"{excerpt(member.name)} is a {member.kind}{target}")


@tar_rule(
    "tar-twice",
    clause="house",
    expected="every name once, whatever its case",
    remedy=_PACK_AGAIN,
)
def tar_twice(archive: Archive) -> Iterator[Problem]:
    """A tar must not hold a name twice, or as file and folder. If two members have the same name, the
    last wins when unpacked, and on some systems names that differ only in case are the same."""
    sound = [member for member in archive.members if not _fault_of(member)]
    files = Counter("/".join(member.parts) for member in sound if member.kind != "folder")
    folders = {
        "/".join(member.parts[:end])
        for member in sound
        for end in range(1, len(member.parts) + (member.kind == "folder"))
    }
    for name, seen in files.items():
        if seen > 1:
            yield problem(f"{excerpt(name)} {seen} times")
        if name in folders:
            yield problem(f"{excerpt(name)} as file and folder")
    for _, same in groupby(sorted(folders | set(files), key=str.casefold), str.casefold):
        if len(spellings := sorted(same)) > 1:
            yield problem(listing(map(excerpt, spellings)))


@tar_rule(
    "tar-modes",
    severity="warning",
    clause="house",
    expected="modes without set-user, set-group, sticky bits and writing for all",
    remedy=_PACK_AGAIN,
)
def tar_modes(archive: Archive) -> Iterator[Problem]:
    """Members should have harmless modes."""
    for member in archive.members:
        if member.mode & 0o7002 and member.kind in ("file", "folder"):
            yield problem(f"{excerpt(member.name)}: mode {member.mode:o}")


@tar_rule(
    "tar-owners",
    severity="warning",
    clause="house",
    expected="no owner, or root",
    remedy=_PACK_AGAIN,
)
def tar_owners(archive: Archive) -> Iterator[Problem]:
    """A tar should not name users. tar writes the login of whoever packed it into every member."""
    users = {member.user for member in archive.members} - {"", "root", "nobody"}
    if users:
        yield problem(listing(map(excerpt, sorted(users))))


@tar_rule(
    "tar-one-folder",
    severity="warning",
    clause="house",
    expected="one folder that holds everything",
    remedy=_PACK_AGAIN,
)
def tar_one_folder(archive: Archive) -> Iterator[Problem]:
    """A tar should unpack into one folder of its own, so that it strews no files."""
    tops = {parts[0] for member in archive.members if (parts := member.parts)}
    if len(tops) > 1:
        yield problem(listing(map(excerpt, sorted(tops))))
