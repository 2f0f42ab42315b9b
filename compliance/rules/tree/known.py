"""Rules on what a bundle may contain: a list of names and kinds, so that nothing is submitted unnoticed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from benchmark.record.code.commit import COMMIT, LISTING
from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import DEMONSTRATION, SCRIPTS, Folder, SubmissionTree
from compliance.wording import excerpt


class Known(NamedTuple):
    """Files that a bundle may contain: a pattern of names, and the first bytes, in lower case."""

    names: re.Pattern[str]
    begins: bytes = b""


def _known(pattern: str, begins: bytes = b"") -> Known:
    return Known(re.compile(pattern), begins)


PNG, PDF, WEBP, ZIP, HTML = b"\x89png\r\n\x1a\n", b"%pdf-", b"riff", b"pk\x03\x04", b"<!doctype html>"
JSON_LD = b'{\n  "@context":'
_TEXTS = rf"README\.md|run_config\.yaml|{'|'.join(map(re.escape, SCRIPTS))}"

#: The files with the scripts of a system (G) ...
SCRIPTS_OF_SYSTEM = (
    _known(_TEXTS),
    _known(rf"{re.escape(COMMIT)}|{re.escape(LISTING)}|licences\.spdx\.json"),
)
#: ... and in the folder of an experiment (S), with their first bytes if they are not text.
EXPERIMENT = (
    _known(_TEXTS),
    _known(rf"config\.yaml|bundle\.json|{re.escape(DEMONSTRATION)}"),
    _known(r"result-\d+\.txt"),
    _known(r"scientific_contribution\.md"),
    _known(r"scientific_contribution\.pdf|sientific_contribution\.pdf", PDF),
    _known(r"report\.html", HTML),
    _known(r"ro-crate-metadata\.json|croissant-task\.jsonld", JSON_LD),
    _known(r"figures/(figure-\d+-[a-z-]+|map-\w+)\.png", PNG),
    _known(r"figures/(figure-\d+-[a-z-]+|map-\w+)\.pdf", PDF),
    _known(r"figures/(figure-\d+-[a-z-]+|map-\w+)\.webp", WEBP),
    _known(r"runs/\d+/(metrics|telemetry(-\d+)?)\.csv"),
    _known(r"runs/\d+/(timers\.txt|system(-\d+)?\.json|job\.slurm)"),
    _known(r"runs/\d+/weights\.npz", ZIP),
)


@tree_rule(
    "tree-known-file",
    clause="house",
    expected="the files that the packager writes, each of its kind (docs/submission.md)",
    remedy="leave the file out and package again; what the code needs belongs into the commit",
)
def tree_known_file(tree: SubmissionTree) -> Iterator[Problem]:
    """A bundle must hold nothing but what the packager writes. Other rules compare the code with its
    commit. Anything else must have a listed name, and a picture or document must really be one."""
    parts = tree.parts
    sources = {log.text("method_source") for logs in tree.logs.values() for log in logs.values()}
    for folder in parts.science.values():
        for file in sorted(folder.files):
            yield from _judge(tree, folder.path(file), file, EXPERIMENT, file in sources)
    for (_, _, system), folder in parts.scripts.items():
        for file in sorted(folder.files):
            notes = file.startswith(f"{system}_") and file.endswith(".json") and "/" not in file
            yield from _judge(tree, folder.path(file), file, SCRIPTS_OF_SYSTEM, notes or file in sources)
    for folder in parts.results.values():
        for file in sorted(folder.files - {name.rpartition("/")[2] for name in folder.results().values()}):
            yield problem("a file that no bundle has", path=tree.shown(folder.path(file)))
    known = {*parts.systems.values(), *(each.path(file) for each in _folders(tree) for file in each.files)}
    for name in tree.files:
        if "/" in name and name not in known:
            yield problem("a file that no bundle has", path=tree.shown(name))


def _folders(tree: SubmissionTree) -> Iterator[Folder]:
    parts = tree.parts
    for group in (parts.science, parts.implementations, parts.results):
        yield from group.values()


def _judge(
    tree: SubmissionTree, path: str, file: str, known: tuple[Known, ...], otherwise: bool
) -> Iterator[Problem]:
    """Report a file of a folder that is not among the known files, or not of its kind."""
    kind = next((each for each in known if each.names.fullmatch(file)), None)
    if kind is None:
        if not otherwise:
            yield problem("a file that no bundle has", path=tree.shown(path))
        return
    begin = (tree.content(path) or b"")[: len(kind.begins)]
    if begin.lower() != kind.begins:
        yield problem(f"contents that begin with {excerpt(repr(begin))}", path=tree.shown(path))
