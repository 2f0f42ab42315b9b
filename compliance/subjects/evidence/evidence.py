"""A run's log and the files next to it, each read when a rule first needs it.

A run's folder has all of them; a bundle keeps those of run n in ``runs/<n>/``, next to ``result-<n>.txt``.
Other files are ignored.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from benchmark.core.files import kind_of, reason_of
from benchmark.core.plain_yaml import YamlDefect, parse_mapping
from benchmark.record.run_folder import RunFolder
from compliance.subjects.evidence.arrays import Mask, Weights, read_scene_mask, read_weights
from compliance.subjects.evidence.facts import Facts, read_facts
from compliance.subjects.evidence.files import Unread, content_of
from compliance.subjects.evidence.tables import Metrics, read_metrics
from compliance.subjects.evidence.telemetry import Telemetry, read_samples
from compliance.subjects.evidence.timers import Timers, read_timers
from compliance.subjects.log import Log
from compliance.subjects.result_fields import lookup

_RUN = RunFolder(Path())
LOG, CONFIG, SYSTEM = _RUN.log.name, _RUN.config.name, _RUN.system.name
METRICS, TIMERS, TELEMETRY = _RUN.metrics.name, _RUN.timers.name, _RUN.telemetry.name
WEIGHTS, METHOD, MASKS, JOB = _RUN.weights.name, _RUN.method.name, _RUN.masks.name, _RUN.job_script.name
_MASK = _RUN.mask("scene").suffix
_FILES = frozenset((CONFIG, SYSTEM, METRICS, TIMERS, TELEMETRY, WEIGHTS, METHOD, MASKS, JOB))
#: Files of later starts of a resumed run: their facts, and telemetry moved aside as its columns changed.
_NUMBERED = re.compile(r"(telemetry|system)-([1-9]\d{0,5})\.(csv|json)", re.ASCII)

#: The most that is read of each kind of file; for telemetry, a week on eight accelerators.
_TEXT_BYTES, _TELEMETRY_BYTES = 4 * 1024 * 1024, 256 * 1024 * 1024

#: Reads the configuration of a run; returns None if there is none.
Settings = Callable[[], "dict[str, Any] | None"]


class Evidence:
    """A log, and the run's files in ``root``, which findings call ``path``."""

    def __init__(
        self, log: Log, root: Path, path: str, names: Mapping[str, int], settings: Settings | None = None
    ) -> None:
        self.log, self.root, self.path = log, root, path
        #: The file modes of the run's files by name.
        self.names = names
        #: Whether these are the files in a bundle rather than a run folder.
        self.in_bundle = settings is not None
        #: Files that could not be read, with the reason; files not judged, with the package that is missing.
        self.unread: dict[str, str] = {}
        self.unjudged: dict[str, str] = {}
        self._settings = settings

    def shown(self, name: str) -> str:
        """Return the name that findings use for a file."""
        return str(PurePath(self.path, name))

    @cached_property
    def settings(self) -> dict[str, Any] | None:
        """The fields of the run's configuration; None if it cannot be read, which other rules report."""
        if self._settings is not None:
            return self._settings()
        content = self._content(CONFIG)
        try:
            return None if content is None else parse_mapping(content.decode())
        except (UnicodeDecodeError, YamlDefect):
            return None

    @cached_property
    def metrics(self) -> Metrics | None:
        content = self._content(METRICS)
        return None if content is None else read_metrics(content)

    @cached_property
    def timers(self) -> Timers | None:
        content = self._content(TIMERS)
        return None if content is None else read_timers(content)

    @cached_property
    def telemetry(self) -> Telemetry:
        """The telemetry of all starts; files that were moved aside come from earlier starts."""
        names = [*self._numbered("telemetry").values(), TELEMETRY]
        contents = [(name, self._content(name, _TELEMETRY_BYTES)) for name in names]
        return Telemetry([read_samples(name, content) for name, content in contents if content is not None])

    @cached_property
    def facts(self) -> dict[int, Facts]:
        """The facts that each start measured about its node, by the start's number from 1."""
        names = self._numbered("system") | {1: SYSTEM}
        contents = {start: self._content(name) for start, name in sorted(names.items())}
        return {start: read_facts(content) for start, content in contents.items() if content is not None}

    @cached_property
    def job(self) -> str | None:
        """The batch file."""
        content = self._content(JOB)
        return None if content is None else content.decode(errors="replace")

    @cached_property
    def method_sha256(self) -> str | None:
        """The digest of the method's source."""
        content = self._content(METHOD)
        return None if content is None else hashlib.sha256(content).hexdigest()

    @cached_property
    def weights(self) -> Weights | str | None:
        """The weights that made the predictions, or what is wrong with them."""
        kind = self.log.text("method_kind") or "network"
        if WEIGHTS not in self.names or kind == "masks":
            return None
        stated = lookup(self.log.value("result"), "parameters")
        # 16 bytes for each number, and 1 MiB for names and shapes
        most = 16 * stated + 2**20 if type(stated) is int and stated >= 0 else None
        return self._read(WEIGHTS, "NumPy", lambda path: read_weights(path, kind, most))

    @cached_property
    def mask_names(self) -> list[str]:
        """The scenes that have masks."""
        if not stat.S_ISDIR(self.names.get(MASKS, 0)):
            return []
        try:
            found = _scan(self.root / MASKS, lambda name: name.endswith(_MASK))
        except OSError as error:
            self.unread[MASKS] = reason_of(error)
            return []
        return sorted(name.removesuffix(_MASK) for name in found)

    @cached_property
    def masks(self) -> dict[str, Mask | str]:
        """The masks of the log's scenes, or what is wrong with them, by scene."""
        logged = set(self.log.sound("scene_accuracy").facts("scene"))
        read = {scene: self.mask(scene) for scene in self.mask_names if scene in logged}
        return {scene: mask for scene, mask in read.items() if mask is not None}

    def mask(self, scene: str) -> Mask | str | None:
        """Read the mask of one of ``mask_names``, or say what is wrong with it; None if it cannot be read."""
        mask: Mask | str | None = self._read(f"{MASKS}/{scene}{_MASK}", "h5py", read_scene_mask)
        return mask

    def read_all(self) -> None:
        """Read every file, so that ``unread`` and ``unjudged`` are complete."""
        for name, mode in self.names.items():
            if name != MASKS and not stat.S_ISREG(mode):
                self.unread[name] = kind_of(mode)
        if MASKS in self.names and not stat.S_ISDIR(self.names[MASKS]):
            self.unread[MASKS] = kind_of(self.names[MASKS])
        for name, value in vars(type(self)).items():
            if isinstance(value, cached_property):
                getattr(self, name)

    def _numbered(self, stem: str) -> dict[int, str]:
        """Return the files of later starts by number."""
        matches = [match for match in map(_NUMBERED.fullmatch, self.names) if match and match[1] == stem]
        return {int(match[2]): match[0] for match in sorted(matches, key=lambda match: int(match[2]))}

    def _content(self, name: str, most: int = _TEXT_BYTES) -> bytes | None:
        return self._read(name, "", lambda path: content_of(path, most)) if name in self.names else None

    def _read(self, name: str, package: str, read: Callable[[Path], Any]) -> Any:
        """Read a file with a reader; if that fails, note it and return None."""
        try:
            return read(self.root / name)
        except Unread as error:
            self.unread[name] = str(error)
        except ImportError:
            self.unjudged[name] = package
        return None


def evidence_of(log: Log, root: Path, path: str, settings: Settings | None = None) -> Evidence | None:
    """Return the evidence next to a log, in ``root``; None if it holds no file of a run.

    ``settings`` reads the configuration of a run in a bundle, which has one for all runs.
    """
    try:
        names = _scan(root, lambda name: name in _FILES or bool(_NUMBERED.fullmatch(name)))
    except OSError:
        return None
    return Evidence(log, root, path, names, settings) if names else None


def _scan(folder: Path, is_wanted: Callable[[str], bool]) -> dict[str, int]:
    """Return the names in a folder with their modes, without following links. Raises OSError."""
    with os.scandir(folder) as entries:
        wanted = (entry for entry in entries if is_wanted(entry.name))
        return {entry.name: entry.stat(follow_symlinks=False).st_mode for entry in wanted}
