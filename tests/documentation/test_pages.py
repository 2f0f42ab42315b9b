"""Pages for readers: how they begin, where their links lead, and that their code is code."""

from __future__ import annotations

import glob
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmark import ROOT
from benchmark.sweep.experiment import load_experiment
from benchmark.sweep.site import load_site
from compliance.selection import tomllib
from tests.support.documents import links
from tests.support.documents.generated import with_parts
from tests.support.documents.pages import LANGUAGES, Block, blocks, command_lines, pages
from tests.support.documents.parsers import complaint, module_of

PAGES = pages()
BLOCKS = [block for page in PAGES for block in blocks(page)]
SHELL = [block for block in BLOCKS if block.language == "bash"]
TUTORIAL = ROOT / "docs" / "tutorial.md"
#: Of all pictures together.
PICTURE_BYTES = 300_000


def of_page(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != ROOT], ids=of_page)
def test_a_page_begins_with_who_it_is_for_and_what_they_can_do_afterwards(page: Path) -> None:
    title, first = page.read_text().split("\n\n", 2)[:2]
    assert title.startswith("# "), title
    assert re.fullmatch(r"\*\*For\*\* .+?\. \*\*Afterwards\*\* .+", " ".join(first.split())), first


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [wrong for target in links.links(page) if (wrong := links.complaint(page, target))] == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n\n[1](other.md) [2](#a-title) [3](#b) [4](https://x) `[5](none)`\n")
    wrong = [links.complaint(page, target) for target in links.links(page)]
    assert wrong == [
        "other.md: no such file",
        None,
        "#b: no such heading; there are a-title",
        "https://x: no address of the web",
    ]


def test_every_page_is_on_the_site() -> None:
    listed = re.findall(r"^ +- (?:.+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(listed) == sorted(of_page(page).removeprefix("docs/") for page in PAGES[1:])


def test_readme_is_one_screen_with_a_picture_and_two_commands() -> None:
    text = PAGES[0].read_text()
    assert len(text.splitlines()) <= 50
    assert text.count("![") == 1
    (block,) = blocks(PAGES[0])
    assert [line.split()[1] for line in command_lines(block)] == ["run", "submission"]


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_generated_parts_are_those_of_the_code(page: Path) -> None:
    assert with_parts(page.read_text()) == page.read_text(), "run: make docs"


def test_the_pictures_stay_small_and_each_is_shown() -> None:
    pictures = {path.resolve() for path in (ROOT / "docs" / "pictures").iterdir()}
    shown = {(page.parent / target).resolve() for page in PAGES for target in links.links(page)}
    assert pictures <= shown
    assert sum(path.stat().st_size for path in pictures) <= PICTURE_BYTES


# ---- code blocks


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_is_of_a_known_kind_and_a_page_says_why_it_is_not_run(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block.language!r}, expected one of {', '.join(LANGUAGES)}"
    if block.language == "python":
        assert block.not_run, "no test runs Python blocks; say why: <!-- not run: REASON -->"
    assert not block.is_output or block.text.strip(), "run: python -m tests.support.documents.tutorial"


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)
def test_commands_and_their_arguments_exist(block: Block) -> None:
    """Also of blocks that no test runs."""
    for line in command_lines(block):
        plain = re.sub(r"[<>|&;].*$", "", line)
        found = re.search(r"(?:\bcloudmask|python -m) (\S+)(.*)", plain)
        if found and not found[1].startswith(("-", "pip")):
            module = module_of(found[1])
            assert module, f"no command {found[1]}: {line}"
            assert complaint(module, shlex.split(found[2])) is None, line
        for name in re.findall(r"\bmake ([a-z0-9-]+)", line):
            assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.M), f"no target {name}: {line}"
        for path in re.findall(r"(?<!\S)(?:benchmark|docs|container)/\S+", plain):
            assert glob.glob(path, root_dir=ROOT), f"no file {path}: {line}"


def test_an_argument_that_does_not_exist_is_found() -> None:
    assert complaint("benchmark.run", ["--sed", "1"]) == "unrecognized arguments: --sed 1"
    assert complaint("benchmark.run", ["--seed", "1"]) is None


@pytest.mark.parametrize(
    "block", [b for b in SHELL if not b.not_run and b.page != TUTORIAL], ids=lambda block: block.place
)
def test_a_block_runs(block: Block, tmp_path: Path) -> None:
    script = tmp_path / "cloudmask"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m benchmark "$@"\n')
    script.chmod(0o755)
    text = f'set -e\nexport PATH="$PWD:$PATH" PYTHONPATH={shlex.quote(str(ROOT))}\n{block.text}'
    done = subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language in ("yaml", "toml", "json")], ids=lambda block: block.place
)
def test_a_file_that_a_page_shows_can_be_read(block: Block, tmp_path: Path) -> None:
    content = tomllib.loads(block.text) if block.language == "toml" else yaml.safe_load(block.text)
    assert content
    if "repeats" in content:
        path = tmp_path / f"{content['name']}.yaml"
        path.write_text(block.text)
        assert len(load_experiment(path, load_site("local")).runs) == (2 * 2 * 2 - 2) * 5
