"""The one command: it names every command of the package, and passes on what it is given."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

from benchmark.__main__ import COMMANDS, main
from tests.support.project import ROOT


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_the_main_of_its_module(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    module = COMMANDS[name].module.removesuffix(".__main__")
    assert f"usage: python -m {module} " in capsys.readouterr().out


def test_every_program_with_a_usage_is_a_command() -> None:
    named = {command.module for command in COMMANDS.values()}
    with_usage = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("benchmark", "compliance", "submission")
        for path in (ROOT / package).rglob("*.py")
        if "proposal" not in path.parts
        and '\n    parser = argparse.ArgumentParser(\n        prog="' in path.read_text()
    }
    assert with_usage <= named
    assert all(hasattr(importlib.import_module(module), "main") for module in named)
    tree = ast.parse((ROOT / "benchmark/__main__.py").read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imported] == [
        "__future__",
        "typing",
    ]  # a command starts as fast as it can


def test_help_lists_the_commands_and_what_they_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main([]), main(["--help"])) == (0, 0)
    said = capsys.readouterr().out
    assert all(f"  {name} " in said and command.does in said for name, command in COMMANDS.items())


def test_an_unknown_command_is_reported_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["verfy"]) == 2
    assert "did you mean verify?" in capsys.readouterr().err
    assert main(["xyz"]) == 2
    assert "expected: one of run, sweep, check" in capsys.readouterr().err


def completed(shell_words: str) -> list[str]:
    """What the script for bash offers for a line that ends with its last word."""
    script = f"""
        cloudmask() {{ {sys.executable} -m benchmark "$@"; }}
        source <(cloudmask completion bash)
        COMP_WORDS=({shell_words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _cloudmask
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("cloudmask sy", ["system", "synthesis"]),
        ("cloudmask sweep st", ["status", "stop"]),
        ("cloudmask sweep status --w", ["--watch"]),
        ("cloudmask check lo", []),  # files
    ],
)
def test_bash_completes_commands_verbs_and_options(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


def test_zsh_gets_the_same_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out == f"autoload -Uz bashcompinit && bashcompinit\n{script}"
    assert f'local commands="{" ".join(COMMANDS)}"' in script


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("cloudmask 0.")
