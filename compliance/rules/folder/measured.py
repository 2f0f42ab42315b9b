"""Rules on system.json: what every start of a run measured about its node must agree with the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmark.core.escaping import printable
from benchmark.record.run_folder import RunFolder
from benchmark.record.system_facts import hardware_changes, platform_name
from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.rules.folder.telemetry import CLOCK_MS, clock_set, span_of
from compliance.rules.log.identity import COMMIT_KEY
from compliance.subjects.evidence.evidence import Evidence
from compliance.subjects.result_fields import lookup
from compliance.subjects.timeline import RESUMED
from compliance.wording import count, describe, excerpt, show

#: A node is measured just before the first event; reading a checkout may take minutes on a slow disk.
BEFORE_MS = 600_000
#: Facts have whole seconds.
SECOND_MS = 1000


def _name(evidence: Evidence, start: int) -> str:
    """Return the name that findings use for the facts of a start."""
    return evidence.shown(RunFolder(evidence.root).system_of(start).name)


def _first(evidence: Evidence) -> dict[str, Any] | None:
    """Return the facts of the first start, which began the log."""
    facts = evidence.facts.get(1)
    return facts.data if facts else None


@folder_rule(
    "measured-form",
    clause="house",
    expected="JSON with the fields that docs/system.md describes",
    remedy=RECORDS,
)
def measured_form(evidence: Evidence) -> Iterator[Problem]:
    """What a start measured of its node must be complete and possible. There is at least one
    processor, some memory and one node, and every field has its type."""
    for start, facts in evidence.facts.items():
        for line, found, expected in facts.defects:
            yield problem(found, line, expected, path=_name(evidence, start))


@folder_rule(
    "measured-code",
    clause="S3-version, S6.3-commit",
    expected="the commit that the log states, and whether it was changed",
    remedy=RECORDS,
)
def measured_code(evidence: Evidence) -> Iterator[Problem]:
    """The code that was measured must be that of the log: its commit, and whether there were changes."""
    facts, event = _first(evidence), evidence.log.one(COMMIT_KEY)
    if facts is None or event is None:
        return
    commit = facts["git"].get("commit") or "unknown"
    if commit != event.value:
        expected = f"{show(event.value)}, as the log has"
        yield problem(f"commit {excerpt(commit)}", None, expected, path=_name(evidence, 1))
    elif facts["git"]["dirty"] != event.metadata["dirty"]:
        expected = f"{show(event.metadata['dirty'])}, as the log has"
        yield problem(f"dirty {show(facts['git']['dirty'])}", None, expected, path=_name(evidence, 1))


@folder_rule(
    "measured-node",
    clause="house",
    expected="the nodes that the log states, and at least the accelerators that it states",
    remedy=RECORDS,
)
def measured_node(evidence: Evidence) -> Iterator[Problem]:
    """The node that was measured must be one on which the run of the log was possible."""
    facts, path = _first(evidence), _name(evidence, 1)
    nodes, used = evidence.log.integer("number_of_nodes"), evidence.log.integer("accelerators_per_node")
    if facts is None:
        return
    if nodes is not None and facts["number_of_nodes"] != nodes:
        found, expected = count(facts["number_of_nodes"], "node"), f"{nodes}, as the log has"
        yield problem(found, None, expected, path=path)
    if used is not None and 0 < len(facts["accelerators"]) < used:
        found, expected = count(len(facts["accelerators"]), "accelerator"), f"{used} or more, as the log has"
        yield problem(found, None, expected, path=path)
    allocated = lookup(facts, "slurm", "SLURM_NNODES")
    if isinstance(allocated, str) and allocated.isdecimal() and nodes is not None and int(allocated) < nodes:
        found = f"`slurm.SLURM_NNODES` {excerpt(allocated)}"
        yield problem(found, None, f"{nodes} or more, as the log has", path=path)


@folder_rule(
    "measured-accelerators",
    severity="warning",
    clause="house",
    expected="the accelerators that the log states",
    remedy="let the run see the driver's library (NVML), or describe the accelerators by hand",
)
def measured_accelerators(evidence: Evidence) -> Iterator[Problem]:
    """Accelerators that a run used should be measured. A node without NVIDIA's management library shows
    none, so only the log says that they were there."""
    facts, used = _first(evidence), evidence.log.integer("accelerators_per_node")
    if facts is not None and used and not facts["accelerators"]:
        yield problem("no accelerator", None, f"{used}, as the log has", path=_name(evidence, 1))


@folder_rule(
    "measured-packages",
    clause="house",
    expected="a version of TensorFlow, which trains networks",
    remedy=RECORDS,
)
def measured_packages(evidence: Evidence) -> Iterator[Problem]:
    """The packages that were measured must be able to train what the log says was trained."""
    if (evidence.log.text("method_kind") or "network") != "network":
        return
    for start, facts in evidence.facts.items():
        if facts.data and not facts.data["packages"].get("tensorflow"):
            found = f"`packages.tensorflow` is {describe(facts.data['packages'].get('tensorflow'))}"
            yield problem(found, path=_name(evidence, start))


@folder_rule(
    "measured-platform",
    clause="house",
    expected="the configured name, or without one that which follows from what was measured",
    remedy=RECORDS,
)
def measured_platform(evidence: Evidence) -> Iterator[Problem]:
    """A platform that the configuration does not name must be named after what was measured."""
    facts, event = _first(evidence), evidence.log.one("submission_platform")
    submission = lookup(evidence.settings, "submission")
    if facts is None or event is None or not isinstance(submission, dict) or submission.get("platform"):
        return
    if event.value != (name := platform_name(facts)):
        found, expected = f"a node to be called {excerpt(name)}", f"{show(event.value)}, as the log has"
        yield problem(found, None, expected, path=_name(evidence, 1))


@folder_rule(
    "measured-time",
    clause="house",
    expected="the first start just before the first event, later ones one after the other within the run",
    remedy=RECORDS,
)
def measured_time(evidence: Evidence) -> Iterator[Problem]:
    """A node must be measured when its start begins. The first is measured within ten minutes before the
    first event, each later one after the start before it and before the run has stopped."""
    span = span_of(evidence.log)
    if span is None:
        return
    (begin, end), set_ms = span, clock_set(evidence.log)
    least, most = begin - BEFORE_MS, begin + CLOCK_MS
    for start, facts in evidence.facts.items():
        if facts.data is None:
            continue
        time = facts.measured_at
        if start > 1:
            most = time if end is None else end + set_ms
        if not least - SECOND_MS - (set_ms if start > 1 else 0) < time <= most:
            found = f"`measured_at` {excerpt(facts.data['measured_at'])}"
            after = (
                "the start before it"
                if start > 1
                else f"{BEFORE_MS // 60_000} minutes before the first event"
            )
            before = "run_stop" if start > 1 else "the first event"
            bound, said = (least, f"not before {after}") if time < most else (most, f"not after {before}")
            yield problem(
                f"{found}, {abs(time - bound) / 1000:.0f} s off", None, said, path=_name(evidence, start)
            )
        least = max(least, time)


@folder_rule(
    "measured-starts",
    severity="warning",
    clause="house",
    expected="system.json, system-2.json and so on, one for each start of the run",
    remedy=RECORDS,
)
def measured_starts(evidence: Evidence) -> Iterator[Problem]:
    """Every start of a resumed run should have measured its node. Even a start that failed before it could
    resume the run has measured it."""
    log, starts = evidence.log, [*evidence.facts]
    if evidence.in_bundle or not starts or not log.completed:
        return
    marks = [value for value in log.sound(RESUMED).values if isinstance(value, int)]
    needed = max(marks, default=0) + 1
    if missing := [start for start in range(1, max(needed, *starts) + 1) if start not in starts]:
        found = f"no {RunFolder(evidence.root).system_of(missing[0]).name}"
        yield problem(found, None, f"{count(needed, 'start')}, as the log has", path=evidence.path)
    elif needed == 1 and len(starts) > 1:
        yield problem(f"{len(starts)} starts", None, "one, as the log has", path=evidence.path)


@folder_rule(
    "measured-hardware",
    severity="warning",
    clause="house",
    expected="the hardware of the first start",
    remedy="say in the contribution that the run continued on other hardware; its times are of both",
)
def measured_hardware(evidence: Evidence) -> Iterator[Problem]:
    """The starts of a run should have the same hardware: processor, instruction sets and accelerators."""
    first = _first(evidence)
    for start, facts in evidence.facts.items():
        for change in hardware_changes(first, facts.data) if first and facts.data else ():
            yield problem(printable(change), path=_name(evidence, start))
