"""All rules: what a log, a set of runs, a system description, a configuration, a tree must meet.

Imports the kernel (finding, registry, wording, placeholders), subjects, and the benchmark's core,
record and config.
"""

from __future__ import annotations

from compliance.registry import CRASHED, DISAGREEMENT, OWN, Rule, by_id, rules_in
from compliance.rules import announced, config, copies, series, system, tar
from compliance.rules.folder import config as folder_config
from compliance.rules.folder import energy, job, learned, masks, measured, metrics, telemetry, timers
from compliance.rules.folder import files as folder_files
from compliance.rules.foreign import published, science
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
from compliance.rules.plausible import agreement, clock, counts, digests, losses, rates
from compliance.rules.tree import code, contribution, files, known, secrets, shape, submitted
from compliance.rules.tree import config as tree_config
from compliance.rules.tree import method as tree_method
from compliance.rules.tree import system as tree_system

#: Rules on whether a log can be true; upstream's format has none (compliance/upstream).
_PLAUSIBLE = (losses, digests, counts, agreement, clock, rates, announced)
#: In the order of application and listing.
_MODULES = (
    parsing,
    events,
    identity,
    method,
    parameters,
    order,
    time,
    epochs,
    stopping,
    values,
    scores,
    resumed,
    result,
    result_scores,
    *_PLAUSIBLE,
    metrics,
    timers,
    telemetry,
    energy,
    measured,
    folder_config,
    learned,
    masks,
    job,
    folder_files,
    series,
    copies,
    system,
    config,
    shape,
    files,
    known,
    code,
    tree_config,
    tree_method,
    submitted,
    contribution,
    tree_system,
    secrets,
    tar,
    science,
    published,
)
ALL_RULES: tuple[Rule, ...] = (
    *(CRASHED, DISAGREEMENT),
    *(rule for module in _MODULES for rule in rules_in(module)),
)
RULE_BY_ID = by_id(ALL_RULES)
#: Rules without a counterpart in upstream's checker.
ONLY_OURS = frozenset(rule.id for module in _PLAUSIBLE for rule in rules_in(module))


def own_rules() -> dict[str, Rule]:
    """Return every rule that this package's own logs and bundles must meet, by id."""
    return {rule.id: rule for rule in ALL_RULES if OWN in rule.profiles}
