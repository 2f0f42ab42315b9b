"""Rules and how they are run.

A rule is a short generator function under the decorator of its scope, such as ``log_rule``. It
takes one subject (`compliance.subjects`) and yields ``problem(...)`` for every violation;
the registry adds id, severity, clause, message and remedy. Its docstring is the rule's
documentation, and the docstring's first sentence is the message of its findings: write
it as a demand ("The run must end with status success."). Findings are errors unless the
decorator says otherwise.

A defect inside a rule becomes a finding of ``rule-crashed``, so that one bug in a rule or
one unforeseen input never hides the findings of the other rules.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Literal, get_args

from compliance.finding import Finding, Severity

Scope = Literal["log", "folder", "set", "json", "system", "config", "tree", "tar"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

#: The profile of this package's own logs and bundles: everything that they promise.
OWN = "cloudmask"

#: The most findings of one rule on one subject that are listed; the rest are counted.
LISTED = 20


@dataclass(frozen=True)
class Problem:
    """A violation that a rule yields: what was found and where, and what replaces the rule's own texts."""

    found: str
    line: int | None = None
    expected: str | None = None
    path: str | None = None
    remedy: str | None = None


Check = Callable[[Any], Iterable[Problem]]


@dataclass(frozen=True)
class Rule:
    """A registered rule."""

    id: str
    scope: Scope | None
    severity: Severity
    clause: str
    expected: str
    remedy: str
    documentation: str
    check: Check
    #: Names of the profiles (compliance.rules.profiles) that it is registered for.
    profiles: tuple[str, ...] = (OWN,)
    #: The profile that applies it here.
    profile: str = OWN

    @property
    def message(self) -> str:
        """The first sentence of the documentation."""
        head, stop, _ = self.documentation.partition(". ")
        return head + stop.strip()


def problem(
    found: str,
    line: int | None = None,
    expected: str | None = None,
    *,
    path: object = None,
    remedy: str | None = None,
) -> Problem:
    """Describe a violation of the rule.

    ``path`` is needed if the subject is more than one file; ``expected`` and ``remedy``
    replace the rule's own if they can be more exact here.
    """
    return Problem(found, line, expected, None if path is None else str(path), remedy)


def rule(
    id: str,
    *,
    scope: Scope,
    severity: Severity = "error",
    clause: str,
    expected: str,
    remedy: str,
    profiles: tuple[str, ...] = (OWN,),
) -> Callable[[Check], Rule]:
    """Turn the decorated generator function into a rule of its module."""

    def made(check: Check) -> Rule:
        documentation = " ".join((check.__doc__ or "").split())
        assert documentation, f"rule {id} has no docstring"
        return Rule(id, scope, severity, clause, expected, remedy, documentation, check, profiles)

    return made


log_rule = partial(rule, scope="log")
folder_rule = partial(rule, scope="folder")
set_rule = partial(rule, scope="set")
system_rule = partial(rule, scope="system")
config_rule = partial(rule, scope="config")
tree_rule = partial(rule, scope="tree")
tar_rule = partial(rule, scope="tar")


def rules_in(module: ModuleType) -> Iterator[Rule]:
    """Yield the rules of a module in source order; some are defined in tuples."""
    for value in vars(module).values():
        members = value if isinstance(value, tuple) else (value,)
        yield from (each for each in members if isinstance(each, Rule))


def by_id(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Return the rules by id. No id may occur twice."""
    known: dict[str, Rule] = {}
    for each in rules:
        assert each.id not in known, f"rule {each.id} is defined twice"
        known[each.id] = each
    return known


def run(scope: Scope, subject: object, rules: Mapping[str, Rule]) -> list[Finding]:
    """Return everything that the rules of a scope find in a subject, rule by rule.

    Raises ValueError if no rule judges anything: anything would pass.
    """
    demand_rules(rules)
    return [finding for rule in rules.values() if rule.scope == scope for finding in judge(rule, subject)]


def demand_rules(rules: Mapping[str, Rule], scope: Scope | None = None) -> None:
    """Raise ValueError if no rule judges anything (of the scope, if given): anything would pass."""
    if not judges(rules, scope):
        raise ValueError("no rules to apply: an empty set of rules would pass anything")


def judges(rules: Mapping[str, Rule], scope: Scope | None = None) -> bool:
    """Whether any of the rules judges something (of the scope, if given)."""
    scopes = (rule.scope for rule in rules.values())
    return any(each == scope if scope else each is not None for each in scopes)


def judge(rule: Rule, subject: object) -> list[Finding]:
    """Return what one rule finds in a subject: at most ``LISTED`` findings and the number of the others."""
    findings: list[Finding] = []
    further = 0
    try:
        for each in rule.check(subject):
            if len(findings) < LISTED:
                findings.append(finding_of(rule, subject, each))
            else:
                further += 1
    except Exception as error:
        # Any exception here is a defect of the rule, whatever its type: report it as
        # a finding instead of ending the check.
        crash = problem(f"{type(error).__name__} in rule {rule.id}: {str(error)[:200]}")
        return [*findings, finding_of(CRASHED, subject, crash)]
    if further:
        findings.append(finding_of(rule, subject, problem(f"{further} more of these")))
    return findings


def finding_of(rule: Rule, subject: object, problem: Problem) -> Finding:
    """Turn a rule's problem in a subject into a finding."""
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        path=problem.path if problem.path is not None else location(subject),
        line=problem.line,
        clause=rule.clause,
        message=rule.message,
        expected=problem.expected or rule.expected,
        found=problem.found,
        remedy=problem.remedy or rule.remedy,
        profile=rule.profile,
    )


def location(subject: object) -> str:
    """Return a subject's path: its file, a tree's name, or the folder that all files of a set share."""
    if isinstance(subject, list | tuple):
        try:
            return os.path.commonpath([location(member) for member in subject])
        except ValueError:  # nothing in common: no members, or absolute and relative paths
            return ""
    return str(getattr(subject, "path", None) or getattr(subject, "name", ""))


def _reported_elsewhere(subject: object) -> Iterator[Problem]:
    yield from ()


CRASHED = Rule(
    id="rule-crashed",
    scope=None,
    severity="error",
    clause="house",
    expected="every rule judges any input without failing",
    remedy="report this with the file that caused it; it is a defect of the checker",
    documentation="A rule must judge any input without failing. This finding is a defect of the checker, "
    "not of what it checked; the other rules have been applied all the same.",
    check=_reported_elsewhere,
    profiles=(OWN, "science", "hpc", "training"),
)
DISAGREEMENT = Rule(
    id="second-opinion",
    scope=None,
    severity="warning",
    clause="house",
    expected="the same verdict of both checkers",
    remedy="read what both say; report the case where one of them is wrong",
    documentation="Upstream's checker should reach the same verdict as this one. With --second-opinion it "
    "judges every log that our parser reads without an error, by the rule files in compliance/upstream.",
    check=_reported_elsewhere,
)
