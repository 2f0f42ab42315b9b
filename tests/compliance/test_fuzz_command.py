"""The longer run of `make fuzz`: it counts its inputs, and stops at a crash or a hang."""

from __future__ import annotations

from pathlib import Path

import pytest

from compliance.finding import Finding
from compliance.registry import Problem, Rule
from compliance.rules import RULE_BY_ID
from tests.support.fuzz import Hang, at_most, fault_of, fuzz


def test_fuzzing_counts_its_inputs_and_says_that_nothing_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuzz(0.2, 7, tmp_path) == 0
    assert "of seed 7: no crash, no hang" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_fuzzing_stops_at_a_crashing_rule_and_keeps_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(log: object) -> list[Problem]:
        raise ZeroDivisionError("division by zero")

    for scope in ("log", "json"):
        bad = Rule(f"bad-{scope}", scope, "note", "none", "nothing", "none", "Bad.", crash)
        monkeypatch.setitem(RULE_BY_ID, bad.id, bad)
    assert fuzz(60, 7, tmp_path) == 1
    assert "ZeroDivisionError in rule bad-" in capsys.readouterr().out
    (kept,) = tmp_path.iterdir()
    assert kept.name == "fuzz-7-0.bin"
    assert kept.stat().st_size > 0


def test_an_exception_and_a_hang_are_faults() -> None:
    def fails(content: bytes) -> list[Finding]:
        raise KeyError("key")

    def hangs() -> None:
        while True:
            pass

    assert "KeyError: 'key'" in (fault_of(fails, b"") or "")
    assert fault_of(lambda content: [], b"") is None
    with pytest.raises(Hang), at_most(0.01):
        hangs()
