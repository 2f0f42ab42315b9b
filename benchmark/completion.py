"""Shell completion: prints a script for the shell to source.

    source <(cloudmask completion bash)          in ~/.bashrc
    source <(cloudmask completion zsh)           in ~/.zshrc, after compinit

The script reads verbs and options from the help of each command, so it needs no library and stays in step.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmark.__main__ import COMMANDS

SCRIPT = Path(__file__).with_suffix(".bash")
#: Lets zsh read the script as bash does.
ZSH = "autoload -Uz bashcompinit && bashcompinit\n"


def main(arguments: list[str] | None = None) -> int:
    """Print the completion script for a shell."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.completion",
        description="Print the completion of the command cloudmask for a shell, to be sourced by it.",
    )
    parser.add_argument("shell", choices=("bash", "zsh"))
    shell = parser.parse_args(arguments).shell
    if shell == "zsh":
        print(ZSH, end="")
    print(SCRIPT.read_text(encoding="utf-8").replace("@COMMANDS@", " ".join(COMMANDS)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
