"""Every file of rules, imported in one place: importing this module registers them all."""

from __future__ import annotations

from compliance import (  # noqa: F401
    rules_config,
    rules_epochs,
    rules_events,
    rules_foreign,
    rules_identity,
    rules_parameters,
    rules_parsing,
    rules_result,
    rules_result_scores,
    rules_resumed,
    rules_scores,
    rules_set,
    rules_stopping,
    rules_system,
    rules_tar,
    rules_time,
    rules_timeline,
    rules_tree,
    rules_values,
)
