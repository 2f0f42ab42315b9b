"""What the checker is measured on, and that both checkers have read it to its end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmark.core.errors import CloudMaskError
from compliance.bench import KEY, copies, main, measured, said, stepped
from compliance.subjects.parse import read_log
from tests.support.logs.hand_logs import COMPLETED, aborted, findings, parsed


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_log_with_steps_meets_every_rule_and_has_the_size(tmp_path: Path, size: int) -> None:
    log = read_log(written(tmp_path / "result.txt", COMPLETED))
    text = "\n".join(stepped(log, size)) + "\n"
    assert {finding.rule for finding in findings(text)} == ({"event-unknown"} if size > 1 else set())
    assert max(size, len(COMPLETED)) <= len(text) < max(size, len(COMPLETED)) + 1000
    steps = parsed(text).all(KEY).facts("epoch_num")
    assert set(steps) == ({1, 2, 3} if size > 1 else set())


def test_the_log_of_a_failed_run_is_refused(tmp_path: Path) -> None:
    log = read_log(written(tmp_path / "result.txt", aborted(COMPLETED, "eval_stop", 2)))
    with pytest.raises(CloudMaskError) as raised:
        list(stepped(log, 1000))
    assert raised.value.expected == "the log of a completed run"


def test_a_process_is_measured_and_stopped_at_the_limit(tmp_path: Path) -> None:
    cost = measured([sys.executable, "-c", "print(len('x' * 10**8))"], [])
    assert cost is not None
    assert cost.answer == "100000000\n"
    assert 100 < cost.megabytes < 300
    assert measured([sys.executable, "-c", "import time; time.sleep(60)"], [], limit=0.2) is None


def test_a_row_says_whether_the_logs_were_read_to_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = written(tmp_path / "result.txt", COMPLETED)
    kept = tmp_path / "figures.json"
    assert main([str(log), "--sizes", "1", "--logs", "2", "--rounds", "1", "--json", str(kept)]) == 0
    names = [figure["name"] for figure in json.loads(kept.read_text())["figures"]]
    assert names == [
        f"{each}{part}"
        for each in ("start-up", "2 logs", "1 MB")
        for part in ("", ": memory", ": upstream's time to ours")
    ]
    *_, many, large = capsys.readouterr().out.splitlines()
    assert many.startswith("2 logs")
    assert many.endswith(f"  {2 * len(parsed(COMPLETED).events)}; upstream: passed")
    assert large.startswith("1 MB")
    assert large.endswith("; upstream: passed")
    less = ["--logs", "0", "--rounds", "1", "--limit", "0.001", "--base", str(kept)]
    assert main([str(log), "--sizes", "1", *less]) == 0
    out = capsys.readouterr().out
    assert "> 0 s" in out  # nothing ends so soon
    assert out.count("of base") == 2
    cut = '{"logs": [{"events": 7}], "findings": [{"rule": "log-size"}]}'
    assert said(cut, "") == "7, not to the end"


def test_copies_are_in_folders_of_their_own(tmp_path: Path) -> None:
    log = written(tmp_path / "result.txt", COMPLETED)
    paths = copies(log, tmp_path / "many", 3)
    assert len({path.parent for path in paths}) == 3
    assert {path.read_text() for path in paths} == {COMPLETED}
