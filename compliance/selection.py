"""Which rules a check applies, and how grave each is: a profile, a site's settings, the command line.

A site's settings stand in a file ``compliance.toml``, read from the working folder or named with
``--settings``:

    profile = "hpc"
    select = ["event-*", "time-*"]      # only these rules
    ignore = ["contact-present"]        # none of these

    [severity]
    cache-cleared = "note"              # graver or lighter than the profile has it
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from compliance.finding import SEVERITIES, Severity
from compliance.registry import CRASHED, Rule
from compliance.rules import RULE_BY_ID
from compliance.wording import excerpt, listing, nearest

SETTINGS = "compliance.toml"

#: Settings are a few lines.
SETTINGS_BYTES = 64 * 1024


@dataclass(frozen=True)
class Profile:
    """A kind of log. Its rules are those registered for it and ``severities``: rules that are
    registered for Science and applied here too, with the severity that they have here."""

    meaning: str
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def severity(self, name: str, rule: Rule) -> Severity | None:
        """The severity of a rule in this profile, which is called ``name``; None where it is not applied."""
        return self.severities.get(rule.id, rule.severity if name in rule.profiles else None)


#: Rules of the format and the file that hold for any log of this format. What published logs carry
#: is lighter here than it is for a submission of our own: text of other processes, an encoding of
#: theirs, NaN, small steps back in time, placeholders, events after the run.
_ANY_LOG: Mapping[str, Severity] = {
    **dict.fromkeys(("no-events", "log-size", "line-length", "event-json", "event-fields"), "error"),
    **dict.fromkeys(("duplicate-json-key", "glued-events", "text-after-event", "number-size"), "error"),
    **dict.fromkeys(("last-line", "line-end", "byte-order-mark", "binary-text", "encoding"), "warning"),
    **dict.fromkeys(("old-token", "text-before-token", "non-finite-number"), "warning"),
    **dict.fromkeys(("time-unit", "time-plausible", "one-run"), "error"),
    **dict.fromkeys(("time-order", "interval-length", "after-run-stop", "run-success"), "warning"),
    "identity-real": "warning",
    "json-form": "error",
    # the same runs are published for strong and for weak scaling
    "set-identical-logs": "warning",
    **dict.fromkeys(("set-unique-seeds", "set-same-setup", "set-completed", "set-numbering"), "warning"),
    "set-single-run": "note",
}

PROFILES: dict[str, Profile] = {
    "science": Profile("submissions of this benchmark to MLCommons Science"),
    "hpc": Profile("published logs of MLPerf HPC", _ANY_LOG),
    "training": Profile("published logs of MLPerf Training", _ANY_LOG),
}


class SettingsError(CloudMaskError):
    """Settings that cannot be used."""


@dataclass(frozen=True)
class Selection:
    """What was asked for. ``select`` and ``ignore`` are rule ids or patterns of them (``time-*``)."""

    profile: str = "science"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def rules(self) -> dict[str, Rule]:
        """The rules to apply, by id. A crashed rule is always reported.

        Raises SettingsError for a profile, rule or severity that does not exist.
        """
        return {id: rule for id, rule in self._of_profile().items() if id == CRASHED.id or self._applies(id)}

    def left_out(self) -> tuple[str, ...]:
        """The rules of the profile that are not applied."""
        applied = self.rules()
        return tuple(id for id in self._of_profile() if id not in applied)

    def _of_profile(self) -> dict[str, Rule]:
        self._check()
        profile = PROFILES[self.profile]
        return {
            id: dataclasses.replace(rule, severity=self.severities.get(id, severity))
            for id, rule in RULE_BY_ID.items()
            if (severity := profile.severity(self.profile, rule))
        }

    def _applies(self, id: str) -> bool:
        selected = not self.select or any(fnmatchcase(id, pattern) for pattern in self.select)
        return selected and not any(fnmatchcase(id, pattern) for pattern in self.ignore)

    def _check(self) -> None:
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
    """The settings of a site. Raises SettingsError where the file cannot be read or used."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        with path.open("rb") as stream:
            data = tomllib.loads(stream.read(SETTINGS_BYTES).decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
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
        data.get("profile", "science"),
        tuple(data.get("select", ())),
        tuple(data.get("ignore", ())),
        data.get("severity", {}),
    )
    selection.rules()
    return selection
