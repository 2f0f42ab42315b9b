"""A submission tree: its parts, identified by file names, and their content, read once.

An organisation's folder has one or both of two layouts: that of submit.adoc (S),
``<org>/<application>/<system>/<descriptor>/``, and that of the general submission rules
(G), ``<org>/systems``, ``<org>/benchmarks`` and ``<org>/results``. The applications of S are the
benchmarks of G: the four of MLCommons Science.

Executes nothing and follows no symbolic links. A file that does not exist or cannot be read
is None; other rules require that it exists.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from benchmark.core.files import sha256_of
from benchmark.core.plain_yaml import YamlDefect, parse_mapping
from compliance.benchmarks import BENCHMARKS
from compliance.subjects.folders import names_below
from compliance.subjects.log import Log, condense
from compliance.subjects.parse import LogReader, read_log

MANIFEST = "MANIFEST.sha256"
CONFIG = "config.yaml"
#: The folders of an organisation in G; no organisation has such a name.
GENERAL_FOLDERS = ("systems", "benchmarks", "results")

SCRIPTS = ("setup.sh", "init_datasets.sh", "run_and_time.sh")
#: The contribution, spelled correctly or as S4 spells it, in Markdown (P) or PDF (S).
CONTRIBUTIONS = tuple(
    f"{stem}.{kind}"
    for stem in ("scientific_contribution", "sientific_contribution")
    for kind in ("md", "pdf")
)

#: Marks a tree of runs on synthetic scenes, which is not a submission.
DEMONSTRATION = "DEMONSTRATION.md"

#: The most that is read of a file, and of a file as text: documents are a few kilobytes.
READ_BYTES = 32 * 1024 * 1024
TEXT_BYTES = 4 * 1024 * 1024
#: Contents up to this many bytes per tree are kept for other rules; a submission has a few megabytes.
KEPT_BYTES = 64 * 1024 * 1024

#: A line of the manifest, as sha256sum writes it.
MANIFEST_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\0\n]+)")
#: Names of the logs of a submission tree. Content does not decide: code and documents may quote events.
_LOG_NAMES = re.compile(r"result[_-].*\.txt")

_APPLICATION = f"({'|'.join(BENCHMARKS)})"
_ORG = rf"((?!(?:{'|'.join(GENERAL_FOLDERS)})/)[^/]+)"
_SCIENCE = re.compile(rf"{_ORG}/{_APPLICATION}/([^/]+)/([^/]+)/(.+)")
_SYSTEM = re.compile(rf"{_ORG}/systems/([^/]+)\.json")
_BENCHMARKS = re.compile(rf"{_ORG}/benchmarks/{_APPLICATION}/implementations/([^/]+)/(.+)")
_RESULTS = re.compile(rf"{_ORG}/results/([^/]+)/{_APPLICATION}/(.+)")

#: Names of logs in S and in G.
SCIENCE_RESULT = re.compile(r"result-(\d+)\.txt")
GENERAL_RESULT = re.compile(r"result_(\d+)\.txt")


@dataclass(frozen=True)
class Folder:
    """A folder of the tree: its name from the root, and the names of the files below it."""

    name: str
    files: frozenset[str]
    #: The pattern of log names in its layout.
    log_name: re.Pattern[str]

    def path(self, file: str) -> str:
        """Return the name of one of its files from the root of the tree."""
        return f"{self.name}/{file}"

    def results(self) -> dict[int, str]:
        """Map numbers to names from the root, for the logs directly in the folder."""
        found = {}
        for match in filter(None, map(self.log_name.fullmatch, self.files)):
            if len(match[1]) < 10:
                found[int(match[1])] = self.path(match[0])
        return dict(sorted(found.items()))


class Runs(NamedTuple):
    """A folder with logs, and the organisation, application and system that they belong to."""

    org: str
    application: str
    system: str
    folder: Folder


@dataclass(frozen=True)
class Parts:
    """The parts of a tree. Keys are the names in the paths, in order."""

    #: (org, system) -> description
    systems: dict[tuple[str, str], str]
    #: (org, application, system, descriptor) -> folder of S
    science: dict[tuple[str, str, str, str], Folder]
    #: (org, application, name) -> folder below implementations/ of G: code, or scripts for a system
    implementations: dict[tuple[str, str, str], Folder]
    #: (org, system, application) -> folder of logs of G
    results: dict[tuple[str, str, str], Folder]

    @property
    def general(self) -> bool:
        """Whether the tree has the layout of G. A system description next to S is not enough."""
        return bool(self.results or self.implementations)

    @property
    def code(self) -> dict[tuple[str, str, str], Folder]:
        """(org, application, implementation) -> folder of code, which is not named like a system."""
        named = self._system_names()
        return {key: each for key, each in self.implementations.items() if (key[0], key[2]) not in named}

    @property
    def scripts(self) -> dict[tuple[str, str, str], Folder]:
        """(org, application, system) -> folder of the scripts for the system."""
        named = self._system_names()
        return {key: each for key, each in self.implementations.items() if (key[0], key[2]) in named}

    @property
    def runs(self) -> list[Runs]:
        """The folders with logs: those of S, and those of G without a counterpart in S."""
        found = [Runs(*key[:3], folder) for key, folder in self.science.items()]
        known = {each[:3] for each in found}
        general = [Runs(org, name, system, each) for (org, system, name), each in self.results.items()]
        return found + [each for each in general if each[:3] not in known]

    def _system_names(self) -> set[tuple[str, str]]:
        results = ((org, system) for org, system, _ in self.results)
        return {*self.systems, *results, *((org, system) for org, _, system, _ in self.science)}


class SubmissionTree:
    """A submission tree below ``root``, which findings call ``name``.

    Reads everything on first use and keeps it. File names are relative to the root, with
    forward slashes.
    """

    def __init__(self, root: Path, name: str, read: LogReader = read_log) -> None:
        self.root = root
        self.name = name
        self.read_log = read
        self._contents: dict[str, bytes | None] = {}
        self._room = KEPT_BYTES

    @cached_property
    def is_bundle(self) -> bool:
        """Whether our packager made it: its bundles have a manifest."""
        return MANIFEST in self.files

    def shown(self, file: str | PurePath) -> str:
        """Return the name that findings use for a file of the tree."""
        return str(PurePath(self.name, file))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Everything below the root except folders, sorted. Links are listed, never followed.

        Raises CheckError if a folder cannot be read.
        """
        return tuple(sorted(names_below(self.root, lambda path: self.shown(path.relative_to(self.root)))))

    @cached_property
    def parts(self) -> Parts:
        """The files, by the part that they belong to."""
        systems = {(match[1], match[2]): match[0] for match in map(_SYSTEM.fullmatch, self.files) if match}
        return Parts(
            systems,
            self._folders(_SCIENCE, SCIENCE_RESULT),
            self._folders(_BENCHMARKS, GENERAL_RESULT),
            self._folders(_RESULTS, GENERAL_RESULT),
        )

    def _folders(self, pattern: re.Pattern[str], log_name: re.Pattern[str]) -> dict[Any, Folder]:
        """Return the folders that match a pattern, by its groups; the last group is a file in the folder."""
        files: dict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
        for match in filter(None, map(pattern.fullmatch, self.files)):
            *key, file = match.groups()
            files[tuple(key), match[0].removesuffix(f"/{file}")].add(file)
        return {key: Folder(name, frozenset(found), log_name) for (key, name), found in files.items()}

    @cached_property
    def logs(self) -> dict[str, dict[str, Log]]:
        """Name of a folder with runs -> its readable logs by name, in order of number, condensed."""
        return {runs.folder.name: self._logs_of(runs.folder) for runs in self.parts.runs}

    def _logs_of(self, folder: Folder) -> dict[str, Log]:
        logs = {}
        for name in filter(self.is_regular, folder.results().values()):
            try:
                logs[name] = condense(self.read_log(self.root / name, self.shown(name)))
            except OSError:  # reported when all logs are read
                continue
        return logs

    @cached_property
    def configs(self) -> dict[str, dict[str, Any] | YamlDefect | None]:
        """Name of a folder of S -> its config.yaml, or what is wrong with it; None if there is none."""
        return {folder.name: self._config_of(folder) for folder in self.parts.science.values()}

    def _config_of(self, folder: Folder) -> dict[str, Any] | YamlDefect | None:
        text = self.text(folder.path(CONFIG)) if CONFIG in folder.files else None
        try:
            return None if text is None else parse_mapping(text, foreign=not self.is_bundle)
        except YamlDefect as defect:
            return defect

    @cached_property
    def manifest(self) -> tuple[str, ...]:
        """The lines of the manifest."""
        text = (self.content(MANIFEST) or b"").decode(errors="replace")
        return tuple(text.removesuffix("\n").split("\n"))

    @cached_property
    def listed(self) -> dict[str, str]:
        """Name -> sha256 of every file that the manifest lists."""
        matches = map(MANIFEST_LINE.fullmatch, self.manifest)
        return {match[2]: match[1] for match in matches if match}

    @cached_property
    def systems(self) -> list[str]:
        """The system descriptions: ``<org>/systems/<system>.json``."""
        return [name for name in self.parts.systems.values() if self.is_regular(name)]

    @cached_property
    def distinct_logs(self) -> list[str]:
        """The logs below ``results/`` (G), and those of the other layout (S) that are not byte-identical
        copies of them."""
        names = [name for name in self.files if _LOG_NAMES.fullmatch(name.rpartition("/")[2])]
        names = [name for name in names if self.is_regular(name)]
        first = [name for name in names if "/results/" in name]
        known = set(map(self.digest, first))
        return first + [name for name in names if "/results/" not in name and self.digest(name) not in known]

    def status(self, name: str) -> os.stat_result | None:
        """Return the file system's status of a file without following links, or None if it has vanished."""
        try:
            return (self.root / name).lstat()
        except OSError:
            return None

    def is_regular(self, name: str) -> bool:
        """Whether a file exists and is neither a link nor a device."""
        found = self.status(name)
        return found is not None and stat.S_ISREG(found.st_mode)

    def content(self, name: str) -> bytes | None:
        """Return the first ``READ_BYTES`` of a regular file, or None if it cannot be read."""
        if name in self._contents:
            return self._contents[name]
        content = None
        if self.is_regular(name):
            try:
                with (self.root / name).open("rb") as stream:
                    content = stream.read(READ_BYTES)
            except OSError:
                pass
        size = len(content or b"")
        if size <= self._room:
            self._room -= size
            self._contents[name] = content
        return content

    def text(self, name: str) -> str | None:
        """Return the text of a file with undecodable bytes replaced, or None if it cannot be read."""
        content = self.content(name)
        return None if content is None else content[:TEXT_BYTES].decode(errors="replace")

    def json(self, name: str) -> object:
        """Return the JSON of a file, or None if it has none. Other rules report invalid JSON."""
        text = self.text(name)
        try:
            data = json.loads(text) if text is not None else None
            json.dumps(data, ensure_ascii=False).encode()  # half a character is not text
            return data
        except (ValueError, RecursionError):
            return None

    def digest(self, name: str) -> str:
        """Return the sha256 of a regular file; for any other, a text that no manifest can state."""
        if not self.is_regular(name):
            return "not a regular file"
        content = self.content(name)
        if content is not None and len(content) < READ_BYTES:
            return hashlib.sha256(content).hexdigest()
        try:
            return sha256_of(self.root / name)
        except OSError as error:
            return f"unreadable: {error.strerror}"


def is_bundle(path: Path) -> bool:
    """Whether a folder is a bundle of our packager: a manifest, and an organisation with systems."""
    return (path / MANIFEST).is_file() and any(child.is_dir() for child in path.glob("*/systems"))
