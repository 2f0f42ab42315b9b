"""Read an experiment: one YAML file that says which runs to make, each with its configuration."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmark.config.files import build_config, config_path, load_config, set_field
from benchmark.config.schema import Config
from benchmark.core.errors import ConfigError
from benchmark.core.fields import read_mapping
from benchmark.core.files import sha256_of
from benchmark.record.announcement import Announcement
from benchmark.sweep.naming import names_of, varying_fields
from benchmark.sweep.site import Resources, Site, read_part

#: The longest file: enough to list every field of MOST_RUNS runs.
CHARACTERS = 4 * 1024 * 1024

#: More runs than this are a mistake in the file.
MOST_RUNS = 10_000

#: Fields of one point of an experiment by dotted name: of a configuration, or resources.*.
Fields = dict[str, Any]

_RESOURCES = "resources."

#: The shipped experiments, which a command may call by name.
SHIPPED = Path(__file__).parent / "experiments"
ON_BAD_SCENE = ("stop", "skip")


@dataclass(frozen=True)
class Description:
    """The fields of an experiment file; field names are dotted (training.epochs, resources.gpus)."""

    #: Name of the experiment's folder and, with what varies, of its runs.
    name: str
    #: The configuration that all runs start from: a shipped one, or a file next to this one.
    config: str
    #: What a run requests on any site; ``sites`` holds the differences on single sites.
    resources: dict[str, Any]
    description: str = ""
    #: Fields that are the same in all runs.
    fields: dict[str, Any] = field(default_factory=dict)
    #: Fields with lists of values; every combination becomes a point.
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Fields with lists of equal length, taken together: the first values, the second, ...
    lists: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Complete points, one mapping of fields each; combined with grid and lists.
    runs: tuple[dict[str, Any], ...] = ()
    #: Points to leave out: those that match all fields of one of these.
    exclude: tuple[dict[str, Any], ...] = ()
    #: Runs of every point: seed, seed + 1, ...
    repeats: int = 1
    #: Most runs at the same time; null: as many as there is room for.
    at_once: int | None = None
    #: Like --on-bad-scene of benchmark.run.
    on_bad_scene: str = "stop"
    #: Like --tensorboard of benchmark.run.
    tensorboard: bool = False
    sites: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, count in (("repeats", self.repeats), ("at_once", self.at_once)):
            if count is not None and count < 1:
                raise ConfigError(
                    name, found=repr(count), expected="at least 1", remedy="correct it in the file"
                )
        if self.on_bad_scene not in ON_BAD_SCENE:
            raise ConfigError(
                "on_bad_scene",
                found=repr(self.on_bad_scene),
                expected=" or ".join(ON_BAD_SCENE),
                remedy="correct it in the file",
            )
        for name, values in {**self.grid, **self.lists}.items():
            if not values:
                raise ConfigError(
                    name, found="an empty list", expected="values to vary", remedy="give some, or remove it"
                )
        if len(set(map(len, self.lists.values()))) > 1:
            lengths = ", ".join(f"{name} {len(values)}" for name, values in self.lists.items())
            raise ConfigError(
                "lists", found=f"lengths {lengths}", expected="lists of one length", remedy="complete them"
            )
        sources = (set(self.grid), set(self.lists), set().union(*self.runs))
        twice = [name for name, count in Counter(itertools.chain(*sources)).items() if count > 1]
        if twice:
            raise ConfigError(
                twice[0],
                found="more than one of grid, lists and runs",
                expected="one place where a field varies",
                remedy="remove it from the others",
            )
        for name in {*self.fields, *itertools.chain(*sources)} & {"name", "description"}:
            raise ConfigError(
                name,
                found="a field that varies or is set",
                expected="the experiment's, which names the runs by what varies",
                remedy="remove it",
            )


@dataclass(frozen=True)
class PlannedRun:
    """One run of an experiment."""

    #: Its number, from 0: the task of the job array.
    index: int
    config: Config
    resources: Resources
    #: What distinguishes its point from the others, as text: field -> value.
    varied: Mapping[str, str]
    #: sha256 of what the files say about the run; defaults that they leave open are not included, so that a
    #: later version of the program recognises the experiment.
    digest: str

    @property
    def name(self) -> str:
        """Return the name of the run and its folder."""
        return self.config.run_name


@dataclass(frozen=True)
class Experiment:
    """All runs of an experiment on one site."""

    name: str
    description: str
    path: Path
    runs: tuple[PlannedRun, ...]
    at_once: int | None
    #: Additional command-line words for its runs.
    options: tuple[str, ...] = ()

    @cached_property
    def announcements(self) -> dict[str, Announcement]:
        """Return, by name of configuration, what its runs state about the experiment."""
        seeds: dict[str, list[int]] = {}
        for run in self.runs:
            seeds.setdefault(run.config.series, []).append(run.config.seed)
        digest = sha256_of(self.path)
        return {
            series: Announcement(self.name, digest, " ".join(map(str, sorted(of_series))))
            for series, of_series in seeds.items()
        }


@dataclass(frozen=True)
class Queued:
    """A run that a scheduler has and that has not ended."""

    index: int
    #: waiting or running.
    state: str
    #: In the scheduler's words: why it waits, how long it may still run.
    detail: str = ""
    #: The scheduler's name for it.
    job: str = ""


def experiment_path(name: str) -> Path:
    """Return the file meant by EXPERIMENT: a path, or a shipped experiment's name. Raises ConfigError."""
    shipped = SHIPPED / f"{name}.yaml"
    if Path(name).is_file() or Path(name).name != name or Path(name).suffix:
        return Path(name)
    if shipped.is_file():
        return shipped
    raise ConfigError(
        "EXPERIMENT",
        found=repr(name),
        expected="a YAML file, or a shipped experiment: "
        + ", ".join(sorted(path.stem for path in SHIPPED.glob("*.yaml"))),
        remedy="correct the name, or write a file (docs/sweep.md)",
    )


def load_experiment(path: Path, site: Site) -> Experiment:
    """Load the experiment of a YAML file for a site. ConfigError names file, field, found and expected."""
    described = read_part(Description, read_mapping(path, characters=CHARACTERS), path)
    base_path = _base_path(described.config, path)
    load_config(base_path)  # report its mistakes as those of its own file
    base = read_mapping(base_path)
    points = list(_points(described, path))
    if not points:
        raise ConfigError(
            f"{path}: exclude", found="all points", expected="at least one left", remedy="exclude fewer"
        )
    skips = described.on_bad_scene == "skip"
    names = names_of(described.name, points)
    varying = varying_fields(points)
    runs: list[PlannedRun] = []
    for point, name in zip(points, names, strict=True):
        tree = _tree(base, described, point, name, path)
        resources = _resources(described, point, site, path)
        varied = {field: str(point[field]) for field in varying if field in point}
        runs += _repeated(tree, resources, varied, described.repeats, skips, len(runs), path)
    _check_names(runs, path)
    options = (*(["--on-bad-scene", "skip"] * skips), *(["--tensorboard"] * described.tensorboard))
    return Experiment(described.name, described.description, path, tuple(runs), described.at_once, options)


def _base_path(name: str, experiment: Path) -> Path:
    """Return a shipped configuration by name, or a file by its path relative to the experiment's file."""
    neighbour = experiment.parent / name
    return neighbour if neighbour.is_file() else config_path(name)


def _points(described: Description, path: Path) -> Iterator[Fields]:
    """Yield every combination of grid, lists and runs that is not excluded."""
    rows = [
        dict(zip(described.lists, values, strict=True))
        for values in zip(*described.lists.values(), strict=True)
    ]
    count = math.prod(map(len, described.grid.values())) * max(len(rows), 1) * max(len(described.runs), 1)
    if count * described.repeats > MOST_RUNS:
        raise ConfigError(
            path,
            found=f"{count * described.repeats} runs",
            expected=f"at most {MOST_RUNS}",
            remedy="shorten the lists, or make several experiments",
        )
    for values, row, run in itertools.product(
        itertools.product(*described.grid.values()), rows or [{}], described.runs or ({},)
    ):
        point = dict(zip(described.grid, values, strict=True)) | row | run
        if not any(_matches(point, excluded) for excluded in described.exclude):
            yield point
    known = {*described.grid, *described.lists, *itertools.chain(*described.runs)}
    for name in itertools.chain(*described.exclude):
        if name not in known:
            raise ConfigError(
                f"{path}: exclude",
                found=f"{name}, which does not vary",
                expected=f"fields of grid, lists and runs: {', '.join(sorted(known)) or 'none'}",
                remedy="correct or remove it",
            )


def _matches(point: Fields, excluded: Fields) -> bool:
    return all(name in point and point[name] == value for name, value in excluded.items())


def _tree(base: Fields, described: Description, point: Fields, name: str, path: Path) -> Fields:
    """Return the fields of a point's configuration, as a configuration file would state them."""
    tree = copy.deepcopy(base) | {"name": name}
    if described.description:
        tree["description"] = described.description
    for dotted, value in (described.fields | point).items():
        if not dotted.startswith(_RESOURCES):
            set_field(tree, dotted, copy.deepcopy(value), f"{path}: {dotted}")
    return tree


def _in_file(error: ConfigError, path: Path) -> ConfigError:
    """Return a mistake in a configuration as one of the experiment's file."""
    remedy = error.remedy if error.remedy.startswith("did you mean") else f"correct it in {path}"
    return ConfigError(f"{path}: {error.where}", found=error.found, expected=error.expected, remedy=remedy)


def _resources(described: Description, point: Fields, site: Site, path: Path) -> Resources:
    own = described.sites.get(site.name, {})
    varied = {
        name.removeprefix(_RESOURCES): value
        for name, value in (described.fields | point).items()
        if name.startswith(_RESOURCES)
    }
    resources = read_part(Resources, described.resources | own | varied, path, "resources")
    try:
        site.check(resources)
    except ConfigError as error:
        raise _in_file(error, path) from None
    return resources


def _repeated(
    tree: Fields,
    resources: Resources,
    varied: Mapping[str, str],
    repeats: int,
    skips: bool,
    first: int,
    path: Path,
) -> Iterator[PlannedRun]:
    """Yield the runs of a point: seed, seed + 1, ..."""
    # only what changes results: more memory or hours, after too little, are still the same experiment
    devices = {name: getattr(resources, name) for name in ("nodes", "gpus", "gpu_type", "cores")}
    stated = json.dumps([tree, devices, *(["skip"] * skips)], sort_keys=True, default=str)
    try:
        config = build_config(tree)
        for number in range(repeats):
            seeded = dataclasses.replace(config, seed=config.seed + number)
            digest = hashlib.sha256(f"{seeded.seed} {stated}".encode()).hexdigest()
            yield PlannedRun(first + number, seeded, resources, varied, digest)
    except ConfigError as error:
        raise _in_file(error, path) from None


def _check_names(runs: list[PlannedRun], path: Path) -> None:
    # Some file systems do not distinguish upper from lower case.
    (name, count), *_ = Counter(run.name.lower() for run in runs).most_common(1)
    if count > 1:
        raise ConfigError(
            path,
            found=f"{count} runs with the name {name}",
            expected="runs that differ in a field or in their seed",
            remedy="remove the repeated values; seeds that are listed need no repeats",
        )
