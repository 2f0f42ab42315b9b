"""What the checker says of the runs and of the description of their system, as the report shows it."""

from __future__ import annotations

import dataclasses

from compliance import registry
from compliance.finding import Finding
from compliance.rules import science_rules
from compliance.subjects.strict_json import read_json
from submission.bundle.layout import Layout
from submission.report.text import html_table
from submission.runs.runs import RunSet

HEADINGS = ("Severity", "Rule", "Place", "Found", "Expected", "What to do")


def findings(layout: Layout, runs: RunSet) -> list[Finding]:
    """Findings of every severity; logs go by their names in the bundle, wherever the runs lie."""
    logs = [
        dataclasses.replace(run.log, path=layout.results(number)[0].name)
        for number, run in enumerate(runs.runs, start=1)
    ]
    of_logs = [finding for log in logs for finding in registry.run("log", log, science_rules())]
    file = read_json(layout.system_description)
    of_system = registry.run("json", file, science_rules()) or registry.run("system", file, science_rules())
    name = layout.system_description.name
    return [
        *of_logs,
        *registry.run("set", logs, science_rules()),
        *(dataclasses.replace(finding, path=name) for finding in of_system),
    ]


def findings_html(layout: Layout, runs: RunSet) -> str:
    """How many rules were applied, and a table of what they found."""
    applied = sum(rule.scope in ("log", "set", "json", "system") for rule in science_rules().values())
    found = findings(layout, runs)
    judged = f"<p>{applied} rules on logs, on sets of logs and on descriptions of systems were applied.</p>\n"
    if not found:
        return f"{judged}<p>The checker has nothing to say.</p>\n"
    rows = [
        (
            finding.severity,
            finding.rule,
            f"{finding.path}:{finding.line}" if finding.line else finding.path,
            *(finding.found, finding.expected, finding.remedy),
        )
        for finding in found
    ]
    return judged + html_table("Findings", HEADINGS, rows)
