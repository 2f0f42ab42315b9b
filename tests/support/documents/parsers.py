"""Get every command's argument parser from the command itself, and check command lines with it."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from unittest import mock

from benchmark.__main__ import COMMANDS


class Parsed(BaseException):
    """Raised instead of executing a command. Not an Exception, so that no command handles it."""

    def __init__(self, parser: argparse.ArgumentParser, values: argparse.Namespace | None) -> None:
        super().__init__("the command line was read")
        self.parser, self.values = parser, values


def parser_of(module: str) -> argparse.ArgumentParser:
    """Return the parser that a command creates."""

    def give_up(parser: argparse.ArgumentParser, *_: object) -> None:
        raise Parsed(parser, None)

    try:
        with mock.patch.object(argparse.ArgumentParser, "parse_args", give_up):
            importlib.import_module(module).main([])
    except Parsed as parsed:
        return parsed.parser
    raise AssertionError(f"{module}: found: no parser; expected: main() parses its arguments first")


def subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Yield name, purpose and parser of each subcommand."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            purposes = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, inner in action.choices.items():
                yield name, purposes.get(name, ""), inner


def module_of(name: str) -> str | None:
    """Return the module of ``cloudmask NAME`` or ``python -m NAME``; None if there is no such command."""
    if name in COMMANDS:
        return COMMANDS[name].module
    modules = {command.module.removesuffix(".__main__"): command.module for command in COMMANDS.values()}
    return modules.get(name)


def complaint(module: str, arguments: list[str]) -> str | None:
    """Return the parser's error for these arguments; None if it accepts them."""

    def refuse(self: argparse.ArgumentParser, message: str) -> None:
        raise ValueError(message)

    parser = parser_of(module)
    if {"-h", "--help"} & {*arguments}:
        return None
    try:
        with mock.patch.object(argparse.ArgumentParser, "error", refuse):
            parser.parse_args(arguments)
    except ValueError as error:
        return str(error)
    return None
