"""How the files of a submission tree are read: whole, as text, as YAML, as JSON, as logs.

Nothing is executed, no symbolic link is followed, and a file that is not there or cannot
be read is None: that it must be there, other rules say.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from compliance.subjects.subjects import Tree
from compliance.subjects.tree_view import Folder

#: Configurations, documents and measurements are a few kilobytes.
TEXT_BYTES = 4 * 1024 * 1024
#: No configuration comes near these.
YAML_CHARACTERS = 64 * 1024
YAML_BRACKETS = 500


def status(tree: Tree, name: str) -> os.stat_result | None:
    """What the file system says of a file, or None where it has vanished; links are not followed."""
    try:
        return (tree.root / name).lstat()
    except OSError:
        return None


def is_regular(tree: Tree, name: str) -> bool:
    """Whether a file is there and neither a link nor a device."""
    found = status(tree, name)
    return found is not None and stat.S_ISREG(found.st_mode)


def read_bytes(tree: Tree, name: str, limit: int = TEXT_BYTES) -> bytes | None:
    """The first bytes of a regular file, or None where it cannot be read."""
    if not is_regular(tree, name):
        return None
    try:
        with (tree.root / name).open("rb") as stream:
            return stream.read(limit)
    except OSError:
        return None


def read_text(tree: Tree, name: str) -> str | None:
    """The text of a file, undecodable bytes replaced, or None where it cannot be read."""
    content = read_bytes(tree, name)
    return None if content is None else content.decode(errors="replace")


def digest(tree: Tree, name: str) -> str:
    """The sha256 of a regular file; of any other, nothing that a manifest could state."""
    if not is_regular(tree, name):
        return "not a regular file"
    state = hashlib.sha256()
    try:
        with (tree.root / name).open("rb") as stream:
            while block := stream.read(1024 * 1024):
                state.update(block)
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return state.hexdigest()


def logs(tree: Tree, folder: Folder) -> Iterator[tuple[str, Log]]:
    """Name and contents of an experiment's logs, in the order of their numbers."""
    for name in folder.results().values():
        if is_regular(tree, name):
            with contextlib.suppress(OSError):
                yield name, read_log(tree.root / name)


def load_json(tree: Tree, name: str) -> object:
    """The JSON of a file, None where there is none; what is wrong with it other rules say."""
    text = read_text(tree, name) if name else None
    try:
        return json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return None


class YamlDefect(Exception):
    """A text that is not the plain YAML of a configuration."""


def load_yaml(text: str) -> Any:
    """Plain YAML of moderate length, without aliases or repeated keys and with few brackets.

    Raises YamlDefect.

    A few bytes of aliases can stand for gigabytes, and the time to read brackets within
    brackets grows with the square of their number.
    """
    import yaml  # imported here: most checks never need it, and it takes longer than the whole start-up

    from benchmark.core.fields import parse_yaml

    if len(text) > YAML_CHARACTERS:
        raise YamlDefect(f"more than {YAML_CHARACTERS} characters")
    if text.count("[") + text.count("{") > YAML_BRACKETS:
        raise YamlDefect(f"more than {YAML_BRACKETS} brackets")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise YamlDefect("an alias (*name)")
        return parse_yaml(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlDefect(" ".join(str(error).split())) from None


def settings(tree_value: object, depth: int = 8) -> Iterator[tuple[str, object]]:
    """Every (key, value) of nested mappings whose value is not itself a mapping, keys in lower case."""
    if not isinstance(tree_value, dict) or depth == 0:
        return
    for key, value in tree_value.items():
        if isinstance(value, dict):
            yield from settings(value, depth - 1)
        else:
            yield str(key).lower(), value
