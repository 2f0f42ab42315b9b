"""Rules on the configuration of a run: it must agree with what the log says about the run.

The rules on configurations check by its digest that it is that of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from benchmark.core.errors import ConfigError
from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.steps import steps_of
from compliance.subjects.evidence.evidence import CONFIG, Evidence
from compliance.subjects.log import Log, count_of
from compliance.subjects.result_fields import lookup
from compliance.wording import count, excerpt, show

if TYPE_CHECKING:
    from benchmark.config.schema import Config

_AS_CONFIGURED = "log what was configured, as `python -m benchmark.run` does; a log is never edited"


def _config(evidence: Evidence) -> Config | None:
    """Return the configuration whose digest the log states; None if there is none."""
    if evidence.settings is None or (digest := evidence.log.text("config_digest")) is None:
        return None
    from benchmark.config.files import build_config  # YAML: only if there is a configuration

    try:
        config = build_config(evidence.settings)
    except ConfigError:
        return None
    return config if config.digest() == digest else None


def _stated(config: Config, log: Log) -> Mapping[str, Any]:
    """Return the events that the configuration determines, with their values."""
    from benchmark.config.stated import optimization_of, parameters_of

    submission = config.submission
    values: dict[str, Any] = {
        "submission_org": submission.org,
        "submission_status": submission.status,
        "submission_division": submission.division,
        "submission_poc_name": submission.poc_name,
        "submission_poc_email": submission.poc_email,
        **parameters_of(config),
    }
    if submission.platform:
        values["submission_platform"] = submission.platform
    if (log.text("method_kind") or "network") == "network":
        values |= optimization_of(config)
        if config.training.precision != "auto":
            values["precision"] = config.training.precision
    return values


@folder_rule(
    "folder-config",
    clause="S2",
    expected="the values of the configuration that the log names by its digest",
    remedy=_AS_CONFIGURED,
)
def folder_config(evidence: Evidence) -> Iterator[Problem]:
    """A log must state what its configuration states: who submits, and every hyperparameter. The digest shows
    that the configuration is that of the run, so a different value in the log is wrong."""
    config, log = _config(evidence), evidence.log
    if config is None:
        return
    for key, value in _stated(config, log).items():
        event = log.one(key)
        if event and event.value != value:
            found = f"`{key}` {show(event.value)}"
            yield problem(found, event.line, f"{show(value)}, by {CONFIG}", path=log.path)
    from benchmark.config.schedule import warmup_steps

    steps, event = steps_of(log), log.one("opt_learning_rate_warmup_steps")
    if steps and event:
        rising = warmup_steps(config.training, steps.planned)
        if event.value != rising:
            expected = f"{rising} of {count(steps.planned, 'step')}, by {CONFIG}"
            yield problem(f"`{event.key}` {show(event.value)}", event.line, expected, path=log.path)
    yield from _method(config, log)


def _method(config: Config, log: Log) -> Iterator[Problem]:
    """Report where the method's source and options differ from the configuration."""
    name, event = config.method.name, log.one("method_source")
    file = name.replace("\\", "/").rpartition("/")[2]
    sources = {name, file, f"benchmark.methods.{name}"}
    # an installed package may add a name without a dot, for any module
    is_known = "." in name or str(event and event.value).startswith("benchmark.methods.")
    if event and is_known and not name.startswith("masks:") and event.value not in sources:
        yield problem(
            f"`method_source` {show(event.value)}", event.line, f"{excerpt(name)}, by {CONFIG}", path=log.path
        )
    options = log.one("method_options")
    for option, value in config.method.options.items() if options else ():
        if (logged := lookup(options and options.value, option)) != value:
            expected = f"{show(value)}, by {CONFIG}"
            found = f"option {excerpt(option)} {show(logged)}"
            yield problem(found, options and options.line, expected, path=log.path)


@folder_rule(
    "folder-scenes",
    clause="house",
    expected="the scenes of the configuration, of its size, cut into its patches",
    remedy="make the run with all scenes that the configuration states",
)
def folder_scenes(evidence: Evidence) -> Iterator[Problem]:
    """The scenes of a log must be those that its configuration states. All are staged, scored or logged as
    skipped; each has the pixels and yields the patches that follow from the configured rows and columns."""
    config, log = _config(evidence), evidence.log
    if config is None or not log.completed:
        return
    rows, columns, patch = config.geometry.rows, config.geometry.columns, config.geometry.patch
    for event in log.sound("scene_accuracy"):
        if event.metadata["pixels"] != rows * columns:
            found, expected = f"{show(event.metadata['pixels'])} pixels", f"{rows} x {columns}, by {CONFIG}"
            yield problem(found, event.line, expected, path=log.path)
    if log.text("method_kind") == "masks":
        return
    staged, of_scene = log.one("staging_stop"), (rows // patch) * (columns // patch)
    if staged and count_of(staged, "patches") != (needed := count_of(staged, "scenes") * of_scene):
        found, expected = f"{count_of(staged, 'patches')} patches", f"{needed}, {of_scene} of a scene"
        yield problem(found, staged.line, f"{expected}, by {CONFIG}", path=log.path)
    if (wanted := config.data.synthetic) is None:
        return
    skipped = log.all("skipped_scene").facts("split")
    scored, last = log.sound("scene_accuracy"), log.first("inference_stop")
    for what, number, of, where in (
        ("training", count_of(staged, "scenes") if staged else None, wanted.training_scenes, staged),
        ("inference", len(scored) if scored else None, wanted.inference_scenes, last),
    ):
        left_out = sum((split == "inference") is (what == "inference") for split in skipped)
        if number is not None and number + left_out != of:
            found = f"{count(number, f'{what} scene')} and {left_out} skipped"
            yield problem(found, where and where.line, f"{of}, by {CONFIG}", path=log.path)
