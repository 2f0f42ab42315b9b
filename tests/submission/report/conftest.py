"""The report of three runs, its page, and their raw log lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.submissions.facts import Facts, facts
from tests.support.submissions.report_pages import Page, read_page


@pytest.fixture(scope="module")
def place(place_with_scenes: Path) -> Path:
    return place_with_scenes


@pytest.fixture(scope="module")
def report(science: Path) -> Path:
    return science / "report.html"


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    return read_page(report)


@pytest.fixture(scope="module")
def runs(place: Path) -> list[Facts]:
    return facts(place / "logs")
