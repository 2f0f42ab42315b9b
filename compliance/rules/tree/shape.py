"""Rules on the shape of a submission tree: which parts it must have and how they fit together.

Other rules on its files: ``files.py`` (names, sizes, manifest), ``config.py``,
``contribution.py``, ``system.py`` (agreement with the logs) and ``secrets.py``.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compliance.benchmarks import BENCHMARKS
from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import CONTRIBUTIONS, MANIFEST, SCRIPTS, Folder, SubmissionTree
from compliance.wording import excerpt, listing

#: The names of the two layouts in the rules.
OF_SCIENCE = "<org>/<application>/<system>/<descriptor>/"
OF_GENERAL = "<org>/systems/, benchmarks/ and results/"
#: Usual suffixes of scripts.
SCRIPT_NAMES = (".sh", ".bash", ".py", ".slurm", ".sbatch", ".pbs", ".job")
NOTEBOOK = ".ipynb"


@tree_rule(
    "tree-layout",
    clause="S-tree, G-tree",
    expected=f"{OF_SCIENCE} with an application of {listing(BENCHMARKS, last='or')}, or {OF_GENERAL}",
    remedy="lay the files out as submit.adoc or the general submission rules say; both may be in one tree",
)
def tree_layout(tree: SubmissionTree) -> Iterator[Problem]:
    """A tree must have the layout of submit.adoc or that of the general submission rules."""
    if not tree.parts.science and not tree.parts.general:
        yield problem("neither")


@tree_rule(
    "tree-both-layouts",
    clause="house",
    expected="both layouts, each with the same runs",
    remedy="make the tree with `python -m submission.package`",
)
def tree_both_layouts(tree: SubmissionTree) -> Iterator[Problem]:
    """A bundle must have both layouts. submit.adoc requires one and refers to the rules that
    require the other."""
    if not tree.parts.science:
        yield problem(f"no folder {OF_SCIENCE}")
    if not tree.parts.general:
        yield problem("no folders <org>/benchmarks/ and <org>/results/")


@tree_rule(
    "tree-organisation",
    clause="S-organization, S-tree, G-tree",
    expected="one folder, named after the organisation",
    remedy="submit the work of each organisation as a separate tree",
)
def tree_organisation(tree: SubmissionTree) -> Iterator[Problem]:
    """A tree must be the submission of one organisation."""
    tops = {name.partition("/")[0] for name in tree.files if "/" in name}
    if len(tops) != 1:
        yield problem(f"{len(tops)} folders: {listing(sorted(tops)) or 'none'}")


@tree_rule(
    "tree-stray-file",
    clause="house",
    expected=f"{MANIFEST} and the folder of the organisation, nothing else",
    remedy="move the file into the folder of the organisation, or leave it out, and package again",
)
def tree_stray_file(tree: SubmissionTree) -> Iterator[Problem]:
    """Nothing but the manifest may lie outside the folder of the organisation."""
    for name in tree.files:
        if "/" not in name and name != MANIFEST:
            yield problem(f"{name} outside the folder of the organisation")


@tree_rule(
    "tree-science-files",
    clause="S-tree, S-application, S2, S3, S4, S5",
    expected=f"{OF_SCIENCE} with the files that submit.adoc names",
    remedy="add the file; `python -m submission.package` writes all of them for the logs of this benchmark",
)
def tree_science_files(tree: SubmissionTree) -> Iterator[Problem]:
    """Each experiment must have its configuration, logs, contribution and README, none of them empty."""
    for folder in tree.parts.science.values():
        yield from _missing(tree, folder, ("README.md", "config.yaml"))
        contributions = [name for name in CONTRIBUTIONS if name in folder.files]
        if not contributions:
            yield problem("no scientific_contribution.md or .pdf", path=tree.shown(folder.name))
        yield from _missing(tree, folder, contributions)
        if not folder.results():
            yield problem("no result-1.txt", path=tree.shown(folder.name))


@tree_rule(
    "tree-science-scripts",
    clause="S1",
    expected="at least one script that can be run: its mode allows it and it begins with #!, or a notebook",
    remedy="add the scripts that ran the benchmark, each with mode 755 and a first line such as "
    "#!/usr/bin/env bash",
)
def tree_science_scripts(tree: SubmissionTree) -> Iterator[Problem]:
    """Each experiment must have scripts that run it. The submitter chooses their names."""
    for folder in tree.parts.science.values():
        names = [folder.path(file) for file in sorted(folder.files)]
        if any(name.endswith(NOTEBOOK) or _runs(tree, name) for name in names):
            continue
        found = "no script"
        for name in names:
            if name.endswith(SCRIPT_NAMES) and (mode := tree.status(name)) is not None:
                found = f"{name} has mode {stat.S_IMODE(mode.st_mode):o}"
                if mode.st_mode & stat.S_IXUSR:
                    found = f"{name} does not begin with #!"
                break
        yield problem(found, path=tree.shown(folder.name))


def _runs(tree: SubmissionTree, name: str) -> bool:
    """Whether a file is a script that the system can run."""
    mode = tree.status(name)
    if mode is None or not stat.S_ISREG(mode.st_mode) or not mode.st_mode & stat.S_IXUSR:
        return False
    return (tree.content(name) or b"").startswith(b"#!")


@tree_rule(
    "tree-script-names",
    clause="house",
    expected=f"{listing(SCRIPTS)} in the experiment's folder",
    remedy="make the tree with `python -m submission.package`",
)
def tree_script_names(tree: SubmissionTree) -> Iterator[Problem]:
    """Each experiment must have the scripts that the general rules name. They require them in the
    other layout; with scripts here, each layout can be used without the other."""
    for folder in tree.parts.science.values():
        yield from _missing(tree, folder, SCRIPTS)


@tree_rule(
    "tree-general-files",
    clause="G-content, G-tree, G-scripts, G-results, G-implementation-json",
    expected=f"{OF_GENERAL} with the files that the rules name",
    remedy="add the file; `python -m submission.package` writes all of them for the logs of this benchmark",
)
def tree_general_files(tree: SubmissionTree) -> Iterator[Problem]:
    """Each system with results must have its description, code, scripts, notes on the implementation
    and logs, none of them empty. The rule skips trees without the general layout."""
    found = tree.parts
    if not found.general:
        return
    benchmarks = sorted(
        {(org, name) for org, _, name in found.results} | {key[:2] for key in found.implementations}
    )
    for org, benchmark in benchmarks:
        if not any(key[:2] == (org, benchmark) for key in found.code):
            yield problem(f"no code below {org}/benchmarks/{benchmark}/implementations/<implementation>/")
    runs = {*found.results, *((org, system, benchmark) for org, benchmark, system in found.scripts)}
    for org, system in sorted({*found.systems, *(key[:2] for key in runs)}):
        if (org, system) not in found.systems:
            yield problem(f"no {org}/systems/{system}.json")
        of_system = sorted(benchmark for owner, name, benchmark in runs if (owner, name) == (org, system))
        # a system that is described but was never run needs them for every benchmark
        for benchmark in of_system or [name for owner, name in benchmarks if owner == org]:
            yield from _of_system(tree, org, system, benchmark)


def _of_system(tree: SubmissionTree, org: str, system: str, benchmark: str) -> Iterator[Problem]:
    """Report what the general rules require for a benchmark on a system and the tree lacks."""
    results = tree.parts.results.get((org, system, benchmark))
    if results is None or not results.results():
        yield problem(f"no {org}/results/{system}/{benchmark}/result_0.txt")
    scripts = tree.parts.scripts.get((org, benchmark, system))
    if scripts is None:
        yield problem(f"no {org}/benchmarks/{benchmark}/implementations/{system}/")
        return
    yield from _missing(tree, scripts, ("README.md", *SCRIPTS))
    codes = (code for owner, name, code in tree.parts.code if (owner, name) == (org, benchmark))
    if not any(f"{system}_{code}.json" in scripts.files for code in codes):
        yield problem(f"no {system}_<implementation>.json", path=tree.shown(scripts.name))


def _missing(tree: SubmissionTree, folder: Folder, names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        if name not in folder.files:
            yield problem(f"no {name}", path=tree.shown(folder.name), expected=f"a file {name}")
        elif (found := tree.status(folder.path(name))) is not None and found.st_size == 0:
            yield problem("an empty file", path=tree.shown(folder.path(name)))


@tree_rule(
    "tree-numbering",
    clause="S2",
    expected="logs numbered without a gap",
    remedy="number the logs of the runs 1, 2, 3 and so on; a missing log must be accounted for",
)
def tree_numbering(tree: SubmissionTree) -> Iterator[Problem]:
    """Logs in the folder of an experiment must be numbered from 1 without a gap."""
    yield from _misnumbered(tree, tree.parts.science, 1)


@tree_rule(
    "tree-general-numbering",
    clause="G-results",
    expected="logs numbered without a gap",
    remedy="number the logs of the runs 0, 1, 2 and so on; a missing log must be accounted for",
)
def tree_general_numbering(tree: SubmissionTree) -> Iterator[Problem]:
    """Logs below results must be numbered from 0 without a gap. The general rules do not say where
    numbers begin; published results begin with 0."""
    yield from _misnumbered(tree, tree.parts.results, 0)


def _misnumbered(tree: SubmissionTree, folders: Mapping[Any, Folder], first: int) -> Iterator[Problem]:
    for folder in folders.values():
        numbers = list(folder.results())
        if numbers and numbers != list(range(first, first + len(numbers))):
            yield problem(
                f"numbers {listing(map(str, numbers))}",
                expected=f"{first} to {first + len(numbers) - 1}",
                path=tree.shown(folder.name),
            )


@tree_rule(
    "tree-application",
    clause="S-application, G-tree",
    expected="logs of the benchmark that the folder is named after",
    remedy="move the logs to the folder of their benchmark",
)
def tree_application(tree: SubmissionTree) -> Iterator[Problem]:
    """The logs of a folder must be of the benchmark that the folder is named after."""
    for _, application, _, folder in tree.parts.runs:
        for name, log in tree.logs[folder.name].items():
            stated = log.text("submission_benchmark")
            if stated is not None and stated.casefold() != application:
                yield problem(f"benchmark {excerpt(stated)}", expected=application, path=tree.shown(name))


@tree_rule(
    "tree-same-logs",
    clause="house",
    expected="result-1.txt is result_0.txt, result-2.txt is result_1.txt, and so on, byte for byte",
    remedy="copy the same logs into both layouts, in the same order",
)
def tree_same_logs(tree: SubmissionTree) -> Iterator[Problem]:
    """Both layouts must hold the same logs, byte for byte and in the same order."""
    found = tree.parts
    science: dict[tuple[str, str, str], list[str]] = {}
    for (org, application, system, _), folder in sorted(found.science.items()):
        science.setdefault((org, system, application), []).extend(folder.results().values())
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
    remedy="add the licence to the root of the code; for a bundle of ours, commit it before the runs",
)
def code_licence(tree: SubmissionTree) -> Iterator[Problem]:
    """The code of a submission must come with its licence."""
    for folder in tree.parts.code.values():
        if not any(re.fullmatch(r"LICEN[CS]E(\.(md|txt))?", name) for name in folder.files):
            yield problem("no LICENSE", path=tree.shown(folder.name))
