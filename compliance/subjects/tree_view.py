"""The parts of a submission tree, found by the names of its files.

Two layouts in one folder of the organisation: that of submit.adoc (S)
``<org>/<application>/<system>/<descriptor>/`` and that of the general submission rules
(G) ``<org>/systems``, ``<org>/benchmarks`` and ``<org>/results``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from compliance.subjects.subjects import Tree

#: The application's name in S and the benchmark's in G.
BENCHMARK = "cloudmask"

SCRIPTS = ("setup.sh", "init_datasets.sh", "run_and_time.sh")
#: The contribution, spelt correctly or as S4 spells it, in Markdown (P) or PDF (S).
CONTRIBUTIONS = tuple(
    f"{stem}.{kind}"
    for stem in ("scientific_contribution", "sientific_contribution")
    for kind in ("md", "pdf")
)

_SCIENCE = re.compile(rf"([^/]+)/{BENCHMARK}/([^/]+)/([^/]+)/(.+)")
_SYSTEM = re.compile(r"([^/]+)/systems/([^/]+)\.json")
_BENCHMARKS = re.compile(rf"([^/]+)/benchmarks/{BENCHMARK}/implementations/([^/]+)/(.+)")
_RESULTS = re.compile(rf"([^/]+)/results/([^/]+)/{BENCHMARK}/(.+)")

_SCIENCE_RESULT = re.compile(r"result-(\d+)\.txt")
_GENERAL_RESULT = re.compile(r"result_(\d+)\.txt")


@dataclass(frozen=True)
class Folder:
    """A folder of the tree: its name from the root, and the names of the files below it."""

    name: str
    files: frozenset[str]

    def path(self, file: str) -> str:
        """The name of one of its files from the root of the tree."""
        return f"{self.name}/{file}"

    def results(self) -> dict[int, str]:
        """Number -> name from the root, of the logs directly in the folder, in either layout's naming."""
        found = {}
        for file in self.files:
            match = _SCIENCE_RESULT.fullmatch(file) or _GENERAL_RESULT.fullmatch(file)
            if match and len(match[1]) < 10:
                found[int(match[1])] = self.path(file)
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class Parts:
    """What a tree consists of. Keys are (org, system), (org, name) and so on, as in the paths."""

    #: (org, system) -> description
    systems: dict[tuple[str, str], str]
    #: (org, system, descriptor) -> folder of S
    science: dict[tuple[str, str, str], Folder]
    #: (org, name) -> folder below implementations/ of G: code, or the scripts of a system
    implementations: dict[tuple[str, str], Folder]
    #: (org, system) -> folder of logs of G
    results: dict[tuple[str, str], Folder]

    @property
    def code(self) -> dict[tuple[str, str], Folder]:
        """(org, implementation) -> folder of code: those that are not named like a system."""
        named = self._system_names()
        return {key: folder for key, folder in self.implementations.items() if key not in named}

    @property
    def scripts(self) -> dict[tuple[str, str], Folder]:
        """(org, system) -> folder of the scripts that ran on the system."""
        named = self._system_names()
        return {key: folder for key, folder in self.implementations.items() if key in named}

    def _system_names(self) -> set[tuple[str, str]]:
        return {*self.systems, *self.results, *((org, system) for org, system, _ in self.science)}


def parts(tree: Tree) -> Parts:
    """Sort the files of a tree by what they are part of."""
    systems: dict[tuple[str, str], str] = {}
    folders: dict[str, dict[tuple[str, ...], set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in tree.files:
        if match := _SYSTEM.fullmatch(name):
            systems[match[1], match[2]] = name
        for kind, pattern in (("science", _SCIENCE), ("code", _BENCHMARKS), ("results", _RESULTS)):
            if match := pattern.fullmatch(name):
                *key, rest = match.groups()
                folders[kind][tuple(key)].add(rest)
    return Parts(
        systems,
        {
            (org, system, descriptor): Folder(f"{org}/{BENCHMARK}/{system}/{descriptor}", frozenset(files))
            for (org, system, descriptor), files in folders["science"].items()
        },
        {
            (org, name): Folder(f"{org}/benchmarks/{BENCHMARK}/implementations/{name}", frozenset(files))
            for (org, name), files in folders["code"].items()
        },
        {
            (org, system): Folder(f"{org}/results/{system}/{BENCHMARK}", frozenset(files))
            for (org, system), files in folders["results"].items()
        },
    )
