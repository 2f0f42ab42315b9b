"""Rules on the method of a run and what it learned: method.py and weights.npz."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.registry import Problem, folder_rule, problem
from compliance.rules.folder.files import RECORDS
from compliance.subjects.evidence.evidence import METHOD, WEIGHTS, Evidence
from compliance.subjects.result_fields import lookup
from compliance.wording import count, excerpt, show


@folder_rule(
    "folder-method",
    clause="P-archive, G-replication",
    expected="the source whose sha256 the log states",
    remedy=RECORDS,
)
def folder_method(evidence: Evidence) -> Iterator[Problem]:
    """The method's source next to a log must be the one that ran. A run keeps it if the method is the user's
    file, but not if it is a module of an installed package."""
    source, digest = evidence.log.text("method_source"), evidence.log.text("method_sha256")
    found = evidence.method_sha256
    if found is None or digest is None or source is None or not source.endswith(".py"):
        return
    if found != digest:
        expected = f"{excerpt(digest, width=64)}, as the log has"
        yield problem(f"sha256 {found}", None, expected, path=evidence.shown(METHOD))


@folder_rule(
    "weights-form",
    clause="house",
    expected="arrays of numbers: of a network 0000, 0001, ..., of a fitted method by their names",
    remedy=RECORDS,
)
def weights_form(evidence: Evidence) -> Iterator[Problem]:
    """The weights next to a log must be arrays of numbers, no larger than the log lets expect."""
    if isinstance(evidence.weights, str):
        yield problem(excerpt(evidence.weights, width=200), path=evidence.shown(WEIGHTS))


@folder_rule(
    "weights-digest",
    clause="house",
    expected="the weights whose digest the result states",
    remedy=RECORDS,
)
def weights_digest(evidence: Evidence) -> Iterator[Problem]:
    """The weights next to a log must be those that its result was predicted with, to the last bit."""
    weights, digest = evidence.weights, lookup(evidence.log.value("result"), "weights_sha256")
    if weights is None or isinstance(weights, str) or not isinstance(digest, str):
        return
    if weights.sha256 != digest:
        found, expected = f"sha256 {weights.sha256}", f"{excerpt(digest, width=64)}, as the result has"
        yield problem(found, None, expected, path=evidence.shown(WEIGHTS))


@folder_rule(
    "weights-count",
    clause="house",
    expected="as many numbers as the result states",
    remedy=RECORDS,
)
def weights_count(evidence: Evidence) -> Iterator[Problem]:
    """The weights next to a log must be as many numbers as its result says that the method has."""
    weights, stated = evidence.weights, lookup(evidence.log.value("result"), "parameters")
    if weights is None or isinstance(weights, str) or type(stated) is not int:
        return
    if weights.values != stated:
        found, expected = count(weights.values, "number"), f"{show(stated)}, as the result has"
        yield problem(found, None, expected, path=evidence.shown(WEIGHTS))
