"""The emitter: MLLOG events of one run into one file, through mlperf_logging.

Refuses what the vocabulary (events.py) does not know, so that a log cannot contain an
event that nobody has described.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlperf_logging.mllog.mllog import MLLogger

from benchmark.events import BY_KEY, POINT, START, has_json_type

#: Callers are named relative to the folder that holds the package.
_ROOT = Path(__file__).resolve().parent.parent


class _DurableHandler(logging.FileHandler):
    """Every event is on disk when the call returns; a failed write is raised, not swallowed."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self.stream:
            os.fsync(self.stream.fileno())

    def handleError(self, record: logging.LogRecord) -> None:
        raise  # called by logging while it handles the exception


class EventLog:
    """The log of one run. Opens a new file; an existing one raises FileExistsError."""

    def __init__(self, path: Path) -> None:
        self._handler = _DurableHandler(path, mode="x", encoding="utf-8")
        logger = logging.Logger("cloudmask", logging.INFO)
        logger.addHandler(self._handler)
        self._mllog = MLLogger(logger, root_dir=re.escape(str(_ROOT)))

    def event(self, key: str, value: object, **metadata: object) -> None:
        """Log a point in time."""
        _require(key, POINT, value, metadata)
        self._mllog.event(key, value, metadata, stack_offset=2)

    def start(self, name: str, **metadata: object) -> None:
        """Log the start of the interval ``name``."""
        self._bound(f"{name}_start", metadata, stack_offset=3)

    def stop(self, name: str, **metadata: object) -> None:
        """Log the end of the interval ``name``."""
        self._bound(f"{name}_stop", metadata, stack_offset=3)

    @contextlib.contextmanager
    def interval(self, name: str, **metadata: object) -> Iterator[dict[str, Any]]:
        """Log start and end of the interval ``name`` with the same metadata.

        The block may add metadata for the end to the dictionary that is yielded. An
        exception leaves the interval open: only run_stop follows it, with status aborted.
        """
        self._bound(f"{name}_start", metadata, stack_offset=4)
        at_stop = dict(metadata)
        yield at_stop
        self._bound(f"{name}_stop", at_stop, stack_offset=4)

    def close(self) -> None:
        self._handler.close()

    def _bound(self, key: str, metadata: dict[str, Any], stack_offset: int) -> None:
        kind = BY_KEY[key].kind if key in BY_KEY else "unknown"
        _require(key, kind, None, metadata)
        emit = self._mllog.start if kind == START else self._mllog.end
        emit(key, None, metadata, stack_offset=stack_offset)


def _require(key: str, kind: str, value: object, metadata: dict[str, Any]) -> None:
    """Raise ValueError unless the event is one that events.py describes."""
    event = BY_KEY.get(key)
    if event is None or event.kind != kind:
        raise ValueError(f"event {key!r} of kind {kind} is not in the vocabulary (benchmark/events.py)")
    if not has_json_type(value, event.value):
        raise ValueError(f"event {key!r}: value {value!r} is not of type {event.value}")
    for name, type_name in event.metadata.items():
        if name not in metadata or not has_json_type(metadata[name], type_name):
            raise ValueError(f"event {key!r}: metadata {name!r} must be of type {type_name}")
    json.dumps([value, metadata], allow_nan=False)  # mllog would write NaN, or drop what is no JSON
