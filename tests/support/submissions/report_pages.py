"""Parsed report pages, and a report whose names try to break out of the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from submission.bundle.layout import BundleLayout, BundleName
from submission.bundle.provenance import Provenance
from submission.bundle.repository import find_commit
from submission.bundle.sources import Sources
from submission.documents.contribution import contribution
from submission.documents.files import write_json, write_text
from submission.report.page import write_report
from submission.runs.runs import read_runs
from submission.system.description import DEFAULT_SITE, describe_measured, read_site
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import SCENES, Lines, write_run
from tests.support.submissions.facts import Facts, mean

CURVES = ("train_loss", "eval_loss", "train_accuracy", "eval_accuracy")
HOSTILE = "Evil </script><script>boom()</script><img src=x onerror=boom()> & \"Co\" 'Ltd'"


class Page(HTMLParser):
    """A page's elements, table rows, scripts and visible words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in ("meta", "img", "input", "wbr"):
            self._inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.words.append(data)
        if {"td", "th"} & set(self._inside):
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.scripts[0])


def read_page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def scene_rows(runs: list[Facts]) -> list[list[str]]:
    rows = []
    for scene, period in SCENES:
        values = [
            e["value"] for run in runs for e in run.of("scene_accuracy") if e["metadata"]["scene"] == scene
        ]
        rows.append([scene, period, f"{mean(values):.4f}", *(f"{value:.4f}" for value in values)])
    return rows


def hostile_report(place: Path, folder: Path) -> Path:
    """Write the report of a run whose organisation, system and scene names try to break out of the page.

    The packager refuses such an organisation, so the report is made without the packager.
    """

    def rename(lines: Lines) -> None:
        for line in lines:
            if line["key"] == "scene_accuracy":
                line["metadata"]["scene"] = f"{HOSTILE} {line['metadata']['scene']}"

    sha = git(place, "rev-parse", "HEAD")
    write_run(folder / "logs", 1, sha, org=HOSTILE, change=rename)
    runs = read_runs([folder / "logs"])
    system = describe_measured(
        [run.system for run in runs.runs],
        read_site(DEFAULT_SITE) | {"cooling": HOSTILE},
        name="test-node",
        org=runs.org,
        status=runs.status,
    )
    layout = BundleLayout(folder, BundleName("evil", "test-node", "quick"))
    commit = find_commit(place, sha, ignore=[place / "logs", place / "dist"])
    write_json(layout.system_description, system)
    write_text(layout.contribution, contribution(layout, Sources(runs, commit, system, Provenance())))
    write_report(layout, runs)
    return layout.report
