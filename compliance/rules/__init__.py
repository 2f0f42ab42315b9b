"""All rules: what a log, a set of runs, a system description, a configuration, a tree must meet.

Imports the kernel (finding, registry, wording, placeholders), subjects, and of the benchmark core,
record and config.
"""

from __future__ import annotations

from compliance.registry import CRASHED, DISAGREEMENT, Rule, by_id
from compliance.rules import config, series, system, tar
from compliance.rules.foreign import published
from compliance.rules.log import (
    epochs,
    events,
    identity,
    method,
    order,
    parameters,
    parsing,
    result,
    result_scores,
    resumed,
    scores,
    stopping,
    time,
    values,
)
from compliance.rules.tree import config as tree_config
from compliance.rules.tree import contribution, files, secrets, shape
from compliance.rules.tree import method as tree_method
from compliance.rules.tree import system as tree_system

ALL_RULES: tuple[Rule, ...] = (
    CRASHED,
    DISAGREEMENT,
    *parsing.RULES,
    *events.RULES,
    *identity.RULES,
    *method.RULES,
    *parameters.RULES,
    *order.RULES,
    *time.RULES,
    *epochs.RULES,
    *stopping.RULES,
    *values.RULES,
    *scores.RULES,
    *resumed.RULES,
    *result.RULES,
    *result_scores.RULES,
    *series.RULES,
    *system.RULES,
    *config.RULES,
    *shape.RULES,
    *files.RULES,
    *tree_config.RULES,
    *tree_method.RULES,
    *contribution.RULES,
    *tree_system.RULES,
    *secrets.RULES,
    *tar.RULES,
    *published.RULES,
)
RULE_BY_ID = by_id(ALL_RULES)


def science_rules() -> dict[str, Rule]:
    """Every rule that a Science submission must meet, by id."""
    return {rule.id: rule for rule in ALL_RULES if "science" in rule.profiles}
