"""The files of a run as they go into a bundle, and what its node measured: nothing in them is believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmark.core.errors import SubmissionError, os_failure
from benchmark.core.escaping import quoted
from benchmark.core.files import open_regular, read_text, reason_of

REMEDY = "make the run again, or leave it out: --logs RUN RUN ..."
#: More of anything than a node has.
MOST = 10**6
MOST_BYTES = 2**60


def contents_of(path: Path) -> bytes:
    """The contents of a file. A link is not followed: it would bring another file into the bundle.

    Raises SubmissionError.
    """
    try:
        with open_regular(path, follow=False) as file:
            return file.read()
    except OSError as error:
        expected = "a file that lies in the run's folder"
        raise os_failure(SubmissionError, error, path, expected=expected, remedy=REMEDY) from None


def text_of(path: Path) -> str:
    """The text of a file. Raises SubmissionError."""
    content = contents_of(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{content[error.start]:02x}, which is no UTF-8"
        raise SubmissionError(path, found=found, expected="a text in UTF-8", remedy=REMEDY) from None


def read_measured(path: Path) -> dict[str, Any]:
    """What a run measured of its node: system.json, in which all that is used has its type and its range.

    Raises SubmissionError.
    """
    try:
        facts = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        misfit = reason_of(error) if isinstance(error, OSError) else str(error)
    else:
        misfit = _misfit(facts, _FACTS)
    if misfit:
        expected = "what the run measured of its node"
        raise SubmissionError(path, found=misfit, expected=expected, remedy=REMEDY)
    return facts


def _misfit(value: object, shape: Mapping[str, Any]) -> str:
    """Why a JSON value has not the fields of ``shape``, or nothing."""
    if not isinstance(value, dict):
        return "not an object"
    for name, wanted in shape.items():
        inner = value.get(name)
        if isinstance(wanted, dict):
            if misfit := _misfit(inner, wanted):
                return f"{name}: {misfit}"
        elif not wanted(inner):
            return f"{name} is {quoted(inner)}"
    return ""


def _counted(least: int, most: int = MOST) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _are_texts(value: object) -> bool:
    """Whether it is an object of texts, of which some may be unknown."""
    return isinstance(value, dict) and all(
        _is_text(name) and (each is None or _is_text(each)) for name, each in value.items()
    )


def _is_clock(value: object) -> bool:
    """Whether it is a clock in MHz, or unknown."""
    return value is None or (type(value) in (int, float) and 0 <= value <= MOST)  # type: ignore[operator]


def _are_accelerators(value: object) -> bool:
    return isinstance(value, list) and not any(_misfit(each, _ACCELERATOR) for each in value)


_ACCELERATOR: dict[str, Any] = {
    "model": _is_text,
    "memory_bytes": _counted(0, MOST_BYTES),
    "driver": _is_text,
    "clock_mhz": _is_clock,
}
_FACTS: dict[str, Any] = {
    "number_of_nodes": _counted(1),
    "cpu": {
        "model": _is_text,
        "sockets": _counted(1),
        "cores": _counted(1),
        "threads": _counted(1),
        "max_frequency_mhz": _is_clock,
        "caches": _are_texts,
    },
    "memory": {"total_bytes": _counted(0, MOST_BYTES)},
    "storage": {"total_bytes": _counted(0, MOST_BYTES), "type": _is_text},
    "network": {"cards": _counted(0)},
    "accelerators": _are_accelerators,
    "os": _is_text,
    "python": _is_text,
    "packages": _are_texts,
    "git": {"branch": lambda value: value is None or _is_text(value)},
}
