"""Rules on a configuration: a run's, resolved or as written, or a submission's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmark.core.errors import ConfigError
from benchmark.core.plain_yaml import PLAIN
from compliance.registry import Problem, config_rule, problem
from compliance.subjects.subjects import ConfigFile
from compliance.wording import excerpt, show

if TYPE_CHECKING:
    from benchmark.config.schema import Config


@config_rule(
    "config-yaml",
    clause="S3, P-config",
    expected=f"a mapping in {PLAIN}",
    remedy="correct the file; the shipped ones in benchmark/config/shipped are examples",
)
def config_yaml(file: ConfigFile) -> Iterator[Problem]:
    """A configuration must be plain YAML. The checker executes nothing in it, and does not read what could
    expand to gigabytes."""
    if file.defect:
        yield problem(excerpt(file.defect, width=200))


@config_rule(
    "config-valid",
    clause="house",
    expected="fields and values that a run accepts",
    remedy="correct the field",
)
def config_valid(file: ConfigFile) -> Iterator[Problem]:
    """A configuration must be one that a run accepts: known fields, with values of their types and in
    their ranges. For a submission's, this applies to the parameters of its runs."""
    try:
        _config(file)
    except ConfigError as error:
        yield problem(f"{error.where}: {error.found}", None, error.expected, remedy=error.remedy)


@config_rule(
    "config-logged",
    clause="S2",
    expected="the digest and the seed that the log next to it states",
    remedy="a run's configuration is a record: restore it, or repeat the run with the new one",
)
def config_logged(file: ConfigFile) -> Iterator[Problem]:
    """The configuration next to a log must be the one that the run used. One that was edited afterwards
    would repeat a different run."""
    try:
        config = _config(file)
    except ConfigError:
        return
    for log in file.logs if config else ():
        digest, seed = log.text("config_digest"), log.integer("seed")
        if config and digest and digest != config.digest():
            yield problem(f"digest {config.digest()}", None, f"{show(digest)}, as in {log.path}")
        if config and None not in (seed, config.seed) and seed != config.seed:
            yield problem(f"seed {config.seed}", None, f"{seed}, as in {log.path}")


def _config(file: ConfigFile) -> Config | None:
    """Build the run's configuration; None if there is none. Raises ConfigError."""
    from benchmark.config.files import build_config  # YAML: longer to import than the whole start-up

    data = file.data
    if isinstance(data, dict) and "github" in data:
        data = data.get("parameters")
    return build_config(data) if isinstance(data, dict) and not file.defect else None
