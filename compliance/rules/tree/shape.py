"""Rules on the shape of a submission tree: which parts it must have and how they fit together.

What its files are judged by otherwise: ``rules_tree_files.py`` (names, sizes, manifest),
``rules_tree_config.py``, ``rules_tree_contribution.py``, ``rules_tree_system.py`` (that what
they say agrees with the logs) and ``rules_tree_secrets.py``.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

from compliance.registry import Problem, problem, rule
from compliance.subjects.discover import MANIFEST
from compliance.subjects.subjects import Tree
from compliance.subjects.tree_read import digest, read_bytes, status
from compliance.subjects.tree_view import BENCHMARK, CONTRIBUTIONS, SCRIPTS, Folder, parts
from compliance.wording import listing


@rule(
    "tree-organisation",
    scope="tree",
    severity="error",
    clause="S 'Directory Structure'; G 'Directory structure'",
    expected=f"{MANIFEST} and one folder, named after the organisation",
    remedy="make the tree with `python -m submission.package`",
)
def tree_organisation(tree: Tree) -> Iterator[Problem]:
    """A tree must be the submission of one organisation, and nothing may lie beside it."""
    tops = {name.partition("/")[0] for name in tree.files if "/" in name}
    if len(tops) != 1:
        yield problem(f"{len(tops)} folders: {listing(sorted(tops)) or 'none'}")
    for name in tree.files:
        if "/" not in name and name != MANIFEST:
            yield problem(f"{name} beside the folder of the organisation")


@rule(
    "tree-science-files",
    scope="tree",
    severity="error",
    clause="S1 to S5; P 'Overview' (Markdown document)",
    expected=f"<org>/{BENCHMARK}/<system>/<descriptor>/ with the files that submit.adoc asks for",
    remedy="make the tree with `python -m submission.package`",
)
def tree_science_files(tree: Tree) -> Iterator[Problem]:
    """Each experiment must have its scripts, configuration, logs, contribution and README, none of
    them empty."""
    science = parts(tree).science
    if not science:
        yield problem(f"no folder <org>/{BENCHMARK}/<system>/<descriptor>/")
    for folder in science.values():
        yield from _missing(tree, folder, ("README.md", "config.yaml", *SCRIPTS))
        if not any(name in folder.files for name in CONTRIBUTIONS):
            yield problem("no scientific_contribution.md or .pdf", path=tree.root / folder.name)
        if not folder.results():
            yield problem("no result-1.txt", path=tree.root / folder.name)


@rule(
    "tree-general-files",
    scope="tree",
    severity="error",
    clause="G 'Directory structure', Training",
    expected="systems/, benchmarks/ and results/ with the files that the rules name",
    remedy="make the tree with `python -m submission.package`",
)
def tree_general_files(tree: Tree) -> Iterator[Problem]:
    """Each system with results must have its description, code, scripts, notes on the implementation
    and logs, none of them empty."""
    found = parts(tree)
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
            yield problem(f"no {system}_<implementation>.json", path=tree.root / scripts.name)


def _missing(tree: Tree, folder: Folder, names: tuple[str, ...]) -> Iterator[Problem]:
    for name in names:
        if name not in folder.files:
            yield problem(f"no {name}", path=tree.root / folder.name, expected=f"a file {name}")
        elif (found := status(tree, folder.path(name))) is not None and found.st_size == 0:
            yield problem("an empty file", path=tree.root / folder.path(name))


@rule(
    "tree-numbering",
    scope="tree",
    severity="error",
    clause="S2 (result-n.txt, from 1); G 'Directory structure' (result_<i>.txt, from 0)",
    expected="logs numbered without a gap",
    remedy="number the logs in the order of their seeds; a missing log must be accounted for",
)
def tree_numbering(tree: Tree) -> Iterator[Problem]:
    """Logs must be numbered without a gap, from 1 in the experiment's folder and from 0 below results."""
    found = parts(tree)
    for first, folders in ((1, found.science.values()), (0, found.results.values())):
        for folder in folders:
            numbers = list(folder.results())
            if numbers and numbers != list(range(first, first + len(numbers))):
                yield problem(
                    f"numbers {listing(map(str, numbers))}",
                    expected=f"{first} to {first + len(numbers) - 1}",
                    path=tree.root / folder.name,
                )


@rule(
    "tree-same-logs",
    scope="tree",
    severity="error",
    clause="S2; G 'Directory structure'",
    expected="result-1.txt is result_0.txt, result-2.txt is result_1.txt, and so on, byte for byte",
    remedy="copy the same logs into both layouts, in the same order",
)
def tree_same_logs(tree: Tree) -> Iterator[Problem]:
    """Both layouts must hold the same logs, byte for byte and in the same order."""
    found = parts(tree)
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
            if digest(tree, one) != digest(tree, other):
                yield problem(f"{one} differs from {other}", path=tree.root / one)


@rule(
    "script-executable",
    scope="tree",
    severity="error",
    clause="S1; G 'Directory structure' (setup.sh, init_datasets.sh, run_and_time.sh)",
    expected="a script that can be run: mode 755 and a first line with #!",
    remedy="chmod 755 the script and begin it with #!/usr/bin/env bash",
)
def script_executable(tree: Tree) -> Iterator[Problem]:
    """The scripts of a submission must be executable."""
    found = parts(tree)
    for folder in (*found.science.values(), *found.scripts.values()):
        for script in SCRIPTS:
            mode = status(tree, folder.path(script))
            if mode is None or not stat.S_ISREG(mode.st_mode):
                continue
            path = tree.root / folder.path(script)
            if not mode.st_mode & stat.S_IXUSR:
                yield problem(f"mode {stat.S_IMODE(mode.st_mode):o}", path=path)
            if not (read_bytes(tree, folder.path(script), 2) or b"").startswith(b"#!"):
                yield problem("no #! in the first line", line=1, path=path)


@rule(
    "code-licence",
    scope="tree",
    severity="error",
    clause="G 'Licensing'",
    expected="a file LICENSE at the root of the code",
    remedy="add the licence to the repository, commit, run and package again",
)
def code_licence(tree: Tree) -> Iterator[Problem]:
    """The code of a submission must come with its licence."""
    for folder in parts(tree).code.values():
        if not any(re.fullmatch(r"LICEN[CS]E(\.(md|txt))?", name) for name in folder.files):
            yield problem("no LICENSE", path=tree.root / folder.name)


RULES = (
    tree_organisation,
    tree_science_files,
    tree_general_files,
    tree_numbering,
    tree_same_logs,
    script_executable,
    code_licence,
)
