"""The documents say what the program does."""

from __future__ import annotations

import re

import pytest

from benchmark.record.events import EVENTS
from tests.support.project import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_table_of_events_is_the_vocabulary():
    rows = re.findall(
        r"^\| `(\w+)` \| ([A-Z_]+) \| (\w+) \| (.*?) \| (.+) \|$",
        (ROOT / "docs" / "events.md").read_text(),
        re.M,
    )
    assert rows == [
        (
            e.key,
            e.kind,
            e.value,
            ", ".join(
                [f"`{name}` {kind}" for name, kind in e.metadata.items()]
                + [f"`{name}` {kind} (optional)" for name, kind in e.optional.items()]
            ),
            e.meaning,
        )
        for e in EVENTS
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_target_that_is_named_exists(document):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`make ([a-z0-9-]+)", document.read_text())) <= targets


def test_every_dependency_earns_its_line():
    project = (ROOT / "pyproject.toml").read_text()
    listed = project.partition("\ndependencies = [\n")[2].partition("\n]\n")[0]
    declared = re.findall(r'^    "([a-z0-9-]+)>=', listed, re.M)
    documented = re.findall(
        r"^\| ([a-z][a-z0-9-]+) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.M
    )
    assert sorted(documented[1:]) == sorted(declared)


def test_the_lock_pins_every_package_with_hashes_and_names_no_host():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = re.split(r"^(?=[a-z])", lock, flags=re.M)[1:]
    assert all("==" in entry.splitlines()[0] and "--hash=sha256:" in entry for entry in pinned)
