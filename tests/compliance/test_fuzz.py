"""No bytes make the checker fail: random input and mutated good logs give findings or pass."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.record.events import BY_KEY
from compliance import registry
from compliance.registry import OWN
from compliance.reports.report import Report, summarise, to_json
from compliance.reports.text import to_text
from compliance.rules import own_rules
from compliance.subjects.log import condense
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, TOKEN, parsed

SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def judge(*texts: bytes) -> Report:
    """Check logs as the command does, and render the report in both forms."""
    logs = [parsed(text, f"logs/run-seed-{n}/result.txt") for n, text in enumerate(texts)]
    findings = [finding for log in logs for finding in registry.run("log", log, own_rules())]
    findings += registry.run("set", [condense(log) for log in logs if log.events], own_rules())
    report = Report(tuple(findings), logs=tuple(summarise(log, OWN) for log in logs))
    assert "rule-crashed" not in {finding.rule for finding in findings}
    json.dumps(to_json(report), allow_nan=False)
    to_text(report).encode("utf-8")
    assert report.exit_code in (0, 1)
    return report


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from(["success", "day", "synthetic", "2024", 1e308, 2**63, -0.0]),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(sorted(BY_KEY)) | st.text(max_size=12)


@SETTINGS
@given(st.binary(max_size=400))
def test_any_bytes_are_judged(content: bytes) -> None:
    assert judge(content).exit_code == 1


@SETTINGS
@given(
    st.lists(st.sampled_from([*b'\x00\n\r\t {}[]:,"\\']) | st.integers(0, 255), max_size=60), st.booleans()
)
def test_any_bytes_after_a_token_are_judged(content: list[int], newline: bool) -> None:
    assert judge(TOKEN.encode() + bytes(content) + b"\n" * newline).exit_code == 1


@SETTINGS
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "namespace": json_values,
                "time_ms": json_values,
                "event_type": json_values,
                "key": keys | json_values,
                "value": json_values,
                "metadata": json_values,
            },
        ),
        max_size=12,
    )
)
def test_events_of_any_content_are_judged(events: list[dict[str, Any]]) -> None:
    assert judge("".join(f"{TOKEN}{json.dumps(event)}\n" for event in events).encode()).exit_code == 1


mutations = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from(
            ["drop", "double", "swap", "cut", "glue", "value", "metadata", "time", "key", "byte", "result"]
        ),
        json_values,
    ),
    min_size=1,
    max_size=4,
)


def mutated(text: str, changes: list[tuple[int, str, Any]]) -> bytes:
    """A log with some lines changed."""
    lines = text.encode().splitlines()
    for number, kind, value in changes:
        place = number % len(lines)
        line = lines[place]
        if kind == "drop" and len(lines) > 1:
            del lines[place]
        elif kind == "double":
            lines.insert(place, line)
        elif kind == "swap":
            other = (place * 7 + 3) % len(lines)
            lines[place], lines[other] = lines[other], line
        elif kind == "cut":
            lines[place] = line[: number * 3]
        elif kind == "glue" and place + 1 < len(lines):
            lines[place] += lines.pop(place + 1)
        elif kind == "byte":
            lines[place] = line[: number % 50] + bytes([number]) + line[number % 50 :]
        else:
            lines[place] = with_field(line, kind, number, value)
    return b"\n".join(lines) + b"\n"


def with_field(line: bytes, kind: str, number: int, value: object) -> bytes:
    """An event with a field of another type or value; a line that is no event as it is."""
    try:
        event = json.loads(line.removeprefix(TOKEN.encode()))
    except ValueError:
        return line
    if not isinstance(event, dict):
        return line
    target: dict[str, object] = event
    name = {"time": "time_ms"}.get(kind, kind)
    if kind == "metadata" and isinstance(event.get("metadata"), dict) and event["metadata"]:
        target = event["metadata"]
        name = sorted(target)[number % len(target)]
    elif kind == "result" and isinstance(event.get("value"), dict) and event["value"]:
        target = event["value"]
        while (
            isinstance(inner := target[sorted(target)[number % len(target)]], dict) and inner and number % 3
        ):
            target = inner
        name = sorted(target)[number % len(target)]
    target[name] = value
    return TOKEN.encode() + json.dumps(event).encode()


@SETTINGS
@given(st.sampled_from([COMPLETED, EARLY_STOPPED]), mutations)
def test_a_changed_log_is_judged(text: str, changes: list[tuple[int, str, Any]]) -> None:
    report = judge(mutated(text, changes), COMPLETED.encode())
    assert [log.events for log in report.logs][1:] == [179]


@SETTINGS
@given(st.integers(0, len(COMPLETED.encode())))
def test_a_log_cut_off_anywhere_is_found_to_be_cut_off(length: int) -> None:
    whole = COMPLETED.encode()
    found = {finding.rule for finding in judge(whole[:length]).findings if finding.severity == "error"}
    expected = {"run-stop", "no-events"} if length < len(whole) - 1 else set()
    assert found <= expected | {"event-json"}
    assert bool(found) is bool(expected)
