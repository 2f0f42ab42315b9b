"""Tell real text from text that a template left behind."""

from __future__ import annotations

import re

#: Domains reserved for documentation and tests (RFC 2606, RFC 6761).
RESERVED_DOMAINS = re.compile(r"(^|[@.])(example|test|invalid|localhost|local)(\.(com|org|net|edu))?$")

#: Words that no real name or system contains.
_WORDS = frozenset(("todo", "tbd", "fixme", "placeholder", "changeme", "foobar", "lorem"))
#: What follows "your" or "my" in a template. On its own, My may be a person and Template a laboratory.
_PLACES = frozenset(
    (
        *("org", "organization", "organisation", "institution", "institute", "company", "university", "lab"),
        *("submitter", "name", "names", "email", "e", "mail", "address", "platform", "system", "machine"),
        *("cluster", "server", "node", "computer", "text", "value", "here", "the", "a", "an"),
    )
)
#: Texts that say nothing on their own.
_EMPTY_TEXTS = frozenset(
    (
        *("none", "null", "nil", "nan", "n/a", "na", "unknown", "undefined", "unnamed", "default", "empty"),
        *("org", "organization", "organisation", "institution", "company", "submitter", "name", "email"),
        *("platform", "system", "string", "value", "test", "foo", "bar", "john doe", "jane doe"),
        *("example", "examples", "template", "dummy"),
        *("user", "username", "hostname", "localhost"),
    )
)


def placeholder(text: str) -> str | None:
    """Say why a text is a placeholder ("the word `todo`"); return None if it may be real.

    Linear in the text's length.
    """
    bare = text.strip().casefold()
    if not any(char.isalnum() for char in bare):
        return "no letter or digit" if bare else "blank"
    if bare in _EMPTY_TEXTS:
        return "it names nothing"
    if "@" in bare and RESERVED_DOMAINS.search(bare):
        return "a reserved domain"
    if re.search(r"<[^<>]*>|\$\{|\{\{|%\(", bare):
        return "a template's brackets"
    words = re.split(r"[^a-z]+", bare)
    if re.fullmatch(r"[^@\s]+@[^@\s]+", bare):  # an address in a real domain may contain any name
        return None
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in _WORDS or (len(word) > 2 and set(word) == {"x"}):
            return f"the word `{word}`"
        if word in ("your", "my", "insert", "example") and after in _PLACES:
            return f"the words `{word} {after}`"
    return None
