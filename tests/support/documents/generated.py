"""python -m tests.support.documents.generated: write the parts of the pages that follow from the code.

A page marks them: ``<!-- generated: NAME -->`` ... ``<!-- end -->``. People write the rest.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import json
import re
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmark import ROOT
from benchmark.__main__ import COMMANDS
from benchmark.config import schema
from benchmark.record import telemetry
from benchmark.record.run_folder import RunFolder
from tests.support.documents.parsers import parser_of, subcommands

#: Python type -> its name for people who write YAML.
TYPES = {"str": "text", "float": "number", "int": "integer", "bool": "true or false"}
REGION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.S)


def cell(text: object) -> str:
    """Escape a text as a table cell."""
    plain = " ".join(str(text).split())
    return plain.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


# ---- commands


def commands() -> str:
    """List all commands with their arguments, from the parsers that --help prints."""
    lines = table(
        ("command", "purpose"),
        [(f"[`cloudmask {name}`](#cloudmask-{name})", cell(each.does)) for name, each in COMMANDS.items()],
    )
    for name, each in COMMANDS.items():
        lines += _command(f"cloudmask {name}", parser_of(each.module), "##")
    return "\n".join(lines)


def _command(name: str, parser: argparse.ArgumentParser, level: str) -> Iterator[str]:
    yield from (f"{level} {name}", "")
    if parser.description:
        yield from (_sentence(parser.description), "")
    rows = [
        (f"`{_invocation(action)}`", cell(_help(parser, action)))
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
        and action.help != argparse.SUPPRESS
    ]
    if rows:
        yield from table(("argument", "meaning"), rows)
    if parser.epilog:
        yield from (_sentence(parser.epilog), "")
    for verb, purpose, inner in subcommands(parser):
        inner.description = inner.description or purpose
        yield from _command(f"{name} {verb}", inner, level + "#")


def _sentence(text: str) -> str:
    text = " ".join(text.split()).replace("<", "&lt;")
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _invocation(action: argparse.Action) -> str:
    """Return an argument as users type it."""
    name = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices and not action.metavar:
        name = "{" + ",".join(map(str, action.choices)) + "}"
    value = {None: f" {name}", "?": f" [{name}]", "*": f" [{name} ...]", "+": f" {name} [{name} ...]"}.get(
        action.nargs,  # type: ignore[call-overload]
        "" if action.nargs == 0 else f" {name}",
    )
    return f"{', '.join(action.option_strings)}{value}".strip()


# ---- configuration


def configuration() -> str:
    """List all fields of a configuration with type, default and the comment above the field."""
    return "\n".join(_section(schema.Config, ""))


def _section(kind: type, prefix: str) -> Iterator[str]:
    types = typing.get_type_hints(kind)
    comments = _comments(kind)
    inner: list[tuple[str, type]] = []
    rows = []
    for each in dataclasses.fields(kind):
        nested = [
            t for t in (types[each.name], *typing.get_args(types[each.name])) if dataclasses.is_dataclass(t)
        ]
        if nested:
            inner.append((f"{prefix}{each.name}", typing.cast(type, nested[0])))
        else:
            shown = str(each.type).replace("dict[str, Any]", "mapping").replace(" | None", " or null")
            for word, plain in TYPES.items():
                shown = shown.replace(word, plain)
            rows.append(
                (f"`{prefix}{each.name}`", cell(shown), _default(each), cell(comments.get(each.name, "")))
            )
    yield from (f"## {prefix.rstrip('.') or 'The run'}", "", _sentence(inspect.getdoc(kind) or ""), "")
    yield from table(("field", "type", "default", "meaning"), rows)
    for name, nested_kind in inner:
        yield from _section(nested_kind, f"{name}.")


def _default(field: dataclasses.Field) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{json.dumps(field.default)}`"
    return "*required*" if field.default_factory is dataclasses.MISSING else "`{}`"


def _comments(kind: type) -> dict[str, str]:
    """Return name of a field -> the ``#:`` lines above it."""
    lines = inspect.getsource(kind).splitlines()
    (node,) = ast.parse("\n".join(lines)).body
    found: dict[str, str] = {}
    for statement in typing.cast(ast.ClassDef, node).body:
        if isinstance(statement, ast.AnnAssign):
            above, words = statement.lineno - 2, []
            while lines[above].strip().startswith("#:"):
                words.insert(0, lines[above].strip().removeprefix("#:").strip())
                above -= 1
            found[typing.cast(ast.Name, statement.target).id] = " ".join(words)
    return found


# ---- files


def run_folder() -> str:
    """List all files of a run, from the class that has their paths."""
    root, rows = Path("RUN"), []
    for name, member in vars(RunFolder).items():
        if isinstance(member, property) and member.fget and member.fget.__annotations__["return"] == "Path":
            path = getattr(RunFolder(root), name)
            is_folder = name in ("checkpoints", "masks", "plots", "tensorboard")
            shown = path.relative_to(root).as_posix() + ("/" if is_folder else "")
            rows.append((f"`{shown}`", cell(inspect.getdoc(member) or "")))
    return "\n".join(table(("file", "what it holds"), rows))


def telemetry_columns() -> str:
    """List the columns of telemetry.csv, from the module that writes them."""
    described = (inspect.getdoc(telemetry) or "").partition("\n\n- ")[2].partition("\n\n")[0]
    return f"- {described}\n".replace("``", "`")


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "configuration": configuration,
    "run-folder": run_folder,
    "telemetry": telemetry_columns,
}


def with_parts(text: str) -> str:
    """Update the generated parts of a page."""
    return REGION.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n{match[3]}", text)


def main() -> int:
    for path in sorted((ROOT / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (new := with_parts(text)) != text:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
