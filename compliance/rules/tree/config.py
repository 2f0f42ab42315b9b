"""Rules on how a submission tree states what ran: its configurations and implementation notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmark.core.errors import ConfigError
from benchmark.core.plain_yaml import YamlDefect, parse_yaml
from benchmark.record.events import PARAMETERS
from compliance.benchmarks import BENCHMARKS
from compliance.registry import Problem, problem, tree_rule
from compliance.rules.log.identity import COMMIT_KEY
from compliance.subjects.timeline import VERSIONS
from compliance.subjects.tree import CONFIG, SubmissionTree
from compliance.wording import listing, show

#: S3: the fields of the entry ``github``. S3 spells 'discription'.
GITHUB = ("description", "repo", "branch", "version", "tag")
#: Names under which a configuration may state the version of the code, and its address.
VERSION_NAMES = ("version", "tag", "commit", *VERSIONS, COMMIT_KEY)
PROGRAM_NAMES = ("repo", "repository", "url")
#: The fewest digits that identify a commit.
SHORT_COMMIT = 7

#: G 'model-info': fields with 'Meaningful response required'.
IMPLEMENTATION_FIELDS = (
    "starting_weights_filename",
    "weight_transformations",
    "weight_data_types",
    "input_data_types",
    "retraining",
)


def _configs(tree: SubmissionTree) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield application, shown name and content of every readable config.yaml."""
    for (_, application, _, _), folder in tree.parts.science.items():
        config = tree.configs[folder.name]
        if isinstance(config, dict):
            yield application, tree.shown(folder.path(CONFIG)), config


@tree_rule(
    "tree-config",
    clause="S3, S3-version, S3-replicate, S3-data, S-self-contained, P-config",
    expected="plain YAML: the code's version and address, commands that fetch the data, and parameters",
    remedy="add what is missing: `github` with `repo` and `version`, `data` with a list of commands, and the "
    "parameters of the runs",
)
def tree_config(tree: SubmissionTree) -> Iterator[Problem]:
    """The config.yaml of an experiment must say which code ran, on which data, and how. It states the
    version and the address of the code, commands that fetch the data, and the parameters of the runs."""
    for folder in tree.parts.science.values():
        if isinstance(defect := tree.configs[folder.name], YamlDefect):
            yield problem(str(defect), path=tree.shown(folder.path(CONFIG)), expected="plain YAML")
    for _, path, config in _configs(tree):
        stated = {name for name, value in _settings(config) if value not in (None, "", [])}
        if not stated.intersection(VERSION_NAMES):
            yield problem("no version of the code", expected="github.version", path=path)
        if not stated.intersection(PROGRAM_NAMES):
            yield problem("no address of the code", expected="github.repo", path=path)
        data = config.get("data")
        commands = [data] if isinstance(data, str) else data
        if (
            not isinstance(commands, list)
            or not commands
            or not all(isinstance(each, str) and each.strip() for each in commands)
        ):
            expected = "a list of commands that fetch the data"
            yield problem(f"data is {show(data)}", expected=expected, path=path)
        others = {name: value for name, value in config.items() if name not in ("github", "data")}
        if not any(value not in (None, "", []) for _, value in _settings(others)):
            yield problem("no parameters", expected="all hyperparameters of the runs", path=path)


@tree_rule(
    "tree-config-github",
    clause="S3-github, P-archive, P-identifiers",
    expected=f"github with {listing(GITHUB)}",
    remedy="state the field as in the example of submit.adoc; the code needs a tag to be fetched by",
)
def tree_config_github(tree: SubmissionTree) -> Iterator[Problem]:
    """The config.yaml of an experiment must describe the code as in the example of the rules."""
    for _, path, config in _configs(tree):
        github = _mapping(config.get("github"))
        github = {"description": github.get("discription"), **github}
        for name in GITHUB:
            if github.get(name) in (None, ""):
                yield problem(f"no github.{name}", path=path)


@tree_rule(
    "tree-config-hyperparameters",
    clause="S3, P-hyperparameters, P-hyperparameters-others",
    expected="every hyperparameter that the policy lists for the benchmark",
    remedy="state each under the policy's name; where a method has none of the kind, say so in its place",
)
def tree_config_hyperparameters(tree: SubmissionTree) -> Iterator[Problem]:
    """The config.yaml of an experiment must state the hyperparameters that the policy lists for its
    benchmark."""
    for application, path, config in _configs(tree):
        named = {name.replace("-", "_") for name, value in _settings(config) if value is not None}
        for parameter, others in BENCHMARKS[application].hyperparameters.items():
            if not named & {parameter.casefold(), *others}:
                yield problem(f"no {parameter}", path=path)


@tree_rule(
    "tree-config-agrees",
    clause="S2",
    expected="the values that the logs state",
    remedy="submit the configuration that the runs had, unedited, with their logs",
)
def tree_config_agrees(tree: SubmissionTree) -> Iterator[Problem]:
    """The values of config.yaml must be those of the logs next to it."""
    for folder in tree.parts.science.values():
        config = _mapping(tree.configs[folder.name])
        github = _mapping(config.get("github"))
        stated = _mapping(config.get("hyperparameters")) | {
            COMMIT_KEY: github.get("commit"),
            **dict.fromkeys(VERSIONS, github.get("version")),
        }
        path = tree.shown(folder.path(CONFIG))
        for name, log in tree.logs[folder.name].items():
            for key in (VERSIONS[1], COMMIT_KEY, *PARAMETERS):
                # other programs' logs have no metadata for version and commit
                event = log.first(VERSIONS[0] if key == VERSIONS[1] and not log.all(key) else key)
                value, said = event.value if event else None, stated.get(key)
                if key != "seed" and value is not None and said is not None and not _agree(key, value, said):
                    yield problem(f"{key} is {show(said)}", expected=f"{show(value)} as in {name}", path=path)
            seeds, seed = config.get("seeds"), log.value("seed")
            if isinstance(seeds, list) and seed is not None and seed not in seeds:
                yield problem(f"seeds without {show(seed)}", expected=f"the seed of {name}", path=path)


def _agree(key: str, value: object, said: object) -> bool:
    """Whether a configuration agrees with a log. It may write a version without the benchmark's name, like
    the rules' example, a commit as its first digits, and a number such as 1e-3 as text."""
    if value == said:
        return True
    if key in VERSIONS:
        return isinstance(value, str) and value.endswith(f"-v{said}")
    if key == COMMIT_KEY:
        return isinstance(said, str) and len(said) >= SHORT_COMMIT and str(value).startswith(said)
    if isinstance(said, str) and isinstance(value, int | float):
        try:
            return float(said) == value
        except ValueError:
            return False
    return False


@tree_rule(
    "run-config-digest",
    clause="S2",
    expected="the digest that the logs state of the configuration they were made with",
    remedy="package the logs again; a configuration is never edited after the runs",
)
def run_config_digest(tree: SubmissionTree) -> Iterator[Problem]:
    """The parameters of config.yaml must be the configuration of the runs, to the last field. The
    checker recomputes its digest; a configuration that no run accepts has none."""
    from benchmark.config.files import build_config  # only if there is a tree to judge

    for folder in tree.parts.science.values():
        parameters = _mapping(tree.configs[folder.name]).get("parameters")
        if not isinstance(parameters, dict):
            continue
        path = tree.shown(folder.path(CONFIG))
        try:
            digest = build_config(parameters).digest()
        except ConfigError as error:
            yield problem(f"parameters: {error.where}: {error.found}", expected=error.expected, path=path)
            continue
        for name, log in tree.logs[folder.name].items():
            said = log.text("config_digest")
            if said is not None and said != digest:
                yield problem(f"parameters of digest {digest}", expected=f"{said} as in {name}", path=path)


@tree_rule(
    "run-config-agrees",
    clause="S1, S3-replicate",
    expected="the parameters of config.yaml",
    remedy="package again; the scripts must run what config.yaml describes",
)
def run_config_agrees(tree: SubmissionTree) -> Iterator[Problem]:
    """The configuration that the scripts give to the program must be the one in config.yaml."""
    found = tree.parts
    for (org, application, system, _), folder in found.science.items():
        scripts = found.scripts.get((org, application, system))
        config = _mapping(tree.configs[folder.name])
        if "parameters" not in config:
            continue
        for each in (folder, scripts):
            text = tree.text(each.path("run_config.yaml")) if each else None
            if each is None or text is None:
                continue
            path = tree.shown(each.path("run_config.yaml"))
            try:
                if parse_yaml(text, foreign=not tree.is_bundle) != config["parameters"]:
                    yield problem("other parameters than in config.yaml", path=path)
            except YamlDefect as defect:
                yield problem(str(defect), expected="plain YAML", path=path)


@tree_rule(
    "implementation-notes",
    clause="G-implementation-json",
    expected=f"a JSON object with {', '.join(IMPLEMENTATION_FIELDS)}, each with an answer",
    remedy="answer the field in the notes; `none` is an answer where it does not apply",
)
def implementation_notes(tree: SubmissionTree) -> Iterator[Problem]:
    """The notes on an implementation must answer what the general rules ask of its weights."""
    found = tree.parts
    for (org, application, system), folder in found.scripts.items():
        codes = (code for owner, of, code in found.code if (owner, of) == (org, application))
        for name in (f"{system}_{code}.json" for code in codes):
            if name not in folder.files:
                continue
            notes = tree.json(folder.path(name))
            path = tree.shown(folder.path(name))
            if not isinstance(notes, dict):
                yield problem("no JSON object", path=path)
                continue
            for field in IMPLEMENTATION_FIELDS:
                if not isinstance(notes.get(field), str) or not notes[field].strip():
                    yield problem(f"no answer to {field}", path=path)


def _mapping(value: object) -> dict[str, Any]:
    """Return a value if it is a mapping, else an empty mapping."""
    return value if isinstance(value, dict) else {}


def _settings(value: object, depth: int = 8) -> Iterator[tuple[str, object]]:
    """Yield every (key, value) of nested mappings whose value is not a mapping, keys in lower case."""
    if not isinstance(value, dict) or depth == 0:
        return
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _settings(inner, depth - 1)
        else:
            yield str(key).lower(), inner
