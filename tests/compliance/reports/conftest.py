"""A report of a real check."""

from __future__ import annotations

import pytest

from compliance.checker import check_paths
from compliance.reports.report import Report
from tests.support.logs.hand_logs import COMPLETED, EARLY_STOPPED, with_value


@pytest.fixture(scope="session")
def real_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A check of a log with an error, one with warnings and notes, and of a path that is missing."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "result_0.txt").write_text(with_value(COMPLETED, "submission_benchmark", "clouds"))
    (folder / "result_1.txt").write_text(EARLY_STOPPED)
    report = check_paths([folder, folder / "missing"])
    assert all(report.counts.values())
    assert report.failures
    return report
