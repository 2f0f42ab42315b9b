"""The documentation as a site, built as ``make docs`` builds it and looked at in a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import ROOT
from tests.support.surroundings.browser import Tab

pytestmark = pytest.mark.slow

WIDTHS = (1400, 400)
#: The pages with the widest tables, blocks and pictures. CLOUDMASK_ALL_PAGES=1 looks at all, at half a second
#: each.
LOOKED_AT = (
    *("index.html", "tutorial.html", "how-to/compare.html", "explanation/trust.html"),
    *("reference/configuration.html", "events.html", "clauses.html"),
)
#: What reaches beyond the right edge of the window and is in nothing that scrolls.
TOO_WIDE = """[...document.querySelectorAll(".md-content *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter(e => !e.closest("pre, .md-typeset__scrollwrap"))
    .slice(0, 3).map(e => e.outerHTML.slice(0, 120))"""
BROKEN_PICTURES = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of its sources."""
    place = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "mkdocs.yml", place)
    shutil.copytree(ROOT / "docs", place / "docs")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "site"


def test_every_page_becomes_a_page_of_the_site(site: Path) -> None:
    docs = ROOT / "docs"
    wanted = {path.relative_to(docs).with_suffix(".html").as_posix() for path in docs.rglob("*.md")}
    assert wanted | {"404.html"} == {path.relative_to(site).as_posix() for path in site.rglob("*.html")}


def test_pages_fit_their_window_and_ask_nothing_of_the_network(site: Path, browser: Tab) -> None:
    every = [path.relative_to(site).as_posix() for path in site.rglob("*.html") if path.name != "404.html"]
    for name in sorted(every) if os.environ.get("CLOUDMASK_ALL_PAGES") else LOOKED_AT:
        browser.open(site / name, WIDTHS[0])
        for width in WIDTHS:
            browser.page.set_viewport_size({"width": width, "height": 900})
            assert browser.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            assert browser.evaluate(TOO_WIDE) == [], (name, width)
        assert browser.complaints == [], name
        assert browser.evaluate(BROKEN_PICTURES) == [], name
        assert [url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))] == [], (
            name
        )


def test_the_search_finds_a_page_from_disk(site: Path, browser: Tab) -> None:
    browser.open(site / "how-to" / "gpu.html", WIDTHS[0])
    browser.press("/")
    browser.page.get_by_placeholder("Search").last.fill("olympic mean")
    browser.page.get_by_text("The scientific contribution").first.wait_for()
    assert browser.complaints == []
