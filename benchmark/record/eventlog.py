"""The emitter: writes the MLLOG events of one run into one file, through mlperf_logging.

It refuses events that the vocabulary (events.py) does not know, so that a log cannot contain an event that
nobody has described.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlperf_logging.mllog.mllog import MLLogger

from benchmark import ROOT
from benchmark.core.errors import RunError
from benchmark.record.events import BY_KEY, POINT, START, STOP, TOKEN
from benchmark.record.json_types import has_json_type

_RESUMED = "run_resumed"

#: Milliseconds by which the node's clock may differ from the monotonic one; NTP corrects in smaller steps.
SET_MS = 1000


class _DurableHandler(logging.FileHandler):
    """Puts every event on disk before the call returns, and raises if a write fails."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self.stream:
            os.fsync(self.stream.fileno())

    def handleError(self, record: logging.LogRecord) -> None:
        raise  # called by logging while it handles the exception


@dataclass(frozen=True)
class Kept:
    """What a resumed run keeps of the log of its earlier processes."""

    events: list[dict[str, Any]]
    #: How often the run has been resumed before.
    interruptions: int
    #: Complete epochs, and steps of the current one, that need not be repeated.
    epoch: int
    step: int
    #: Time from which the run continues, in milliseconds since 1970.
    time_ms: int


@dataclass
class Interval:
    """What the block of an interval may add to the log, and what the log tells it."""

    #: Metadata of the interval's end.
    at_stop: dict[str, Any]
    #: The interval's length by the log's own times, once the block has ended.
    seconds: float = math.nan


class EventLog:
    """The log of one run: a new file (FileExistsError if it exists), or a continued one.

    A resumed run replays its log from the start. While kept events remain, each new event is compared with
    them instead of written, so that the run can only continue as the same run; after the last of them,
    ``run_resumed`` is written. Without a path nothing is written: workers other than the chief log this way.

    The first time is the node's clock, or the last kept event's time if that is later; every further time
    adds what the monotonic clock has measured since. So setting the node's clock changes no duration and no
    order.
    """

    def __init__(self, path: Path | None, kept: Kept | None = None) -> None:
        #: Start and stop of all intervals by name, in milliseconds since 1970; None: still open.
        self.intervals: dict[str, list[tuple[int, int | None]]] = {}
        self._path, self._kept = path, kept
        kept_ms = max((event["time_ms"] for event in kept.events), default=0) if kept else 0
        self._opened, self._opened_ms = time.monotonic_ns(), max(_clock_ms(), kept_ms)
        self._replay = deque(e for e in (kept.events if kept else ()) if e["key"] != _RESUMED)
        self._handler: logging.Handler = logging.NullHandler()
        if path is not None:
            self._handler = _DurableHandler(path, mode="a" if kept else "x", encoding="utf-8")
        logger = logging.Logger("cloudmask", logging.INFO)
        logger.addHandler(self._handler)
        self._mllog = MLLogger(logger, root_dir=re.escape(str(ROOT)))

    def event(self, key: str, value: object, **metadata: object) -> None:
        """Log a point in time."""
        self._log(POINT, key, value, metadata, stack_offset=4)

    def start(self, name: str, **metadata: object) -> None:
        """Log the start of the interval ``name``."""
        self._log(START, f"{name}_start", None, metadata, stack_offset=4)

    def stop(self, name: str, **metadata: object) -> None:
        """Log the end of the interval ``name``."""
        self._log(STOP, f"{name}_stop", None, metadata, stack_offset=4)

    @contextlib.contextmanager
    def interval(self, name: str, **metadata: object) -> Iterator[Interval]:
        """Log start and end of the interval ``name`` with the same metadata.

        The block may add metadata for the end. After an exception the interval stays open: only run_stop with
        status aborted follows.
        """
        start_ms = self._log(START, f"{name}_start", None, metadata, stack_offset=5)
        interval = Interval(dict(metadata))
        yield interval
        stop_ms = self._log(STOP, f"{name}_stop", None, interval.at_stop, stack_offset=5)
        interval.seconds = (stop_ms - start_ms) / 1000

    def seconds(self, name: str) -> float:
        """Return the seconds of all intervals of this name, including an open one."""
        now = self.now_ms()
        return (
            sum((now if stop is None else stop) - start for start, stop in self.intervals.get(name, []))
            / 1000
        )

    def now_ms(self) -> int:
        """Return milliseconds since 1970 by this log's clock."""
        return self._opened_ms + (time.monotonic_ns() - self._opened) // 10**6

    def clock_set_ms(self) -> int:
        """Return how far the node's clock is ahead of the log's (below 0: behind), because it was set or the
        node slept; 0 if it ran on.
        """
        ahead = _clock_ms() - self.now_ms()
        return ahead if abs(ahead) > SET_MS else 0

    def abort(self, reason: str) -> None:
        """End the log with run_stop and status aborted, wherever the run is; do nothing after its end."""
        if self.intervals.get("run", [(0, None)])[-1][1] is not None:
            return
        self._replay.clear()
        self._log(STOP, "run_stop", None, {"status": "aborted", "reason": reason}, stack_offset=4)

    def skip(self, *, but: int) -> None:
        """Skip the kept events that a checkpoint covers, all but the last ``but``."""
        while len(self._replay) > but:
            self._note(self._replay.popleft())
        self._end_replay()

    def position(self) -> tuple[int, str]:
        """Return the file's size in bytes and its sha256, to store in a checkpoint."""
        content = self._path.read_bytes() if self._path else b""
        return len(content), hashlib.sha256(content).hexdigest()

    def close(self) -> None:
        self._handler.close()

    def _log(self, kind: str, key: str, value: object, metadata: dict[str, Any], stack_offset: int) -> int:
        """Write the event, or compare it with the kept one; return its time."""
        _require(key, kind, value, metadata)
        if not self._replay:
            return self._note(self._write(kind, key, value, metadata, stack_offset))
        event = self._replay.popleft()
        if (event["key"], event["value"]) != (key, value):
            raise RunError(
                self._path,
                found=f"{key} {value!r} of the run to resume",
                expected=f"{event['key']} {event['value']!r}, as it was before",
                remedy="resume with the same configuration, code and kind of machine, "
                "or start again without --resume",
            )
        time_ms = self._note(event)
        self._end_replay()
        return time_ms

    def _note(self, event: dict[str, Any]) -> int:
        """Record the time of an interval's start or stop; return the time of any event."""
        kind, time_ms = event["event_type"], event["time_ms"]
        name, _, _ = event["key"].rpartition("_")
        if kind == START:
            self.intervals.setdefault(name, []).append((time_ms, None))
        elif kind == STOP and name in self.intervals:
            start_ms, _ = self.intervals[name].pop()
            self.intervals[name].append((start_ms, time_ms))
        return time_ms

    def _end_replay(self) -> None:
        if self._replay or self._kept is None:
            return
        kept, self._kept = self._kept, None
        metadata = {"epochs": kept.epoch, "step": kept.step, "lost_ms": max(self.now_ms() - kept.time_ms, 0)}
        self._log(POINT, _RESUMED, kept.interruptions + 1, metadata, stack_offset=5)

    def _write(
        self, kind: str, key: str, value: object, metadata: dict[str, Any], stack_offset: int
    ) -> dict[str, Any]:
        emit = {POINT: self._mllog.event, START: self._mllog.start, STOP: self._mllog.end}[kind]
        if key == "run_stop" and (set_ms := self.clock_set_ms()):
            metadata = {**metadata, "clock_set_ms": set_ms}
        now = self.now_ms()
        emit(key, value, metadata, time_ms=now, stack_offset=stack_offset)
        return {"key": key, "event_type": kind, "time_ms": now}


def keep_log(path: Path, size: int, sha256: str, epoch: int, step: int, time_ms: int) -> Kept:
    """Cut the log back to the ``size`` bytes that a checkpoint covers.

    What was logged after the checkpoint is computed again. Raises RunError if the log does not match the
    checkpoint.
    """
    content = path.read_bytes()
    if hashlib.sha256(content[:size]).hexdigest() != sha256:
        raise RunError(
            path,
            found="a log that does not match the one saved with the checkpoint",
            expected=f"{size} bytes whose sha256 is {sha256[:12]}...",
            remedy="restore the log, or start again without --resume",
        )
    kept = Kept(_events(content[:size]), _interruptions(content), epoch, step, time_ms)
    os.truncate(path, size)
    return kept


def keep_beginning(path: Path) -> Kept | None:
    """Cut the log back to the start of staging; return None if the run had not got that far.

    Without a checkpoint only the clock and the staged scenes are worth keeping.
    """
    content = path.read_bytes() if path.exists() else b""
    lines = content.splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines, start=1) if b'"key": "staging_start"' in line]
    if not ends or not lines[ends[0] - 1].endswith(b"\n"):
        return None
    kept = b"".join(lines[: ends[0]])
    events = _events(kept)
    os.truncate(path, len(kept))
    return Kept(events, _interruptions(content), 0, 0, events[-1]["time_ms"])


def _events(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix(TOKEN)) for line in content.decode().splitlines()]


def _interruptions(content: bytes) -> int:
    """Return how often the run has been resumed, including what is cut off."""
    marker = f'"key": "{_RESUMED}"'.encode()
    complete, _, _ = content.rpartition(b"\n")
    marked = b"\n".join(line for line in complete.split(b"\n") if marker in line)
    return max((event["value"] for event in _events(marked)), default=0)


def _clock_ms() -> int:
    return time.time_ns() // 10**6


def _require(key: str, kind: str, value: object, metadata: dict[str, Any]) -> None:
    """Raise ValueError unless events.py describes this event."""
    event = BY_KEY.get(key)
    if event is None or event.kind != kind:
        raise ValueError(
            f"event {key!r} of kind {kind} is not in the vocabulary (benchmark/record/events.py)"
        )
    if not has_json_type(value, event.value):
        raise ValueError(f"event {key!r}: value {value!r} is not of type {event.value}")
    for name, type_name in event.metadata.items():
        if name not in metadata or not has_json_type(metadata[name], type_name):
            raise ValueError(f"event {key!r}: metadata {name!r} must be of type {type_name}")
    json.dumps([value, metadata], allow_nan=False)  # mllog would write NaN, or drop what is not JSON
