"""Sites where runs are computed: one validated YAML file per site, and the resources a run requests."""

from __future__ import annotations

import dataclasses
import getpass
import math
import os
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.core.errors import ConfigError
from benchmark.core.fields import read_fields, read_mapping

SITES = Path(__file__).parent / "sites"
SCHEDULERS = ("slurm", "local")

#: Texts that may appear unquoted in a line of a job script.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: How a text of a site names a variable.
VARIABLE_IN_TEXT = re.compile(r"\$\{(\w+)\}")
_OPTION = re.compile(r"[a-z][a-z0-9-]*")

#: Options of sbatch that a job script sets itself, and what sets them.
_TAKEN = {
    **dict.fromkeys(("job-name", "array", "output", "error", "open-mode", "chdir"), "the program"),
    **dict.fromkeys(("requeue", "no-requeue", "signal", "export", "dependency", "parsable"), "the program"),
    **dict.fromkeys(("ntasks", "ntasks-per-node", "wait", "wrap", "input"), "the program"),
    "nodes": "resources.nodes",
    "cpus-per-task": "resources.cores",
    **dict.fromkeys(("gres", "gpus", "gpus-per-node", "gpus-per-task"), "resources.gpus"),
    **dict.fromkeys(("mem", "mem-per-cpu", "mem-per-gpu"), "resources.memory_gb"),
    "time": "resources.hours",
    "partition": "partition",
    "account": "account",
}

T = typing.TypeVar("T")


@dataclass(frozen=True)
class Resources:
    """What one run requests from a site; all values but the hours are per node."""

    #: Limit: the scheduler ends a run that takes longer.
    hours: float
    #: How long a run is expected to take; null: as long as the limit.
    expected_hours: float | None = None
    nodes: int = 1
    gpus: int = 0
    #: One of the site's gpu_types; null: any.
    gpu_type: str | None = None
    cores: int = 1
    memory_gb: int | None = None

    def __post_init__(self) -> None:
        for name, hours in (("hours", self.hours), ("expected_hours", self.expected_hours)):
            if hours is not None and not (math.isfinite(hours) and 0 < hours <= 8760):
                raise _invalid(f"resources.{name}", hours, "above 0, at most 8760 hours")
        for name, least in (("nodes", 1), ("gpus", 0), ("cores", 1), ("memory_gb", 1)):
            count = getattr(self, name)
            if count is not None and count < least:
                raise _invalid(f"resources.{name}", count, f"at least {least}")
        if self.gpu_type is not None and not self.gpus:
            raise _invalid("resources.gpu_type", self.gpu_type, "none without resources.gpus")

    @property
    def hours_to_expect(self) -> float:
        return self.expected_hours or self.hours


@dataclass(frozen=True)
class Site:
    """What experiments need to know about a site."""

    name: str
    #: slurm, or local: processes of this machine.
    scheduler: str
    description: str = ""
    partition: str | None = None
    account: str | None = None
    #: Other options of sbatch, such as qos, constraint, mail-type -> value; true: an option without a value.
    sbatch: dict[str, Any] = field(default_factory=dict)
    #: Experiments' name of a GPU -> the scheduler's name (GRES).
    gpu_types: dict[str, str] = field(default_factory=dict)
    #: Resources of one node, and the longest time of a job; null: unknown, not checked.
    cores_per_node: int | None = None
    gpus_per_node: int | None = None
    memory_gb_per_node: int | None = None
    max_hours: float | None = None
    #: Environment modules that a job loads.
    modules: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    #: Interpreter of the jobs; null: the one that plans them.
    python: str | None = None
    #: Apptainer image that the jobs run in; null: none.
    container: str | None = None
    #: Folder of the experiments; best on a disk that all nodes see.
    output: str = "logs"
    #: Folder for the staged patches, like --stage-dir of benchmark.run. On Slurm its variables, except USER
    #: and HOME, are those of the node: ${SLURM_TMPDIR}/staging.
    stage_dir: str = "data/staging"

    def __post_init__(self) -> None:
        if self.scheduler not in SCHEDULERS:
            raise _invalid("scheduler", self.scheduler, f"one of {', '.join(SCHEDULERS)}")
        words = {"name": self.name, "partition": self.partition, "account": self.account}
        words |= {f"modules[{i}]": module for i, module in enumerate(self.modules)}
        words |= {f"gpu_types.{gpu}": gres for gpu, gres in self.gpu_types.items()}
        for name, word in words.items():
            if word is not None and not _WORD.fullmatch(word):
                raise _invalid(
                    name, word, "letters, digits and . _ : / + -, beginning with a letter or digit"
                )
        for option, value in self.sbatch.items():
            where = f"sbatch.{option}"
            if not _OPTION.fullmatch(option):
                raise _invalid(where, option, "the long name of an option of sbatch, without its dashes")
            if option in _TAKEN:
                raise _invalid(where, value, f"nothing: {_TAKEN[option]} sets this option")
            if value is not True and type(value) not in (str, int):
                raise _invalid(where, value, "a text or a number, or true for an option without a value")
            check_printable(str(value), where)
        if self.scheduler == "local" and self.sbatch:
            raise _invalid("scheduler", self.scheduler, "slurm for a site with options of sbatch")
        for name in self.environment:
            if not _VARIABLE.fullmatch(name):
                raise _invalid(f"environment.{name}", name, "the name of an environment variable")
        if self.scheduler == "local" and (self.container or self.modules):
            raise _invalid("scheduler", self.scheduler, "slurm for a site with container or modules")

    def check(self, resources: Resources) -> None:
        """Raise ConfigError for resources that no node of the site has."""
        known = ", ".join(self.gpu_types) or "none: leave it out"
        if resources.gpu_type is not None and resources.gpu_type not in self.gpu_types:
            raise _invalid("resources.gpu_type", resources.gpu_type, f"a GPU of site {self.name} ({known})")
        if self.scheduler == "local" and resources.nodes > 1:
            raise _invalid("resources.nodes", resources.nodes, f"1 on site {self.name}, which is one machine")
        for name, most in (
            ("cores", self.cores_per_node),
            ("gpus", self.gpus_per_node),
            ("memory_gb", self.memory_gb_per_node),
            ("hours", self.max_hours),
        ):
            wanted = getattr(resources, name)
            if most is not None and wanted is not None and wanted > most:
                raise _invalid(f"resources.{name}", wanted, f"at most {most} on site {self.name}")


def load_site(name: str) -> Site:
    """Load the site in a YAML file, or a shipped one by its name.

    ``${NAME}`` in its folders, container, python and environment is an environment variable of this process.
    Raises ConfigError.
    """
    shipped = SITES / f"{name}.yaml"
    path = shipped if Path(name).name == name and shipped.exists() else Path(name)
    if not path.exists():
        known = ", ".join(sorted(site.stem for site in SITES.glob("*.yaml")))
        raise ConfigError(
            "--site",
            found=repr(name),
            expected=f"a shipped site ({known}) or a YAML file",
            remedy="copy a shipped file of benchmark/sweep/sites and adapt it",
        )
    site = read_part(Site, read_mapping(path), path)
    expanded: dict[str, Any] = {
        name: _expand(value, path, name, on_node=name == "stage_dir" and site.scheduler == "slurm")
        for name in ("output", "stage_dir", "container", "python")
        if (value := getattr(site, name)) is not None
    }
    environment = {
        name: _expand(value, path, f"environment.{name}") for name, value in site.environment.items()
    }
    return dataclasses.replace(site, environment=environment, **expanded)


def _expand(text: str, path: Path, name: str, *, on_node: bool = False) -> str:
    """Replace ``${NAME}`` by environment variables; ``on_node``: leave all but USER and HOME to the node."""
    variables = {"USER": getpass.getuser(), **os.environ}  # batch environments may lack USER

    def value(match: re.Match[str]) -> str:
        if on_node and match[1] not in ("USER", "HOME"):
            return match[0]
        if match[1] not in variables:
            raise ConfigError(
                f"{path}: {name}",
                found=f"{match[0]}, which is not set",
                expected="variables of the environment",
                remedy=f"set {match[1]}, or write its value into the file",
            )
        return variables[match[1]]

    expanded = VARIABLE_IN_TEXT.sub(value, text)
    check_printable(expanded, f"{path}: {name}")
    return expanded


def check_printable(text: str, where: object) -> None:
    """Raise ConfigError for a path or value that does not fit on one line of a job script."""
    if not text.isprintable():
        raise ConfigError(
            where,
            found=repr(text),
            expected="no newline or other control character",
            remedy="choose another name or folder",
        )


def read_part(cls: type[T], tree: Mapping[str, Any], path: Path, section: str = "") -> T:
    """Read a dataclass from a mapping in a file. ConfigError names file, field, found and expected."""
    prefix = f"{section}." if section else ""
    try:
        return read_fields(cls, tree, section, check_text=check_printable)
    except ConfigError as error:
        where = error.where if error.where.startswith(prefix) else f"{prefix}{error.where}"
        raise ConfigError(
            f"{path}: {where}", found=error.found, expected=error.expected, remedy=error.remedy
        ) from None


def _invalid(where: str, found: object, expected: str) -> ConfigError:
    return ConfigError(where, found=repr(found), expected=expected, remedy="correct it in the file")
