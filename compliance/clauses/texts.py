"""The texts and their clauses, as clauses.yaml has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("clauses.yaml")
#: What a rule cites that asks more than any text.
HOUSE = "house"


@dataclass(frozen=True)
class Text:
    """A text of rules: its title, where it is kept, and the edition that was read."""

    title: str
    source: str
    edition: str


@dataclass(frozen=True)
class Clause:
    """A clause in its own words; ``unchecked`` says why no rule judges it, None where one does."""

    id: str
    quote: str
    section: str
    unchecked: str | None = None

    @property
    def text(self) -> str:
        """The letter of its text."""
        return self.id[0]


@cache
def _content() -> Mapping[str, Any]:
    import yaml  # only where clauses are listed: every check starts without it

    content: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


@cache
def texts() -> Mapping[str, Text]:
    """The texts by their letters."""
    return {letter: Text(**fields) for letter, fields in _content()["texts"].items()}


@cache
def clauses() -> Mapping[str, Clause]:
    """All clauses by their ids, text by text."""
    return {fields["id"]: Clause(**fields) for fields in _content()["clauses"]}


def cited(clause: str) -> tuple[str, ...]:
    """The ids in what a rule cites: ``S6.1, P-contact``."""
    return tuple(clause.split(", "))
