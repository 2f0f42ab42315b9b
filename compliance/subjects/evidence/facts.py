"""system.json: what a start of a run measured of its node, with the types that docs/system.md states."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compliance.subjects.result_fields import Shape, faults, lookup
from compliance.subjects.strict_json import decode_json
from compliance.wording import describe

_FORMAT = "cloudmask-system-1"
#: The fields that rules compare, by the names of types in benchmark.record.events.
_FIELDS: Shape = {
    "format": "string",
    "measured_at": "string",
    "number_of_nodes": "count",
    "cpu": {"model": "string", **dict.fromkeys(("sockets", "cores", "threads"), "count"), "flags": "list"},
    "memory": {"total_bytes": "count"},
    "packages": "object",
    "git": {"dirty": "boolean"},
}
#: Of these there is at least one of each.
_POSITIVE = (
    ("number_of_nodes",),
    ("cpu", "sockets"),
    ("cpu", "cores"),
    ("cpu", "threads"),
    ("memory", "total_bytes"),
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True)
class Facts:
    """What a start measured; ``data`` is None where it is not as it should be, which ``defects`` say."""

    data: dict[str, Any] | None
    #: Line, what was found, and what was expected where it is not the whole.
    defects: list[tuple[int | None, str, str | None]]

    @property
    def measured_at(self) -> int:
        """When, in milliseconds since 1970; the data must be there."""
        assert self.data is not None
        return 1000 * calendar.timegm(time.strptime(self.data["measured_at"], "%Y-%m-%dT%H:%M:%SZ"))


def read_facts(content: bytes) -> Facts:
    """The facts of a start from the content of their file."""
    data, defects = decode_json(content)
    found: list[tuple[int | None, str, str | None]] = [(line, said, None) for line, said in defects]
    found = found or [(None, said, expected) for said, expected in _faults(data)]
    return Facts(data if isinstance(data, dict) and not found else None, found)


def _faults(data: object) -> Iterator[tuple[str, str]]:
    """What the facts lack, or have with another type, and what was expected of it."""
    wrong = [*faults(data, _FIELDS, "system")]
    yield from wrong
    if wrong:
        return
    assert isinstance(data, dict)
    if data["format"] != _FORMAT:
        yield f"`format` is {describe(data['format'])}", f"`{_FORMAT}`"
    if not _is_time(data["measured_at"]):
        yield f"`measured_at` is {describe(data['measured_at'])}", "a time in UTC to the second"
    for path in _POSITIVE:
        if lookup(data, *path) == 0:
            yield f"`{'.'.join(path)}` is 0", "at least 1"
    accelerators = data.get("accelerators")
    if not isinstance(accelerators, list):
        yield f"`accelerators` is {describe(accelerators)}", "a list"
    elif not all(isinstance(lookup(each, "model"), str) for each in accelerators):
        yield "`accelerators` with one of no model", "the model of each"
    for name, version in data["packages"].items():
        if not isinstance(version, str | None):
            yield f"`packages` with {describe(version)} for {describe(name)}", "a string or null"
    if not isinstance(data["git"].get("commit"), str | None):
        yield f"`git.commit` is {describe(data['git']['commit'])}", "a string or null"


def _is_time(text: str) -> bool:
    try:
        return bool(_TIME.fullmatch(text) and time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return False
