"""A broken log: its text, and the one finding that it must give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    """A text that breaks ``rule`` once, at ``line`` (None: at no single line).

    ``expected`` where the finding says it more exactly than the rule; ``also`` names the
    rules that the same defect must break too.
    """

    rule: str
    text: str | bytes
    line: int | None
    found: str
    expected: str | None = None
    also: tuple[str, ...] = ()
