"""Verify a bundle: its hashes, rules and numbers, and on request its scores and runs.

    python -m submission.verify dist/BUNDLE.tar.gz
    python -m submission.verify dist/BUNDLE --rescore
    python -m submission.verify dist/BUNDLE --rerun 1

Exit status: 0 everything agrees, 1 something does not (the findings say what), 2 the command
failed. Nothing in the bundle is executed, except by --rerun-bundled, which says so and asks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.core.collector import collector_paused, spare_exit
from benchmark.core.errors import CloudMaskError, memory_as_error
from benchmark.core.escaping import tell
from benchmark.core.files import reason_of
from benchmark.core.interruption import Interrupted, Interruption
from compliance.reports.report import to_json
from compliance.reports.text import to_text
from submission.verify.steps import ALL, Repeat, verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    spare_exit()
    Interruption().install()
    repeat = Repeat(options.rescore, options.recount, options.rerun, options.rerun_bundled, options.data)
    try:
        if repeat.bundled is not None and not (options.yes or _agreed(options.bundle)):
            return 2
        with memory_as_error(), collector_paused():
            if options.quiet or options.json:
                with _stdout_to_stderr():
                    report = verify(options.bundle, repeat, signers=options.signers, say=_nothing)
            else:
                report = verify(options.bundle, repeat, signers=options.signers)
    except CloudMaskError as error:
        print(f"not verified: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        tell(f"not verified: {error.filename or options.bundle}: {reason_of(error)}", error=True)
        return 2
    except Interrupted as error:
        print(f"stopped ({error}); nothing is left behind", file=sys.stderr)
        return 128 + error.number
    if options.json:
        print(json.dumps(to_json(report, "warning"), indent=2, allow_nan=False))
    elif not options.quiet or report.exit_code:
        print("" if options.quiet else "\n", to_text(report, "warning"), sep="", end="")
    return report.exit_code


def _nothing(step: str, text: str) -> None:
    """Print nothing about a step."""


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Keep standard output for the report: output of repeated runs and scripts goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _agreed(bundle: Path) -> bool:
    """Warn that the bundle's code is about to run, and ask for consent."""
    tell(
        f"--rerun-bundled executes the scripts and the code of {bundle}, which its submitter wrote: they "
        "can do whatever you can on this machine. Read them first, or use a container.",
        error=True,
    )
    if not sys.stdin.isatty():
        print("not verified: nobody to ask; pass --yes to execute them", file=sys.stderr)
        return False
    return input("Execute them? [y/N] ").strip().lower() in ("y", "yes")


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"found {text[:40]!r}, expected a seed")
    return int(text)


def _seed_or_all(text: str) -> int | str:
    return text if text == ALL else _seed(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m submission.verify",
        description="Check that a bundle is what it says: hashes, rules, numbers, scores and runs.",
        epilog="Exit status: 0 everything agrees, 1 something does not, 2 it could not do its work.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle, or its .tar.gz")
    add = parser.add_argument
    add(
        "--rescore",
        nargs="?",
        const=ALL,
        type=_seed_or_all,
        metavar="SEED",
        help="compute the scores again from the bundle's weights, of one run or of all (minutes)",
    )
    add(
        "--recount",
        nargs="?",
        const=ALL,
        type=_seed_or_all,
        metavar="SEED",
        help="count the pixels of the masks next to the bundle again (seconds)",
    )
    add(
        "--rerun",
        type=_seed,
        metavar="SEED",
        help="repeat the run of this seed with this program, or with the commit as this checkout has it",
    )
    add(
        "--rerun-bundled",
        type=_seed,
        metavar="SEED",
        help="repeat the run of this seed with the bundle's scripts, packages and code: executes them",
    )
    add("--yes", action="store_true", help="execute the bundle's code without asking")
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with the scenes (training/, inference/), if available; otherwise they are made or "
        "fetched",
    )
    parser.add_argument(
        "--signers",
        type=Path,
        metavar="FILE",
        help="names and SSH keys of which one must have signed the manifest (ssh-keygen's ALLOWED SIGNERS)",
    )
    add("--quiet", action="store_true", help="print a report only where something does not agree")
    add("--json", action="store_true", help="print the report as one JSON object, and nothing else")
    return parser


if __name__ == "__main__":
    sys.exit(main())
