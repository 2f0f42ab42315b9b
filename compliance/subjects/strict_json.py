"""JSON by the standard: notices repeated keys, NaN and Infinity instead of accepting them silently."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compliance.subjects.subjects import SystemFile
from compliance.wording import WIDTH, excerpt, listing

#: The most that is read: system descriptions are a few kilobytes.
JSON_BYTES = 4 * 1024 * 1024

#: Problems noticed while decoding: (rule, found).
Notes = list[tuple[str, str]]


def careful_decoder(notes: Notes) -> json.JSONDecoder:
    """Make a JSON decoder that notes repeated keys, NaN and Infinity as (rule, found), and continues."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(items)
        if len(data) != len(items):
            times = Counter(name for name, _ in items)
            twice = [excerpt(name) for name, seen in times.items() if seen > 1]
            notes.append(("duplicate-json-key", listing(twice)))
        return data

    return json.JSONDecoder(parse_constant=lambda name: note_constant(notes, name), object_pairs_hook=pairs)


def note_constant(notes: Notes, name: str) -> float:
    """Note NaN, Infinity or -Infinity. All become NaN, so an infinite number can only be an overflow."""
    notes.append(("non-finite-number", name))
    return math.nan


def json_defect(error: Exception, text: str, left_out: int = 0) -> str:
    """Say what is wrong with JSON, and where in the line, whose first ``left_out`` characters are missing."""
    if isinstance(error, json.JSONDecodeError):
        written = text.rstrip()
        if error.pos >= len(written) or error.msg.startswith("Unterminated string"):
            return f"cut off after {excerpt(written, len(written) - WIDTH)}"
        return f"{error.msg.lower()} at column {left_out + error.pos + 1}: {excerpt(text, error.pos)}"
    if isinstance(error, RecursionError):
        return "objects or lists nested too deeply"
    return str(error).partition(";")[0]


def read_json(path: Path, name: str = "") -> SystemFile:
    """Read a system description, which findings call ``name``. Raises OSError if it cannot be read.

    ``defects`` says what is wrong with the JSON; ``data`` is None if nothing could be decoded.
    """
    with path.open("rb") as stream:
        content = stream.read(JSON_BYTES + 1)
    return SystemFile(Path(name or path), *decode_json(content))


def decode_json(content: bytes) -> tuple[object, Sequence[tuple[int | None, str]]]:
    """Return the JSON of a small file, None if it cannot be decoded, and its defects as (line, found)."""
    if len(content) > JSON_BYTES:
        return None, ((None, f"more than {JSON_BYTES} bytes"),)
    notes: Notes = []
    try:
        data = careful_decoder(notes).decode(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, ((line, f"byte 0x{content[error.start]:02x} is not valid UTF-8"),)
    except json.JSONDecodeError as error:
        return None, ((error.lineno, f"{error.msg.lower()} at column {error.colno}"),)
    except (ValueError, RecursionError) as error:
        return None, ((None, json_defect(error, "")),)
    return data, tuple((None, f"{rule}: {found}") for rule, found in notes)
