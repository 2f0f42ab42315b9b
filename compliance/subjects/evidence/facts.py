"""system.json: what a start of a run measured about its node, with the types of docs/system.md."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compliance.subjects.result_fields import Shape, faults, lookup
from compliance.subjects.strict_json import decode_json
from compliance.wording import describe, show

_FORMAT = "cloudmask-system-1"
#: The fields that rules and descriptions use, with the types of benchmark.record.events.
_FIELDS: Shape = {
    "format": "string",
    "measured_at": "string",
    "number_of_nodes": "count",
    "cpu": {
        "model": "string",
        **dict.fromkeys(("sockets", "cores", "threads"), "count"),
        "caches": "object",
        "flags": "list",
    },
    "memory": {"total_bytes": "count"},
    "storage": {"total_bytes": "count", "type": "string"},
    "network": {"cards": "count"},
    "os": "string",
    "python": "string",
    "packages": "object",
    "git": {"dirty": "boolean or null"},
}
#: Every node has at least one of each.
_POSITIVE = (
    ("number_of_nodes",),
    ("cpu", "sockets"),
    ("cpu", "cores"),
    ("cpu", "threads"),
    ("memory", "total_bytes"),
)
#: More than any node has of anything: bytes of disks, cards, cores.
_MOST = 2**60
_MOST_MHZ = 10**6
_COUNTS = (*_POSITIVE, ("storage", "total_bytes"), ("network", "cards"))
_TEXTS = (("cpu", "model"), ("storage", "type"), ("os",), ("python",), ("git", "branch"))
_ACCELERATOR: Shape = {"model": "string", "memory_bytes": "count", "driver": "string"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True)
class Facts:
    """What a start measured; ``data`` is None if it has ``defects``."""

    data: dict[str, Any] | None
    #: Line, what was found, and what was expected; None means what the rule expects.
    defects: list[tuple[int | None, str, str | None]]

    @property
    def measured_at(self) -> int:
        """The time of measuring, in milliseconds since 1970. Needs ``data``."""
        assert self.data is not None
        return 1000 * calendar.timegm(time.strptime(self.data["measured_at"], "%Y-%m-%dT%H:%M:%SZ"))


def read_facts(content: bytes) -> Facts:
    """Read the facts of a start from the content of their file."""
    data, defects = decode_json(content)
    found: list[tuple[int | None, str, str | None]] = [(line, said, None) for line, said in defects]
    found = found or [(None, said, expected) for said, expected in _faults(data)]
    return Facts(data if isinstance(data, dict) and not found else None, found)


def _faults(data: object) -> Iterator[tuple[str, str]]:
    """Yield what the facts lack or have with a wrong type, and what was expected."""
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
    else:
        for each in accelerators:
            yield from faults(each, _ACCELERATOR, "accelerators")
    for field, values in (("packages", data["packages"]), ("cpu.caches", data["cpu"]["caches"])):
        for name, value in values.items():
            if not isinstance(value, str | None):
                yield f"`{field}` with {describe(value)} for {describe(name)}", "a string or null"
    for name in ("commit", "branch"):
        if not isinstance(data["git"].get(name), str | None):
            yield f"`git.{name}` is {describe(data['git'][name])}", "a string or null"
    yield from _impossible(data)


def _impossible(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield values that have the right type but cannot be measurements."""
    accelerators = data.get("accelerators")
    cards = (
        [each for each in accelerators if isinstance(each, dict)] if isinstance(accelerators, list) else []
    )
    counts = [(".".join(path), lookup(data, *path)) for path in _COUNTS]
    counts += [("accelerators.memory_bytes", each.get("memory_bytes")) for each in cards]
    for name, number in counts:
        if isinstance(number, int) and number > _MOST:
            yield f"`{name}` is {show(number)}", f"at most {_MOST}"
    clocks = [("cpu.max_frequency_mhz", data["cpu"].get("max_frequency_mhz"))]
    clocks += [("accelerators.clock_mhz", each.get("clock_mhz")) for each in cards]
    for name, clock in clocks:
        if clock is not None and not (type(clock) in (int, float) and 0 <= clock <= _MOST_MHZ):
            yield f"`{name}` is {describe(clock)}", f"a clock from 0 to {_MOST_MHZ} MHz, or null"
    texts = [(".".join(path), lookup(data, *path)) for path in _TEXTS]
    texts += [("accelerators", text) for each in cards for text in (each.get("model"), each.get("driver"))]
    for field, values in (("packages", data["packages"]), ("cpu.caches", data["cpu"]["caches"])):
        texts += [(field, text) for text in (*values, *values.values())]
    for name, text in texts:
        if isinstance(text, str) and not text.isprintable():
            yield f"`{name}` is {describe(text)}", "printable characters"


def _is_time(text: str) -> bool:
    try:
        return bool(_TIME.fullmatch(text) and time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return False
