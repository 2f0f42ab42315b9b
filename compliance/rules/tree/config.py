"""Rules on how a submission tree says what ran: its configurations and notes on the implementation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmark.core.errors import ConfigError
from benchmark.record.events import PARAMETERS
from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import CONFIG, SubmissionTree
from compliance.subjects.yaml_files import YamlDefect, load_yaml
from compliance.wording import show

#: S3: what the entry ``github`` says. 'discription' is how S3 spells it.
GITHUB = ("description", "repo", "branch", "version", "tag")

#: P 'Hyperparameters and Optimizer CloudMask', with the names they also go by.
POLICY_PARAMETERS: dict[str, tuple[str, ...]] = {
    "epochs": ("epochs",),
    "learning_rate": ("learning_rate", "opt_base_learning_rate"),
    "batch_size": ("batch_size", "local_batch_size", "global_batch_size"),
    "MIN_SST": ("min_sst",),
    "PATCH_SIZE": ("patch_size",),
    "seed": ("seed", "seeds"),
}

#: G 'model-info': fields with 'Meaningful response required'.
IMPLEMENTATION_FIELDS = (
    "starting_weights_filename",
    "weight_transformations",
    "weight_data_types",
    "input_data_types",
    "retraining",
)


@tree_rule(
    "tree-config",
    clause=(
        "S3, S3-version, S3-replicate, S3-data, S3-github, "
        "S-self-contained, P-hyperparameters, P-config, P-archive, P-identifiers"
    ),
    expected=f"YAML with github ({', '.join(GITHUB)}), data (commands) and {', '.join(POLICY_PARAMETERS)}",
    remedy="make the tree with `python -m submission.package`",
)
def tree_config(tree: SubmissionTree) -> Iterator[Problem]:
    """The config.yaml of an experiment must say which code ran, how to fetch the data, and every
    hyperparameter."""
    for folder in tree.parts.science.values():
        path, config = tree.shown(folder.path(CONFIG)), tree.configs[folder.name]
        if isinstance(config, YamlDefect):
            yield problem(str(config), path=path, expected="plain YAML")
            continue
        if config is None:
            continue
        github = _mapping(config.get("github"))
        github = {"description": github.get("discription"), **github}
        for name in GITHUB:
            if github.get(name) in (None, ""):
                yield problem(f"no github.{name}", path=path)
        data = config.get("data")
        if (
            not isinstance(data, list)
            or not data
            or not all(isinstance(each, str) and each.strip() for each in data)
        ):
            yield problem(
                f"data is {show(data)}", expected="a list of commands that fetch the data", path=path
            )
        named = {name for name, value in _settings(config) if value is not None}
        for parameter, names in POLICY_PARAMETERS.items():
            if not named.intersection(names):
                yield problem(f"no {parameter}", path=path)


@tree_rule(
    "tree-config-agrees",
    clause="S2",
    expected="the values that the logs state",
    remedy="package the logs again; a configuration is never edited after the runs",
)
def tree_config_agrees(tree: SubmissionTree) -> Iterator[Problem]:
    """The values of config.yaml must be those of the logs next to it."""
    for folder in tree.parts.science.values():
        config = _mapping(tree.configs[folder.name])
        github = _mapping(config.get("github"))
        stated = _mapping(config.get("hyperparameters")) | {
            "submission_github_commit_version": github.get("commit"),
            "submission_version": github.get("version"),
        }
        path = tree.shown(folder.path(CONFIG))
        for name, log in tree.logs[folder.name].items():
            for key in ("submission_version", "submission_github_commit_version", *PARAMETERS):
                value, said = log.value(key), stated.get(key)
                if key != "seed" and value is not None and said is not None and value != said:
                    yield problem(f"{key} is {show(said)}", expected=f"{show(value)} as in {name}", path=path)
            seeds, seed = config.get("seeds"), log.value("seed")
            if isinstance(seeds, list) and seed is not None and seed not in seeds:
                yield problem(f"seeds without {show(seed)}", expected=f"the seed of {name}", path=path)


@tree_rule(
    "run-config-digest",
    clause="S2",
    expected="the digest that the logs state of the configuration they were made with",
    remedy="package the logs again; a configuration is never edited after the runs",
)
def run_config_digest(tree: SubmissionTree) -> Iterator[Problem]:
    """The parameters of config.yaml must be the configuration of the runs, to the last field. Its digest
    is computed again; a configuration that no run accepts has none."""
    from benchmark.config.files import build_config  # only where there is a tree to judge

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
    for (org, system, _), folder in found.science.items():
        scripts = found.scripts.get((org, system))
        config = _mapping(tree.configs[folder.name])
        if "parameters" not in config:
            continue
        for each in (folder, scripts):
            text = tree.text(each.path("run_config.yaml")) if each else None
            if each is None or text is None:
                continue
            path = tree.shown(each.path("run_config.yaml"))
            try:
                if load_yaml(text) != config["parameters"]:
                    yield problem("other parameters than in config.yaml", path=path)
            except YamlDefect as defect:
                yield problem(str(defect), expected="plain YAML", path=path)


@tree_rule(
    "implementation-notes",
    clause="G-implementation-json",
    expected=f"a JSON object with {', '.join(IMPLEMENTATION_FIELDS)}, each with an answer",
    remedy="make the tree with `python -m submission.package`",
)
def implementation_notes(tree: SubmissionTree) -> Iterator[Problem]:
    """The notes on an implementation must answer what the general rules ask of its weights."""
    found = tree.parts
    for (org, system), folder in found.scripts.items():
        for name in (f"{system}_{code}.json" for owner, code in found.code if owner == org):
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
    """A value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def _settings(value: object, depth: int = 8) -> Iterator[tuple[str, object]]:
    """Every (key, value) of nested mappings whose value is not itself a mapping, keys in lower case."""
    if not isinstance(value, dict) or depth == 0:
        return
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _settings(inner, depth - 1)
        else:
            yield str(key).lower(), inner
