"""The texts and their clauses, read from clauses.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("clauses.yaml")
#: Cited by rules that ask for more than any text.
HOUSE = "house"


@dataclass(frozen=True)
class Text:
    """A text of rules: its title, its source, and the edition used."""

    title: str
    source: str
    edition: str


@dataclass(frozen=True)
class Clause:
    """A quoted clause; ``unchecked`` says why no rule checks it, None if one does."""

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
    import yaml  # only needed to list clauses; every check starts without it

    content: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content


@cache
def texts() -> Mapping[str, Text]:
    """Return the texts by letter."""
    return {letter: Text(**fields) for letter, fields in _content()["texts"].items()}


@cache
def clauses() -> Mapping[str, Clause]:
    """Return all clauses by id, text by text."""
    return {fields["id"]: Clause(**fields) for fields in _content()["clauses"]}


def cited(clause: str) -> tuple[str, ...]:
    """Return the ids in a rule's citation: ``S6.1, P-contact``."""
    return tuple(clause.split(", "))
