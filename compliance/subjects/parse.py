"""Bytes -> a log's events. Reads any bytes without failing; what is wrong becomes a defect.

A log is read in blocks of whole lines. A block in which every line is one event in plain form
is decoded at once by orjson. The lines of any other block are searched for tokens one by one
and the JSON after them decoded with care. So time grows with the length of the file, and
memory with the number of its events. Lines count as an editor counts them, from 1.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from benchmark.record import events as vocabulary
from compliance.subjects.columns import Columns, Events
from compliance.subjects.log import Log, split_runs
from compliance.subjects.strict_json import Notes, careful_decoder, json_defect, note_constant
from compliance.wording import count, describe, excerpt

CHUNK_BYTES = 256 * 1024
#: Longer lines are not read: an event needs a few hundred bytes, the longest a few thousand.
LINE_BYTES = 1024 * 1024
#: Events are kept up to so many bytes of log, 40 times a run of 1000 epochs.
EVENTS_BYTES = 32 * 1024 * 1024
#: orjson makes floats of integers from here on, which the careful decoder keeps.
_INEXACT = 2.0**53
#: Times beyond this are no times in any unit.
LARGEST_TIME = 2**63
#: After so many undecodable events a line is given up.
FAILURES_PER_LINE = 100

TOKEN = vocabulary.TOKEN
_TOKEN = TOKEN.encode()
_HEAD = _TOKEN + b" "
_START = _HEAD + b"{"
#: What tokens of all versions begin with (`:::MLPv0.5.0`, `:::MLL`).
_ANY_TOKEN = b":::ML"
_BOM = b"\xef\xbb\xbf"
_KEYS = {key: key for key in vocabulary.BY_KEY}
_KINDS = {kind: kind for kind in (vocabulary.POINT, vocabulary.START, vocabulary.STOP)}
_FIELDS = ("namespace", "time_ms", "event_type", "key", "value", "metadata")


#: Reads the log in a file, which findings call by the second argument. Raises OSError.
LogReader = Callable[[Path, str], Log]


def read_log(path: str | os.PathLike[str], name: str = "") -> Log:
    """Parse the log in a file, which findings call ``name``. Raises OSError where it cannot be read."""
    with Path(path).open("rb") as stream:
        return parse_log(stream, name or str(path))


def parse_log(stream: BinaryIO, path: str) -> Log:
    """Parse a log from a binary stream; ``path`` is the name it goes by in findings."""
    with collector_paused():
        return _Parser(path).parse(stream)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python from looking for garbage cycles among events that are all kept: half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parted(block: bytes) -> Iterator[bytes]:
    """The lines up to the first with a bracket, those up to the last with one, and those after it.

    A run's log has one such line, the `result`; those around it are decoded at once.
    """
    if b"[" not in block:
        yield block
        return
    start = block.rfind(b"\n", 0, block.find(b"["))
    stop = block.find(b"\n", block.rfind(b"["))
    if start >= 0:
        yield block[:start]
    yield block[start + 1 : stop if stop >= 0 else None]
    if stop >= 0:
        yield block[stop + 1 :]


class _Parser:
    """The state of parsing one file."""

    def __init__(self, path: str) -> None:
        self.log = Log(path)
        self.events = Columns()
        self.events_bytes = 0
        self.carriage_returns = 0
        self.notes: Notes = []
        self.scan = json.JSONDecoder(parse_constant=lambda name: note_constant(self.notes, name)).raw_decode
        self.scan_carefully = careful_decoder(self.notes).raw_decode

    def parse(self, stream: BinaryIO) -> Log:
        log = self.log
        for block in self._blocks(stream):
            if log.defects.counts["log-size"]:  # what lies beyond the limit is only counted
                log.lines += block.count(b"\n") + 1
            elif not self._plain_block(block):
                self._any_block(block)
        if self.carriage_returns:
            log.defects.add("line-end", None, f"{count(self.carriage_returns, 'line')} with CR LF")
        log.events, log.after_run, log.second_run = split_runs(Events(self.events, range(len(self.events))))
        return log

    def _blocks(self, stream: BinaryIO) -> Iterator[bytes]:
        """Whole lines of a stream, joined by their line feeds; overlong lines come out empty.

        The lines of a block must have been counted before the next one is asked for.
        """
        digest = hashlib.sha256()
        tail, skipping = b"", False
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            self.log.bytes += len(chunk)
            block, feed, tail = (tail + chunk).rpartition(b"\n")
            if feed:
                if skipping:  # the rest of the overlong line is the first of the block
                    _, another, others = block.partition(b"\n")
                    block, skipping = another + others, False
                yield from _parted(block)
            if skipping or len(tail) > LINE_BYTES:
                if not skipping:
                    self.log.defects.add(
                        "line-length", self.log.lines + 1, f"a line of more than {LINE_BYTES} bytes"
                    )
                tail, skipping = b"", True
        self.log.sha256 = digest.hexdigest()
        if tail:
            self.log.defects.add("last-line", self.log.lines + 1, "the file ends without a line feed")
            yield tail

    def _plain_block(self, block: bytes) -> bool:
        """Take a block in which every line is exactly one event in good form; say whether it was one.

        Without brackets no list can hide a line feed, so that every object ends on its line; and
        as in ``_plain_event`` the number of colons shows that no key was lost to another.
        """
        if (
            not block.startswith(_START)
            or b"[" in block
            or b"\r" in block
            or self.events_bytes + len(block) > EVENTS_BYTES
        ):
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
            or objects.count(b":") != lines * len(_FIELDS) + sum(map(len, metadata))
            or set(map(type, keys)) | set(map(type, namespaces)) != {str}
            or set(map(type, times)) != {int}
            or not -LARGEST_TIME < min(times) <= max(times) < LARGEST_TIME
            or max(map(abs, floats), default=0) >= _INEXACT
        ):
            return False
        numbers = range(self.log.lines + 1, self.log.lines + 1 + lines)
        self.events.extend(numbers, keys, kinds, times, values, metadata)
        self.events_bytes += len(block)
        self.log.lines += lines
        return True

    def _any_block(self, block: bytes) -> None:
        """Take a block line by line."""
        log = self.log
        lines = block.split(b"\n")
        for place, line in enumerate(lines, start=1):
            log.lines += 1
            if not (line.startswith(_START) and self._plain_event(line, log.lines)):
                self._any_line(line, log.lines)
            if self.events_bytes > EVENTS_BYTES:
                log.defects.add("log-size", log.lines, f"more than {EVENTS_BYTES} bytes of events")
                log.lines += len(lines) - place
                return

    def _plain_event(self, line: bytes, number: int) -> bool:
        """Take a line that is exactly one event in good form; say whether it was one.

        Every pair of a JSON object has one colon outside strings, so the colons of a line
        are at least as many as its pairs. Where they are exactly as many as the pairs that
        decoding kept, no key was lost: there are no duplicates, and nothing is nested.
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
        self.events.append(number, key, kind, time, value, metadata)
        self.events_bytes += len(line)
        return True

    def _any_line(self, line: bytes, number: int) -> None:
        """Take any line: text, a damaged event, several events."""
        if line.isascii() and _ANY_TOKEN not in line and b"\0" not in line and not line.endswith(b"\r"):
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
            rule = "encoding" if has_event else "binary-text"
            defects.add(rule, number, f"byte 0x{line[error.start]:02x} at column {error.start + 1}")
            text = line.decode(errors="replace")
        if has_event:
            self._events_of(text, number)
        elif _ANY_TOKEN in line and _TOKEN.startswith(line):
            defects.add("event-json", number, f"cut off after {excerpt(text)}")
        elif _ANY_TOKEN in line:
            defects.add("old-token", number, excerpt(text, text.find(":::ML")))

    def _events_of(self, text: str, number: int) -> None:
        """Take every event of a line that holds at least one token."""
        defects = self.log.defects
        position, failures, seen = 0, 0, 0
        while (start := text.find(TOKEN, position)) >= 0 and failures < FAILURES_PER_LINE:
            if between := text[position:start].strip():
                rule = "text-after-event" if seen else "text-before-token"
                defects.add(rule, number, excerpt(between))
            body = start + len(TOKEN)
            begin = text.find("{", body)
            try:
                if begin < 0 or text[body:begin].strip():
                    raise json.JSONDecodeError("no object after the token", text, body)
                data, position = self.scan_carefully(text, begin)
            except (ValueError, RecursionError) as error:
                defects.add("event-json", number, json_defect(error, text))
                self.notes.clear()
                failures += 1
                position = text.find(TOKEN, body)
                if position < 0:
                    return
                continue
            seen += 1
            if seen > 1:
                defects.add("glued-events", number, f"event {seen} begins at column {start + 1}")
            for rule, found in self.notes:
                defects.add(rule, number, found)
            self.notes.clear()
            self.events_bytes += position - begin
            self._take(data, number)
        if rest := text[position:].strip():
            defects.add("text-after-event", number, excerpt(rest))

    def _take(self, data: dict[str, Any], number: int) -> None:
        """Take a decoded event; a field that is missing or of another type is a defect."""
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
        self.events.append(
            number,
            _KEYS.get(key, key),
            kind if isinstance(kind, str) else "",
            time if type(time) is int and -LARGEST_TIME < time < LARGEST_TIME else None,
            data.get("value"),
            metadata if isinstance(metadata, dict) else {},
        )
