"""Rules on the shape of a submission tree: which parts it must have and how they fit together.

What its files are judged by otherwise: ``files.py`` (names, sizes, manifest), ``config.py``,
``contribution.py``, ``system.py`` (that what they say agrees with the logs) and ``secrets.py``.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import BENCHMARK, CONTRIBUTIONS, MANIFEST, SCRIPTS, Folder, SubmissionTree
from compliance.wording import listing


@tree_rule(
    "tree-organisation",
    clause="S-organization, S-tree, G-tree",
    expected=f"{MANIFEST} and one folder, named after the organisation",
    remedy="make the tree with `python -m submission.package`",
)
def tree_organisation(tree: SubmissionTree) -> Iterator[Problem]:
    """A tree must be the submission of one organisation, and nothing may lie next to it."""
    tops = {name.partition("/")[0] for name in tree.files if "/" in name}
    if len(tops) != 1:
        yield problem(f"{len(tops)} folders: {listing(sorted(tops)) or 'none'}")
    for name in tree.files:
        if "/" not in name and name != MANIFEST:
            yield problem(f"{name} next to the folder of the organisation")


@tree_rule(
    "tree-science-files",
    clause="S-tree, S-application, S1, S2, S3, S4, S5",
    expected=f"<org>/{BENCHMARK}/<system>/<descriptor>/ with the files that submit.adoc asks for",
    remedy="make the tree with `python -m submission.package`",
)
def tree_science_files(tree: SubmissionTree) -> Iterator[Problem]:
    """Each experiment must have its scripts, configuration, logs, contribution and README, none of
    them empty."""
    science = tree.parts.science
    if not science:
        yield problem(f"no folder <org>/{BENCHMARK}/<system>/<descriptor>/")
    for folder in science.values():
        yield from _missing(tree, folder, ("README.md", "config.yaml", *SCRIPTS))
        if not any(name in folder.files for name in CONTRIBUTIONS):
            yield problem("no scientific_contribution.md or .pdf", path=tree.shown(folder.name))
        if not folder.results():
            yield problem("no result-1.txt", path=tree.shown(folder.name))


@tree_rule(
    "tree-general-files",
    clause="G-content, G-tree, G-scripts, G-results, G-implementation-json",
    expected="systems/, benchmarks/ and results/ with the files that the rules name",
    remedy="make the tree with `python -m submission.package`",
)
def tree_general_files(tree: SubmissionTree) -> Iterator[Problem]:
    """Each system with results must have its description, code, scripts, notes on the implementation
    and logs, none of them empty."""
    found = tree.parts
    if not found.code:
        yield problem(f"no code below <org>/benchmarks/{BENCHMARK}/implementations/<implementation>/")
    systems = {*found.systems, *found.results, *((org, system) for org, system, _ in found.science)}
    for org, system in sorted(systems):
        if (org, system) not in found.systems:
            yield problem(f"no {org}/systems/{system}.json")
        results = found.results.get((org, system))
        if results is None or not results.results():
            yield problem(f"no {org}/results/{system}/{BENCHMARK}/result_0.txt")
        scripts = found.scripts.get((org, system))
        if scripts is None:
            yield problem(f"no {org}/benchmarks/{BENCHMARK}/implementations/{system}/")
            continue
        yield from _missing(tree, scripts, ("README.md", *SCRIPTS))
        notes = [f"{system}_{name}.json" for owner, name in found.code if owner == org]
        if not any(name in scripts.files for name in notes):
            yield problem(f"no {system}_<implementation>.json", path=tree.shown(scripts.name))


def _missing(tree: SubmissionTree, folder: Folder, names: tuple[str, ...]) -> Iterator[Problem]:
    for name in names:
        if name not in folder.files:
            yield problem(f"no {name}", path=tree.shown(folder.name), expected=f"a file {name}")
        elif (found := tree.status(folder.path(name))) is not None and found.st_size == 0:
            yield problem("an empty file", path=tree.shown(folder.path(name)))


@tree_rule(
    "tree-numbering",
    clause="S2",
    expected="logs numbered without a gap",
    remedy="number the logs in the order of their seeds; a missing log must be accounted for",
)
def tree_numbering(tree: SubmissionTree) -> Iterator[Problem]:
    """Logs must be numbered without a gap, from 1 in the experiment's folder and from 0 below results."""
    found = tree.parts
    for first, folders in ((1, found.science.values()), (0, found.results.values())):
        for folder in folders:
            numbers = list(folder.results())
            if numbers and numbers != list(range(first, first + len(numbers))):
                yield problem(
                    f"numbers {listing(map(str, numbers))}",
                    expected=f"{first} to {first + len(numbers) - 1}",
                    path=tree.shown(folder.name),
                )


@tree_rule(
    "tree-same-logs",
    clause="house",
    expected="result-1.txt is result_0.txt, result-2.txt is result_1.txt, and so on, byte for byte",
    remedy="copy the same logs into both layouts, in the same order",
)
def tree_same_logs(tree: SubmissionTree) -> Iterator[Problem]:
    """Both layouts must hold the same logs, byte for byte and in the same order."""
    found = tree.parts
    science: dict[tuple[str, str], list[str]] = {}
    for (org, system, _), folder in sorted(found.science.items()):
        science.setdefault((org, system), []).extend(folder.results().values())
    for key in sorted({*science, *found.results}):
        ours = science.get(key, [])
        general = list(found.results[key].results().values()) if key in found.results else []
        if len(ours) != len(general):
            yield problem(
                f"{len(ours)} logs in the experiment's folders of {key[1]}, {len(general)} below results"
            )
        for one, other in zip(ours, general, strict=False):
            if tree.digest(one) != tree.digest(other):
                yield problem(f"{one} differs from {other}", path=tree.shown(one))


@tree_rule(
    "script-executable",
    clause="house",
    expected="a script that can be run: mode 755 and a first line with #!",
    remedy="chmod 755 the script and begin it with #!/usr/bin/env bash",
)
def script_executable(tree: SubmissionTree) -> Iterator[Problem]:
    """The scripts of a submission must be executable."""
    found = tree.parts
    for folder in (*found.science.values(), *found.scripts.values()):
        for script in SCRIPTS:
            mode = tree.status(folder.path(script))
            if mode is None or not stat.S_ISREG(mode.st_mode):
                continue
            path = tree.shown(folder.path(script))
            if not mode.st_mode & stat.S_IXUSR:
                yield problem(f"mode {stat.S_IMODE(mode.st_mode):o}", path=path)
            if not (tree.content(folder.path(script)) or b"").startswith(b"#!"):
                yield problem("no #! in the first line", line=1, path=path)


@tree_rule(
    "code-licence",
    clause="P-open-source, G-licence",
    expected="a file LICENSE at the root of the code",
    remedy="add the licence to the repository, commit, run and package again",
)
def code_licence(tree: SubmissionTree) -> Iterator[Problem]:
    """The code of a submission must come with its licence."""
    for folder in tree.parts.code.values():
        if not any(re.fullmatch(r"LICEN[CS]E(\.(md|txt))?", name) for name in folder.files):
            yield problem("no LICENSE", path=tree.shown(folder.name))
