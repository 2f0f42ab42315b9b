"""What the checker is measured on: a long log that meets every rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.core.errors import CloudMaskError
from compliance.bench import prolonged
from compliance.subjects.parse import read_log
from tests.support.hand_logs import COMPLETED, aborted, findings


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_prolonged_log_meets_every_rule_and_has_the_size(tmp_path: Path, size: int) -> None:
    log = read_log(written(tmp_path / "result.txt", COMPLETED))
    text = "\n".join(prolonged(log, size)) + "\n"
    assert findings(text) == []
    assert size < len(text) < size + len(COMPLETED)


def test_the_log_of_a_failed_run_is_refused(tmp_path: Path) -> None:
    log = read_log(written(tmp_path / "result.txt", aborted(COMPLETED, "eval_stop", 2)))
    with pytest.raises(CloudMaskError) as raised:
        list(prolonged(log, 1000))
    assert raised.value.expected == "the log of a completed run"
