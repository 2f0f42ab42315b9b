"""The pages of the documentation and their code blocks, each with the reason if it is not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark import ROOT

#: Language of a block -> whether it is code; text is output, a diagram or a listing.
LANGUAGES = {"bash": True, "python": True, "yaml": True, "toml": True, "json": True, "text": False}
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run: .+?|output) -->\n)?"
    r"^(?P<fence>```+)(?P<language>\S*)\n(?P<body>.*?)^(?P=fence)$",
    re.S | re.M,
)


def pages() -> list[Path]:
    """Return README and all pages below docs/, ordered by path."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block: its location, its language, its text, and why it is not run."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None
    is_output: bool

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield all fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        mark = match["mark"] or ""
        yield Block(
            page=page,
            line=text.count("\n", 0, match.start("fence")) + 1,
            language=match["language"],
            text=match["body"],
            not_run=mark.removeprefix("not run: ") if mark.startswith("not run: ") else None,
            is_output=mark == "output",
        )


def command_lines(block: Block) -> list[str]:
    """Return the lines of a shell block without comments; continued lines are joined."""
    joined = block.text.replace("\\\n", " ")
    lines = (re.sub(r"(^|\s+)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]
