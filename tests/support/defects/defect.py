"""Defects of logs: how to plant each, which rule must catch it, and the finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compliance.finding import Finding
from compliance.registry import OWN
from compliance.rules import RULE_BY_ID
from tests.support.logs.hand_logs import COMPLETED
from tests.support.logs.log_edits import as_text


@dataclass(frozen=True)
class Said:
    """The only finding, word for word, for a defect in a log typed by hand.

    ``expected`` is set if the finding states it more exactly than the rule; ``also`` names further rules
    that the defect must break in this ``log``, not counting those that the log breaks anyway.
    """

    line: int | None
    found: str
    expected: str | None = None
    also: tuple[str, ...] = ()
    log: str = COMPLETED

    def finding(self, rule_id: str, path: str = "logs/result.txt") -> Finding:
        """Return the complete finding of a rule."""
        rule = RULE_BY_ID[rule_id]
        return Finding(
            rule=rule.id,
            severity=rule.severity,
            path=path,
            line=self.line,
            clause=rule.clause,
            message=rule.message,
            expected=self.expected or rule.expected,
            found=self.found,
            remedy=rule.remedy,
            profile=OWN,
        )


@dataclass(frozen=True)
class Defect:
    """A kind of defect: ``rule`` must catch it; it may also break the rules ``also``.

    Calling it with the text of a good log returns the text with the defect, or None if the log has no
    place for it (no skipped scene, no early stopping). The name begins with its group and a colon:
    ``time: in seconds``. A ``typed`` defect fits only the log that its finding is about.
    """

    name: str
    plant: Callable[[str], str]
    rule: str
    also: frozenset[str] = frozenset()
    said: Said | None = None
    typed: bool = False

    def __call__(self, text: str) -> str | None:
        try:
            return self.plant(text)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            return None


def defect(name: str, plant: Callable[[str], str], rule: str, *also: str) -> Defect:
    """Return a defect that can be planted in any good log with a place for it."""
    return Defect(name, plant, rule, frozenset(also))


def typed(
    rule: str,
    text: str | bytes,
    line: int | None,
    found: str,
    expected: str | None = None,
    also: tuple[str, ...] = (),
    log: str = COMPLETED,
) -> Defect:
    """Return a defect of one log typed by hand, given the complete text with the defect."""
    broken = as_text(text) if isinstance(text, bytes) else text

    def plant(good: str) -> str:
        if good != log:
            raise LookupError
        return broken

    said = Said(line, found, expected, also, log)
    return Defect(f"typed: {rule}: {found}", plant, rule, frozenset(also), said, typed=True)
