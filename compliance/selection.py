"""Which rules a check applies, and how severe each is: a profile, a site's settings, the command line.

Without a profile, the one that fits judges each log (`compliance.rules.profiles`).

A site's settings are in a file ``compliance.toml``, read from the working folder or named with
``--settings``:

    profile = "hpc"
    select = ["event-*", "time-*"]      # only these rules
    ignore = ["contact-present"]        # none of these

    [severity]
    cache-cleared = "note"              # overrides the profile's severity
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from benchmark.core.files import open_regular
from compliance.finding import SEVERITIES, Severity
from compliance.registry import CRASHED, Rule, judges
from compliance.rules import RULE_BY_ID
from compliance.rules.profiles import PROFILES
from compliance.wording import excerpt, listing, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS = "compliance.toml"

#: The remedy if too few rules are left.
MORE_RULES = "select other rules, or ignore fewer; --list-rules shows them all"

#: Read no more: settings are a few lines.
SETTINGS_BYTES = 64 * 1024


class SettingsError(CloudMaskError):
    """Settings that cannot be used."""


@dataclass(frozen=True)
class Selection:
    """The requested rules. ``select`` and ``ignore`` are rule ids or patterns (``time-*``)."""

    profile: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def rule_sets(self) -> dict[str, dict[str, Rule]]:
        """Return the rules to apply by id, by profile: the requested profile, or else all.

        A crashed rule is always reported. Raises SettingsError for an unknown profile, rule or severity,
        and if no rule of the requested profile, or of any, is left.
        """
        self.check()
        names = [self.profile] if self.profile else [*PROFILES]
        sets = {name: self.rules(name) for name in names}
        left = {name: rules for name, rules in sets.items() if judges(rules)}
        if not left:
            of_profile = f" of profile {self.profile}" if self.profile else ""
            raise SettingsError(
                "select and ignore",
                found="no rule is left to apply",
                expected=f"at least one rule{of_profile}: without any, everything would pass",
                remedy=MORE_RULES,
            )
        return left

    def rules(self, profile: str) -> dict[str, Rule]:
        """Return the rules of a profile that apply, by id."""
        rules = self._of_profile(profile).items()
        return {id: rule for id, rule in rules if id == CRASHED.id or self._applies(id)}

    def left_out(self) -> tuple[str, ...]:
        """Return the rules of the profiles that are not applied."""
        sets = self.rule_sets()
        applied = {id for rules in sets.values() for id in rules}
        return tuple(dict.fromkeys(id for name in sets for id in self._of_profile(name) if id not in applied))

    def _of_profile(self, name: str) -> dict[str, Rule]:
        profile = PROFILES[name]
        return {
            id: dataclasses.replace(rule, severity=self.severities.get(id, severity), profile=name)
            for id, rule in RULE_BY_ID.items()
            if (severity := profile.severity(name, rule))
        }

    def _applies(self, id: str) -> bool:
        selected = not self.select or any(fnmatchcase(id, pattern) for pattern in self.select)
        return selected and not any(fnmatchcase(id, pattern) for pattern in self.ignore)

    def check(self) -> None:
        """Raise SettingsError for an unknown profile, rule or severity."""
        if self.profile is not None:
            _one_of("profile", self.profile, PROFILES)
        for pattern in (*self.select, *self.ignore):
            if not any(fnmatchcase(id, pattern) for id in RULE_BY_ID):
                _one_of("rule", pattern, RULE_BY_ID)
        for id in self.severities:
            _one_of("rule", id, RULE_BY_ID)
        for severity in self.severities.values():
            _one_of("severity", severity, SEVERITIES)


def _one_of(what: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        meant = nearest(name, names)
        few = listing(names, last="or") if len(names) < 10 else f"one of {len(names)} (--list-rules)"
        raise SettingsError(
            f"{what} {excerpt(name)}",
            found=f"no {what} of this name",
            expected=few,
            remedy=f"did you mean {meant}?" if meant else "correct the name",
        )


def read_settings(path: Path) -> Selection:
    """Read a site's settings. Raises SettingsError if the file cannot be read or used."""
    try:
        with open_regular(path) as stream:
            data = tomllib.loads(stream.read(SETTINGS_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(
            path,
            found=getattr(error, "strerror", None) or str(error),
            expected="a TOML file with profile, select, ignore and a table severity",
            remedy="correct the file, or name another with --settings",
        ) from error
    kinds = {"profile": str, "select": list, "ignore": list, "severity": dict}
    for name, value in data.items():
        _one_of("setting", name, kinds)
        texts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
        if not isinstance(value, kinds[name]) or not all(isinstance(text, str) for text in texts):
            raise SettingsError(
                f"{path}: {name}",
                found=excerpt(str(value)),
                expected={"profile": "a name", "severity": "a table of rule = severity"}.get(
                    name, "a list of rules"
                ),
                remedy="correct the setting",
            )
    selection = Selection(
        data.get("profile"),
        tuple(data.get("select", ())),
        tuple(data.get("ignore", ())),
        data.get("severity", {}),
    )
    selection.check()
    return selection
