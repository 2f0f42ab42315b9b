"""Rules on the file itself: bytes, lines, and the JSON of each event.

The parser continues after a defect wherever it can, so that the other rules can judge
everything readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from compliance.registry import Problem, log_rule, problem, rule
from compliance.subjects.log import Log
from compliance.subjects.reading.lines import LINE_BYTES
from compliance.subjects.reading.outline import EVENTS_BYTES
from compliance.subjects.subjects import SystemFile
from compliance.wording import count

JSON = "RFC 8259 (JSON)"


def _noticed(log: Log, rule_id: str) -> Iterator[Problem]:
    """Yield the defects that the parser kept for a rule, and an empty one for each that it only counted."""
    kept = log.defects.kept.get(rule_id, [])
    yield from (problem(defect.found, defect.line) for defect in kept)
    yield from repeat(problem(""), log.defects.counts[rule_id] - len(kept))


@log_rule(
    "no-events",
    clause="S6.1, S-logging, L-token",
    expected="one `:::MLLOG {...}` line for every event of the run",
    remedy="name the file that a run wrote; `python -m benchmark.run --seed 1` makes one",
)
def no_events(log: Log) -> Iterator[Problem]:
    """A log must hold events. An empty file, a program's output without MLLOG lines, or a file in
    which every event is damaged is not a log."""
    if not log.events and not log.after_run:
        yield problem(f"no event in {count(log.lines, 'line')} ({count(log.bytes, 'byte')})")


@log_rule(
    "log-size",
    clause="house",
    expected=f"events that take at most {EVENTS_BYTES // 2**20} MiB of memory: those of a log of 300 MB",
    remedy="write one run to a file; log statistics of every step to another one, or less often",
)
def log_size(log: Log) -> Iterator[Problem]:
    """The events of a log must fit into memory. The checker has not read what comes after the limit. The
    limit is on memory, so that any log can be checked in 1 GiB: an event takes its bytes in the log, times
    4 if they are not ASCII, and 64 bytes for each of its values. From 128 MiB on, an event with a key that
    no rule asks about takes 256 bytes. So the checker reads all of a 300 MB log of mostly statistics of
    every step, or of a 100 MB log of usual events with any keys. The longest runs of the benchmark log
    less than one megabyte."""
    yield from _noticed(log, "log-size")


@log_rule(
    "line-length",
    clause="house",
    expected=f"events of at most {LINE_BYTES // 2**10} KiB",
    remedy="write large values to a separate file; the line has not been read",
)
def line_length(log: Log) -> Iterator[Problem]:
    """An event must be of readable length. The longest one, `result`, takes a few kilobytes. Text without
    an event may have any length: a progress bar writes megabytes without a line feed."""
    yield from _noticed(log, "line-length")


@log_rule(
    "last-line",
    severity="warning",
    clause="house",
    expected="a line feed at the end of the last line",
    remedy="make sure that the file was copied completely; if so, append a line feed",
)
def last_line(log: Log) -> Iterator[Problem]:
    """The last line should end with a line feed. A file that does not may have been cut off."""
    yield from _noticed(log, "last-line")


@log_rule(
    "line-end",
    severity="warning",
    clause="house",
    expected="line feeds (LF) alone",
    remedy="transfer logs in binary mode, or convert the file once with dos2unix",
)
def line_end(log: Log) -> Iterator[Problem]:
    """Lines should end with LF. CR LF shows that something other than the run has written the file. A
    single CR before an event, as progress bars write it, ends a line only for some readers."""
    yield from _noticed(log, "line-end")


@log_rule(
    "byte-order-mark",
    severity="warning",
    clause="house",
    expected="UTF-8 without a byte order mark",
    remedy="save the file without a byte order mark; logs should not pass through an editor at all",
)
def byte_order_mark(log: Log) -> Iterator[Problem]:
    """A log should not begin with a byte order mark. Some readers take it as text before the first event."""
    yield from _noticed(log, "byte-order-mark")


@log_rule(
    "encoding",
    clause="J-utf8",
    expected="UTF-8",
    remedy="set a UTF-8 locale (LC_ALL=C.UTF-8) for the run and repeat it",
)
def encoding(log: Log) -> Iterator[Problem]:
    """The line of an event must be UTF-8. The checker reads the event with the byte replaced."""
    yield from _noticed(log, "encoding")


@log_rule(
    "binary-text",
    severity="warning",
    clause="house",
    expected="text",
    remedy="look at what else writes into the log's file, or whether the file was damaged",
)
def binary_text(log: Log) -> Iterator[Problem]:
    """A log should hold text only. NUL bytes and undecodable bytes between the events come from a
    damaged file system, a crashed writer, or another program."""
    yield from _noticed(log, "binary-text")


@log_rule(
    "old-token",
    clause="S-logging, L-token",
    expected="the token `:::MLLOG`",
    remedy="log with mlperf_logging.mllog of version 1.0 or later; the line has not been counted as an event",
)
def old_token(log: Log) -> Iterator[Problem]:
    """Events must carry the token of today's format, not `:::MLL`, `:::MLPv0.5.0` or `:::MLPv0.6.0`."""
    yield from _noticed(log, "old-token")


@log_rule(
    "event-json",
    clause="L-line, J-json",
    expected="one complete JSON object after the token",
    remedy="find what cut or overwrote the line (a killed process, a full disk, two writers); repeat the run",
)
def event_json(log: Log) -> Iterator[Problem]:
    """Every token must be followed by a JSON object. Otherwise the event is lost."""
    yield from _noticed(log, "event-json")


@log_rule(
    "duplicate-json-key",
    clause="J-names",
    expected="every name once in an object",
    remedy="log with mlperf_logging.mllog; do not edit logs by hand",
)
def duplicate_json_key(log: Log) -> Iterator[Problem]:
    """An object must not name a field twice. Readers differ in which value they take; this checker
    takes the last."""
    yield from _noticed(log, "duplicate-json-key")


@log_rule(
    "non-finite-number",
    clause="J-numbers",
    expected="finite numbers; an undefined score is null",
    remedy="find the step at which the value became non-finite; such a run has failed and should be aborted",
)
def non_finite_number(log: Log) -> Iterator[Problem]:
    """Numbers must be finite. NaN and Infinity are neither JSON nor a result."""
    yield from _noticed(log, "non-finite-number")


@log_rule(
    "event-fields",
    clause="L-fields, L-metadata",
    expected="namespace (string), time_ms (integer), event_type (POINT_IN_TIME, INTERVAL_START or "
    "INTERVAL_END), key (string), value, metadata (object), and nothing else",
    remedy="log with mlperf_logging.mllog; do not edit logs by hand",
)
def event_fields(log: Log) -> Iterator[Problem]:
    """Every event must have the six fields of the format, each of its type."""
    yield from _noticed(log, "event-fields")


@log_rule(
    "glued-events",
    clause="L-line",
    expected="one event a line",
    remedy="let one process write the log (rank 0) and end every event with a line feed",
)
def glued_events(log: Log) -> Iterator[Problem]:
    """A line must hold one event. Upstream's parser loses one of two events on a line; ours reads both."""
    yield from _noticed(log, "glued-events")


@log_rule(
    "text-before-token",
    clause="L-line",
    expected="the token at the start of the line",
    remedy="let one process write the log, and nothing else into the same file",
)
def text_before_token(log: Log) -> Iterator[Problem]:
    """An event must stand at the start of its line. Text before it shows a second writer, whose
    output may also have damaged other events. Text that ends with CR does not: `line-end` reports it."""
    yield from _noticed(log, "text-before-token")


@log_rule(
    "text-after-event",
    clause="L-line",
    expected="nothing after the event's closing brace",
    remedy="let one process write the log, and nothing else into the same file",
)
def text_after_event(log: Log) -> Iterator[Problem]:
    """Nothing may follow an event on its line."""
    yield from _noticed(log, "text-after-event")


@rule(
    "json-form",
    scope="json",
    clause="J-json, J-names, J-numbers, J-utf8, J-bom",
    expected="one JSON value in UTF-8, with finite numbers and every name once in an object",
    remedy="correct the file; `python -m json.tool FILE` shows the place",
)
def json_form(file: SystemFile) -> Iterator[Problem]:
    """A description must be valid JSON. Its fields are judged only then."""
    yield from (problem(found, line) for line, found in file.defects)
