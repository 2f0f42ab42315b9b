"""What a rule found: data only. Text, JSON and other reports are made of it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "note"]

#: From the gravest to the lightest.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Finding:
    """One place where a rule is not met.

    ``path`` is the file (or folder) as the caller named it, ``line`` its line counted
    from 1 or None where no single line is meant, ``clause`` the source of the rule.
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
    #: The profile by which the file was judged.
    profile: str = ""
