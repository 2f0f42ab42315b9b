"""`make every-method` on a method that is fitted: a real run as far as a verified bundle."""

from __future__ import annotations

import pytest

from tests.support.every_method import main


def test_a_method_passes_every_step_and_one_that_cannot_run_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--methods", "thresholds,nothing"]) == 1
    said = capsys.readouterr().out
    assert "thresholds: all is well\n" in said
    rows = [[cell.strip() for cell in line.split("│")[1:-2]] for line in said.splitlines() if "│" in line]
    assert rows[0][:5] == ["thresholds", "2 seeds", "ok", "ok", "ok"]
    assert rows[0][5] == "same bits"
    assert rows[0][6] in ("1 kills, same bits", "2 kills, same bits")  # it may end before the second
    assert rows[0][7] == "refused"
    assert rows[1:] == [["nothing", "FAILED", "", "", "", "", "", ""]]
    assert "nothing, run: exit status 2: error: method.name" in said
