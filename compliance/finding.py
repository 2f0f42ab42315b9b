"""The finding of a rule, as data only; the reports turn it into text, JSON and other formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "note"]

#: From most to least severe.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Finding:
    """One violation of a rule.

    ``path`` is the file (or folder) as the caller named it, ``line`` its line counted
    from 1 or None if no single line is meant, ``clause`` the source of the rule.
    """

    rule: str
    severity: Severity
    path: str
    line: int | None
    clause: str
    message: str
    expected: str
    found: str
    remedy: str
    #: The profile that judged the file.
    profile: str = ""
