"""The checker's findings about the runs and their system description, for the report."""

from __future__ import annotations

import dataclasses

from compliance import registry
from compliance.finding import Finding
from compliance.rules import own_rules
from compliance.subjects.strict_json import read_json
from submission.bundle.layout import BundleLayout
from submission.runs.runs import RunSet


def findings(layout: BundleLayout, runs: RunSet) -> list[Finding]:
    """Return findings of all severities; files have their names in the bundle, wherever the runs are."""
    logs = [
        dataclasses.replace(run.log, path=layout.results(number)[0].name)
        for number, run in enumerate(runs.runs, start=1)
    ]
    of_logs = [finding for log in logs for finding in registry.run("log", log, own_rules())]
    file = read_json(layout.system_description, layout.system_description.name)
    of_system = registry.run("json", file, own_rules()) or registry.run("system", file, own_rules())
    return [*of_logs, *registry.run("set", logs, own_rules()), *of_system]


def rules_applied() -> int:
    """Return the number of rules that were applied for these findings."""
    return sum(rule.scope in ("log", "set", "json", "system") for rule in own_rules().values())
