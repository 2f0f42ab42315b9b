"""Read a bundle from disk: unpack it if it is an archive, and read its runs.

Bundles come from other people: an archive must pass the rules on tars before it is unpacked, links are
not followed, and only files found in the tree are read, never paths named in it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml

from benchmark.core.errors import CloudMaskError, SubmissionError
from benchmark.core.files import reason_of
from benchmark.core.plain_yaml import YamlDefect, parse_yaml
from benchmark.record.run_folder import RunFolder
from compliance import registry
from compliance.rules import own_rules
from compliance.subjects.discover import discover
from compliance.subjects.parse import read_log
from compliance.subjects.system import FIELDS
from compliance.subjects.tree import DEMONSTRATION, SubmissionTree
from compliance.subjects.trees.archive import ArchiveDefect, read_archive, unpack
from submission.bundle.layout import CONFIG, README, RUN_CONFIG, BundleLayout, BundleName
from submission.bundle.provenance import Provenance, from_json
from submission.bundle.repository import Commit
from submission.bundle.sources import Sources
from submission.runs.runs import read_runs

#: The packager's options and the left-out files in the README of a bundle without bundle.json.
_OPTIONS = re.compile(r"^python -m submission\.package --logs logs/ (.*)$", re.M)
_LEFT_OUT = re.compile(r"files whose names begin with a dot, which .* refuses: (.*)\.$", re.M)


@dataclass(frozen=True)
class Bundle(Sources):
    """A bundle on disk: its tree and layout, its runs, their code and system, and how it was made."""

    tree: SubmissionTree
    layout: BundleLayout


def with_name(path: Path) -> Path:
    """Return the path, with ``.`` and ``..`` resolved, since a bundle needs a name."""
    return path if path.name not in ("", "..") else Path(os.path.abspath(path))


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folder of a bundle and its name for messages: the path itself, or an archive unpacked
    into a folder that is removed at the end.

    Raises CloudMaskError if the archive is not safe to unpack.
    """
    if path.is_dir():
        yield path, str(path)
        return
    try:
        archive = read_archive(path)
    except OSError as error:
        raise no_bundle(path, reason_of(error)) from None
    for finding in registry.run("tar", archive, own_rules()):
        if finding.severity == "error":
            raise SubmissionError(
                path,
                found=f"[{finding.rule}] {finding.found}",
                expected=finding.expected,
                remedy=finding.remedy,
            )
    with tempfile.TemporaryDirectory(prefix="cloudmask-verify-") as folder:
        try:
            unpack(archive, Path(folder))
        except ArchiveDefect as error:
            raise no_bundle(path, str(error)) from None
        tops = [*Path(folder).iterdir()]
        if len(tops) != 1:
            raise no_bundle(path, f"{len(tops)} files and folders at its top")
        yield tops[0], f"{path}!/{tops[0].name}"


def find_tree(root: Path, name: str = "") -> SubmissionTree:
    """Return the only submission tree in a folder, shown as ``name``. Raises CloudMaskError otherwise."""
    trees = discover(root, shown=lambda path: str(PurePath(name or root, path.relative_to(root)))).trees
    trees = [tree for tree in trees if tree.is_bundle]
    if len(trees) != 1:
        raise no_bundle(Path(name or root), "no submission tree")
    return trees[0]


@contextlib.contextmanager
def read_bundle(tree: SubmissionTree) -> Iterator[Bundle]:
    """Yield the bundle of a tree with one experiment; a copy of its runs exists during the block.

    Raises CloudMaskError if a part is missing or unusable, or if a log and the files next to it are
    not from the same run.
    """
    layout = _layout(tree)
    with tempfile.TemporaryDirectory(prefix="cloudmask-runs-") as folder:
        names = _copy_runs(tree, layout, Path(folder))
        try:
            runs = read_runs([Path(folder)])
        except CloudMaskError as error:
            raise _in_bundle(error, names) from None
        yield Bundle(
            runs, _commit(tree, layout), _system(tree, layout), _provenance(tree, layout), tree, layout
        )


def _provenance(tree: SubmissionTree, layout: BundleLayout) -> Provenance:
    """Return how the bundle was made. Raises SubmissionError for an unreadable bundle.json."""
    name = _name(layout, layout.provenance)
    if name in tree.files:
        return from_json(tree.json(name), tree.shown(name))
    readme = tree.text(_name(layout, layout.science / README)) or ""
    options, left_out = _OPTIONS.search(readme), _LEFT_OUT.search(readme)
    return Provenance(
        options=options[1] if options else "",
        described_by_hand=bool(options and "--system " in options[1]),
        left_out=tuple(re.findall(r"`([^`]+)`", left_out[1])) if left_out else (),
    )


def _layout(tree: SubmissionTree) -> BundleLayout:
    experiments = [(org, system, descriptor) for org, _, system, descriptor in tree.parts.science]
    if len(experiments) != 1:
        raise SubmissionError(
            tree.name,
            found=f"{len(experiments)} experiments",
            expected="one, as `python -m submission.package` makes them",
            remedy="name the folder or the archive of one bundle",
        )
    marked = any(DEMONSTRATION in folder.files for folder in tree.parts.science.values())
    return BundleLayout(tree.root, BundleName(*experiments[0], demonstration=marked))


def _copy_runs(tree: SubmissionTree, layout: BundleLayout, folder: Path) -> dict[str, str]:
    """Copy the runs to run folders below ``folder``; return each copy's name in the bundle."""
    science = next(iter(tree.parts.science.values()))
    config = _run_config(tree, science.path(RUN_CONFIG))
    names: dict[str, str] = {}
    for number, log in science.results().items():
        if not tree.is_regular(log):
            raise _unusable(tree.shown(log), "no regular file", "the log of a run")
        run = RunFolder(folder / f"run-{number}")
        run.root.mkdir()
        sources = {
            run.log: log,
            run.system: _name(layout, layout.run(number) / run.system.name),
            run.metrics: _name(layout, layout.run(number) / run.metrics.name),
        }
        method = config.get("method")
        if isinstance(method, dict) and str(method.get("name")).endswith(".py"):
            sources[run.method] = science.path(str(method["name"]))
        for copy, name in sources.items():
            if tree.is_regular(name):
                shutil.copyfile(tree.root / name, copy)
        seeded = {**config, "seed": read_log(run.log).integer("seed")}
        run.config.write_text(yaml.safe_dump(seeded, sort_keys=False), encoding="utf-8")
        sources |= {run.config: science.path(RUN_CONFIG), run.root: log}
        names |= {str(copy): tree.shown(name) for copy, name in sources.items()}
    return names


def _run_config(tree: SubmissionTree, name: str) -> dict[str, Any]:
    """Return the configuration of the runs, without a seed. Raises SubmissionError if it is unusable."""
    try:
        config = parse_yaml(tree.text(name) or "")
    except YamlDefect as error:
        found = str(error)
    else:
        if isinstance(config, dict) and isinstance(config.get("data"), dict):
            return config
        found = "no mapping with data"
    raise _unusable(tree.shown(name), found, "the configuration of the runs")


def _in_bundle(error: CloudMaskError, names: dict[str, str]) -> SubmissionError:
    """Rewrite an error about copies of the runs so that it names the files of the bundle."""

    def named(text: str) -> str:
        for copy in sorted(names, key=len, reverse=True):
            text = text.replace(copy, names[copy])
        return text

    remedy = "look at the checker's findings, and ask the submitter for the bundle again"
    return SubmissionError(
        named(error.where), found=named(error.found), expected=named(error.expected), remedy=remedy
    )


def _commit(tree: SubmissionTree, layout: BundleLayout) -> Commit:
    """Return the commit that config.yaml names; its time is not in a bundle and stays 0."""
    name = _name(layout, layout.science / CONFIG)
    try:
        config = parse_yaml(tree.text(name) or "")
    except YamlDefect:  # the checker reports it
        config = None
    github = config.get("github") if isinstance(config, dict) else None
    fields = [github.get(key) if isinstance(github, dict) else None for key in ("commit", "repo", "tag")]
    sha, repo, tag = (field if isinstance(field, str) else "" for field in fields)
    if not (sha and repo and tag):
        raise _unusable(tree.shown(name), "no commit, repo and tag under github", "the code that ran (S3)")
    return Commit(layout.code, sha, 0, repo, tag)


def _system(tree: SubmissionTree, layout: BundleLayout) -> dict[str, str]:
    name = _name(layout, layout.system_description)
    fields = tree.json(name)
    if not isinstance(fields, dict) or not all(isinstance(fields.get(field), str) for field in FIELDS):
        raise SubmissionError(
            tree.shown(name),
            found="no readable description with a text in every field",
            expected="the description of the system that ran",
            remedy="see the checker's findings: python -m compliance.check",
        )
    return {field: fields[field] for field in FIELDS}


def _name(layout: BundleLayout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()


def _unusable(where: str, found: str, expected: str) -> SubmissionError:
    """Return the error for a part of a bundle that the packager would not have written."""
    remedy = "ask the submitter for the bundle again"
    return SubmissionError(where, found=found, expected=expected, remedy=remedy)


def no_bundle(path: Path, found: str) -> SubmissionError:
    """Return the error for a path that is not a bundle."""
    return SubmissionError(
        path,
        found=found,
        expected="a bundle of `python -m submission.package`: its folder or its .tar.gz",
        remedy="name the folder with MANIFEST.sha256 in it, or the archive",
    )
