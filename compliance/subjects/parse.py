"""Parse bytes into a log's events. Reads any bytes without failing; anything wrong becomes a defect.

The parser reads a log in blocks of whole lines. If every line of a block is one event in plain
form, orjson decodes the block at once. Otherwise the parser searches each line for tokens and
decodes the JSON after them carefully. So time grows with the length of the file, and memory with
the number of events, up to a limit (`compliance.subjects.reading`). Lines are numbered as in an
editor, from 1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from benchmark.core.collector import collector_paused
from benchmark.record import events as vocabulary
from compliance.subjects.columns import Events
from compliance.subjects.log import Log, split_runs
from compliance.subjects.reading import outline
from compliance.subjects.reading.lines import ANY_TOKEN, BOM, Lines, LongLine, is_overwritten
from compliance.subjects.reading.outline import Kept, memory_of, memory_of_values
from compliance.subjects.strict_json import Notes, careful_decoder, json_defect, note_constant
from compliance.wording import count, describe, excerpt

#: orjson turns integers beyond 64 bits into floats; the careful decoder reads blocks with any large float.
_INEXACT = 2.0**53
#: Larger numbers are not times in any unit.
LARGEST_TIME = 2**63
#: Lines per piece of a block that is not plain: an event with a nested object only spoils its own piece.
_PIECE = 16
#: The parser gives up on a line after this many undecodable events.
FAILURES_PER_LINE = 100

TOKEN = vocabulary.TOKEN
_TOKEN = TOKEN.encode()
_HEAD = _TOKEN + b" "
_START = _HEAD + b"{"
_BOM = BOM.encode()
_KEYS = {key: key for key in vocabulary.BY_KEY}
_KINDS = {kind: kind for kind in (vocabulary.POINT, vocabulary.START, vocabulary.STOP)}
_FIELDS = ("namespace", "time_ms", "event_type", "key", "value", "metadata")


#: Reads the log in a file; the second argument is its name in findings. Raises OSError.
LogReader = Callable[[Path, str], Log]


def read_log(path: str | os.PathLike[str], name: str = "") -> Log:
    """Parse the log in a file, which findings call ``name``. Raises OSError if it cannot be read."""
    with Path(path).open("rb") as stream:
        return parse_log(stream, name or str(path))


def parse_log(stream: BinaryIO, path: str) -> Log:
    """Parse a log from a binary stream; ``path`` is its name in findings."""
    with collector_paused():
        return _Parser(path).parse(stream)


class _Parser:
    """The state of parsing one file."""

    def __init__(self, path: str) -> None:
        self.log = Log(path)
        self.kept = Kept()
        self.carriage_returns = 0
        #: Lines with an event after text that ends with a carriage return.
        self.overwritten: list[int] = []
        self.notes: Notes = []
        note = partial(note_constant, self.notes)  # binds notes only: a cycle would keep the log in memory
        self.scan = json.JSONDecoder(parse_constant=note).raw_decode
        self.scan_carefully = careful_decoder(self.notes).raw_decode

    def parse(self, stream: BinaryIO) -> Log:
        log, read = self.log, Lines(stream)
        for block in read.blocks():
            if log.defects.counts["log-size"]:  # beyond the limit, only count lines
                log.lines += 1 if isinstance(block, LongLine) else block.count(b"\n") + 1
            elif isinstance(block, LongLine):
                log.lines += 1
                self._long_line(block, log.lines)
            elif not self._plain_block(block):
                self._any_block(block)
        log.bytes, log.sha256 = read.bytes, read.digest.hexdigest()
        if read.is_cut_off:
            log.defects.add("last-line", log.lines, "the file ends without a line feed")
        if self.carriage_returns:
            log.defects.add("line-end", None, f"{count(self.carriage_returns, 'line')} with CR LF")
        if self.overwritten:
            found = f"{count(len(self.overwritten), 'event')} after text that ends with CR"
            log.defects.add("line-end", self.overwritten[0], found)
        events = self.kept.columns
        log.events, log.after_run, log.second_run = split_runs(Events(events, range(len(events))))
        return log

    def _plain_block(self, block: bytes) -> bool:
        """Take a block if each of its lines is exactly one well-formed event; return whether it was.

        Without brackets no list can hide a line feed, so every object ends on its line. As in
        ``_plain_event``, the number of colons shows that no duplicate key was lost.
        """
        if not block.startswith(_START) or b"[" in block or b"\r" in block:
            return False
        objects = block.removeprefix(_HEAD).replace(b"\n" + _START, b",{")
        lines = (len(block) - len(objects)) // len(_HEAD)
        try:
            decoded = orjson.loads(b"".join((b"[", objects, b"]")))
            keys = [data["key"] for data in decoded]
            keys = [*map(_KEYS.get, keys, keys)]
            kinds = [_KINDS[data["event_type"]] for data in decoded]
            times = [data["time_ms"] for data in decoded]
            values = [data["value"] for data in decoded]
            metadata = [data["metadata"] for data in decoded]
            namespaces = {data["namespace"] for data in decoded}
            floats = [each for each in chain(values, *map(dict.values, metadata)) if type(each) is float]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return False
        if (
            b"\n" in objects
            or len(decoded) != lines
            or set(map(len, decoded)) != {len(_FIELDS)}
            or set(map(type, metadata)) != {dict}
            or (pairs := objects.count(b":")) != lines * len(_FIELDS) + sum(map(len, metadata))
            or set(map(type, keys)) | set(map(type, namespaces)) != {str}
            or set(map(type, times)) != {int}
            or not -LARGEST_TIME < min(times) <= max(times) < LARGEST_TIME
            or max(map(abs, floats), default=0) >= _INEXACT
        ):
            return False
        numbers = range(self.log.lines + 1, self.log.lines + 1 + lines)
        memory = memory_of_values(block, pairs)
        if not self.kept.extend(block, memory, numbers, keys, kinds, times, values, metadata):
            return False
        self.log.lines += lines
        return True

    def _any_block(self, block: bytes) -> None:
        """Take a block piece by piece, and pieces that are not plain line by line."""
        lines = block.split(b"\n")
        for start in range(0, len(lines), _PIECE):
            piece = lines[start : start + _PIECE]
            if self._plain_block(b"\n".join(piece)):
                continue
            for place, line in enumerate(piece, start=start + 1):
                self.log.lines += 1
                if not (line.startswith(_START) and self._plain_event(line, self.log.lines)):
                    self._any_line(line, self.log.lines)
                if self.kept.is_full:
                    most = f"more than {outline.EVENTS_BYTES // 2**20} MiB of memory"
                    self.log.defects.add("log-size", self.log.lines, f"the events up to here take {most}")
                    self.log.lines += len(lines) - place
                    return

    def _plain_event(self, line: bytes, number: int) -> bool:
        """Take a line if it is exactly one well-formed event; return whether it was.

        Every pair of a JSON object has one colon outside strings, so a line has at least as
        many colons as pairs. If it has exactly as many as the pairs that decoding kept, no key
        was lost: there are no duplicates, and nothing is nested.
        """
        try:
            text = line.decode()
            data, end = self.scan(text, len(_TOKEN) + 1)
            key, kind, time = data["key"], data["event_type"], data["time_ms"]
            value, metadata = data["value"], data["metadata"]
        except (ValueError, KeyError, RecursionError):
            self.notes.clear()
            return False
        if (
            self.notes
            or end != len(text)
            or type(metadata) is not dict
            or len(data) != len(_FIELDS)
            or line.count(b":") != _TOKEN.count(b":") + len(_FIELDS) + len(metadata)
            or type(key) is not str
            or type(kind) is not str
            or kind not in _KINDS
            or type(time) is not int
            or not -LARGEST_TIME < time < LARGEST_TIME
            or type(data.get("namespace")) is not str
        ):
            self.notes.clear()
            return False
        key, kind = _KEYS.get(key, key), _KINDS[kind]
        self.kept.append(memory_of(line, len(_HEAD)), number, key, kind, time, value, metadata)
        return True

    def _any_line(self, line: bytes, number: int) -> None:
        """Take any line: text, a damaged event, or several events."""
        if line.isascii() and ANY_TOKEN not in line and b"\0" not in line and not line.endswith(b"\r"):
            return  # text without an event
        defects = self.log.defects
        if line.endswith(b"\r"):
            self.carriage_returns += 1
            line = line[:-1]
        if number == 1 and line.startswith(_BOM):
            defects.add("byte-order-mark", 1, "the bytes EF BB BF at the start of the file")
            line = line[len(_BOM) :]
        has_event = _TOKEN in line
        if b"\0" in line:
            defects.add("binary-text", number, "a NUL byte")
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            self._undecodable(number, line[error.start], error.start, has_event)
            text = line.decode(errors="replace")
        if has_event:
            start = text.find(TOKEN)
            self._text_before(text[:start], is_overwritten(text[:start]), number)
            self._events_of(text, number, start)
        elif ANY_TOKEN in line and _TOKEN.startswith(line):
            defects.add("event-json", number, f"cut off after {excerpt(text)}")
        elif ANY_TOKEN in line:
            defects.add("old-token", number, excerpt(text, text.find(":::ML")))

    def _long_line(self, line: LongLine, number: int) -> None:
        """Take a line that is too long to read at once: text, possibly with events at its end."""
        defects = self.log.defects
        if line.is_cut:
            defects.add("line-length", number, f"more than {line.most} bytes from the first event on")
            return
        self.carriage_returns += line.ends_with_return
        mark = BOM if number == 1 and line.has_mark else ""
        if mark:
            defects.add("byte-order-mark", 1, "the bytes EF BB BF at the start of the file")
        events = (line.events or b"").removesuffix(b"\r")
        if line.has_nul or b"\0" in events:
            defects.add("binary-text", number, "a NUL byte")
        at = len(mark.encode())
        try:
            text = events.decode()
        except UnicodeDecodeError as error:
            text = events.decode(errors="replace")
            line.undecodable = line.undecodable or (events[error.start], line.bytes + error.start)
        if line.undecodable:
            byte, place = line.undecodable
            self._undecodable(number, byte, place - at, bool(events))
        if events:
            self._text_before(line.head.removeprefix(mark), line.is_overwritten, number)
            self._events_of(text, number, 0, line.characters - len(mark))
        elif line.old:
            old = line.old.removesuffix(b"\r").decode(errors="replace")
            defects.add("old-token", number, excerpt(old))

    def _undecodable(self, number: int, byte: int, place: int, has_event: bool) -> None:
        rule = "encoding" if has_event else "binary-text"
        self.log.defects.add(rule, number, f"byte 0x{byte:02x} at column {place + 1}")

    def _text_before(self, text: str, is_overwritten: bool, number: int) -> None:
        """Take the text before the first token of a line."""
        if not (text := text.strip()):
            return
        if is_overwritten:
            self.overwritten.append(number)
        else:
            self.log.defects.add("text-before-token", number, excerpt(text))

    def _events_of(self, text: str, number: int, position: int, left_out: int = 0) -> None:
        """Take every event of a line, from its first token at ``position`` on.

        ``left_out`` counts the characters before the token that the text lacks.
        """
        defects = self.log.defects
        failures, seen = 0, 0
        while (start := text.find(TOKEN, position)) >= 0 and failures < FAILURES_PER_LINE:
            if between := text[position:start].strip():
                defects.add("text-after-event", number, excerpt(between))
            body = start + len(TOKEN)
            begin = text.find("{", body)
            try:
                if begin < 0 or text[body:begin].strip():
                    raise json.JSONDecodeError("no object after the token", text, body)
                data, position = self.scan_carefully(text, begin)
            except (ValueError, RecursionError) as error:
                defects.add("event-json", number, json_defect(error, text, left_out))
                self.notes.clear()
                failures += 1
                position = text.find(TOKEN, body)
                if position < 0:
                    return
                continue
            seen += 1
            if seen > 1:
                defects.add("glued-events", number, f"event {seen} begins at column {left_out + start + 1}")
            for rule, found in self.notes:
                defects.add(rule, number, found)
            self.notes.clear()
            self._take(data, number, memory_of(text[begin:position].encode(errors="replace")))
        if rest := text[position:].strip():
            defects.add("text-after-event", number, excerpt(rest))

    def _take(self, data: dict[str, Any], number: int, memory: int) -> None:
        """Take a decoded event; a field that is missing or has a wrong type is a defect."""
        faults = [f"no {name}" for name in _FIELDS if name not in data]
        faults += [f"an unknown field {excerpt(name)}" for name in data if name not in _FIELDS]
        key, kind, time = data.get("key"), data.get("event_type"), data.get("time_ms")
        metadata = data.get("metadata")
        faults += [
            f"{name} is {describe(data[name])}"
            for name, is_right in (
                ("namespace", isinstance(data.get("namespace"), str)),
                ("time_ms", type(time) is int and -LARGEST_TIME < time < LARGEST_TIME),
                ("event_type", isinstance(kind, str) and kind in _KINDS),
                ("key", isinstance(key, str)),
                ("metadata", isinstance(metadata, dict)),
            )
            if name in data and not is_right
        ]
        for fault in faults:
            self.log.defects.add("event-fields", number, fault)
        if not isinstance(key, str):
            return
        self.kept.append(
            memory,
            number,
            _KEYS.get(key, key),
            kind if isinstance(kind, str) else "",
            time if type(time) is int and -LARGEST_TIME < time < LARGEST_TIME else None,
            data.get("value"),
            metadata if isinstance(metadata, dict) else {},
        )
