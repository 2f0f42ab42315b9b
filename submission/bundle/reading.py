"""A bundle as it lies there: unpacked if it is an archive, and its runs read back from it.

A bundle comes from elsewhere: an archive is judged by the rules on tars before it is unpacked, no
link is followed, and what is read was found in the tree, never named by it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmark.core.errors import CloudMaskError, SubmissionError
from benchmark.record.run_folder import RunFolder
from compliance import registry
from compliance.rules import science_rules
from compliance.subjects.archive import ArchiveDefect, read_archive, unpack
from compliance.subjects.discover import discover
from compliance.subjects.parse import read_log
from compliance.subjects.subjects import Tree
from compliance.subjects.system import FIELDS
from compliance.subjects.tree_read import YamlDefect, is_regular, load_json, load_yaml, read_text
from compliance.subjects.tree_view import parts
from submission.bundle.layout import CONFIG, README, RUN_CONFIG, Layout
from submission.bundle.repository import Commit
from submission.documents.files import MOVED
from submission.runs.runs import RunSet, read_runs

#: What README says of the packager's options and of the files that were left out; both are of the
#: packaging and not of the runs.
_OPTIONS = re.compile(r"^python -m submission\.package --logs logs/ (.*)$", re.M)
_LEFT_OUT = re.compile(r"files whose names begin with a dot, which .* refuses: (.*)\.$", re.M)

#: Stands for a folder that only the machine of the runs had; README names none.
ELSEWHERE = Path("/elsewhere")


@dataclass(frozen=True)
class Bundle:
    """What a bundle says: ``options`` and ``left_out`` as `submission.package` took them."""

    tree: Tree
    layout: Layout
    runs: RunSet
    commit: Commit
    system: dict[str, str]
    options: str
    left_out: tuple[str, ...]


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder of a bundle: itself, or an archive's contents in a folder that is removed at the end.

    Raises CloudMaskError where the archive is not safe to unpack.
    """
    if path.is_dir():
        yield path
        return
    try:
        archive = read_archive(path)
    except OSError as error:
        raise no_bundle(path, error.strerror or str(error)) from None
    for finding in registry.run("tar", archive, science_rules()):
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
        except (ArchiveDefect, OSError) as error:
            raise no_bundle(path, str(error)) from None
        tops = [*Path(folder).iterdir()]
        if len(tops) != 1:
            raise no_bundle(path, f"{len(tops)} files and folders at its top")
        yield tops[0]


def find_tree(root: Path) -> Tree:
    """The submission tree of a folder. Raises CloudMaskError where the folder is none."""
    trees = discover(root).trees
    if len(trees) != 1:
        raise no_bundle(root, "no submission tree")
    return trees[0]


@contextlib.contextmanager
def read_bundle(tree: Tree) -> Iterator[Bundle]:
    """The bundle of a tree with one experiment; its runs are copied aside while the block lasts.

    Raises CloudMaskError where a part is missing or unusable, and where a log and what lies beside
    it are not of one run.
    """
    layout = _layout(tree)
    with tempfile.TemporaryDirectory(prefix="cloudmask-runs-") as folder:
        readme = read_text(tree, _name(layout, layout.science / README)) or ""
        names = _copy_runs(tree, layout, Path(folder), moved=MOVED in readme)
        try:
            runs = read_runs([Path(folder)])
        except CloudMaskError as error:
            raise _in_bundle(error, names) from None
        options, left_out = _OPTIONS.search(readme), _LEFT_OUT.search(readme)
        yield Bundle(
            tree,
            layout,
            runs,
            _commit(tree, layout),
            _system(tree, layout),
            options[1] if options else "",
            tuple(re.findall(r"`([^`]+)`", left_out[1])) if left_out else (),
        )


def _layout(tree: Tree) -> Layout:
    experiments = list(parts(tree).science)
    if len(experiments) != 1:
        raise SubmissionError(
            tree.root,
            found=f"{len(experiments)} experiments",
            expected="one, as `python -m submission.package` makes them",
            remedy="name the folder or the archive of one bundle",
        )
    return Layout(tree.root, *experiments[0])


def _copy_runs(tree: Tree, layout: Layout, folder: Path, *, moved: bool) -> dict[str, str]:
    """Lay out the runs as folders below ``folder``; returns what each copy is called in the bundle.

    ``moved``: they had their data in folders of their machine.
    """
    science = next(iter(parts(tree).science.values()))
    config = _run_config(tree, science.path(RUN_CONFIG))
    if moved:
        config["data"] |= {split: str(ELSEWHERE / split) for split in ("training", "inference")}
    names: dict[str, str] = {}
    for number, log in science.results().items():
        if not is_regular(tree, log):
            raise SubmissionError(
                tree.root / log,
                found="no regular file",
                expected="the log of a run",
                remedy="ask the submitter for the bundle again",
            )
        run = RunFolder(folder / f"run-{number}")
        run.root.mkdir()
        sources = {
            run.log: log,
            run.system: _name(layout, layout.run(number) / run.system.name),
            run.metrics: _name(layout, layout.run(number) / run.metrics.name),
        }
        for copy, name in sources.items():
            if is_regular(tree, name):
                shutil.copyfile(tree.root / name, copy)
        seeded = {**config, "seed": read_log(run.log).integer("seed")}
        run.config.write_text(yaml.safe_dump(seeded, sort_keys=False), encoding="utf-8")
        sources |= {run.config: science.path(RUN_CONFIG), run.root: log}
        names |= {str(copy): str(tree.root / name) for copy, name in sources.items()}
    return names


def _run_config(tree: Tree, name: str) -> dict[str, Any]:
    """The configuration of the runs, without a seed."""
    try:
        config = load_yaml(read_text(tree, name) or "")
    except YamlDefect as error:
        found = str(error)
    else:
        if isinstance(config, dict) and isinstance(config.get("data"), dict):
            return config
        found = "no mapping with data"
    raise SubmissionError(
        tree.root / name,
        found=found,
        expected="the configuration of the runs",
        remedy="ask the submitter for the bundle again",
    )


def _in_bundle(error: CloudMaskError, names: dict[str, str]) -> SubmissionError:
    """An error about the copies of the runs, told of the files of the bundle."""

    def named(text: str) -> str:
        for copy in sorted(names, key=len, reverse=True):
            text = text.replace(copy, names[copy])
        return text

    remedy = "look at the checker's findings, and ask the submitter for the bundle again"
    return SubmissionError(
        named(error.where), found=named(error.found), expected=named(error.expected), remedy=remedy
    )


def _commit(tree: Tree, layout: Layout) -> Commit:
    """The commit as config.yaml names it; its time is not in a bundle and stays 0."""
    name = _name(layout, layout.science / CONFIG)
    try:
        config = load_yaml(read_text(tree, name) or "")
    except YamlDefect:  # the checker says what is wrong with it
        config = None
    github = config.get("github") if isinstance(config, dict) else None
    fields = [github.get(key) if isinstance(github, dict) else None for key in ("commit", "repo", "tag")]
    sha, repo, tag = (field if isinstance(field, str) else "" for field in fields)
    if not (sha and repo and tag):
        raise SubmissionError(
            tree.root / name,
            found="no commit, repo and tag under github",
            expected="the code that ran (S3)",
            remedy="ask the submitter for the bundle again",
        )
    return Commit(layout.code, sha, 0, repo, tag)


def _system(tree: Tree, layout: Layout) -> dict[str, str]:
    name = _name(layout, layout.system_description)
    fields = load_json(tree, name)
    if not isinstance(fields, dict) or not all(isinstance(fields.get(field), str) for field in FIELDS):
        raise SubmissionError(
            tree.root / name,
            found="no readable description with a text in every field",
            expected="the description of the system that ran",
            remedy="see the checker's findings: python -m compliance.check",
        )
    return {field: fields[field] for field in FIELDS}


def _name(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()


def no_bundle(path: Path, found: str) -> SubmissionError:
    """What to say of a path that is no bundle."""
    return SubmissionError(
        path,
        found=found,
        expected="a bundle of `python -m submission.package`: its folder or its .tar.gz",
        remedy="name the folder with MANIFEST.sha256 in it, or the archive",
    )
