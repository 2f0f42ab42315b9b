"""Check logs, system descriptions and submission trees against the MLCommons Science rules.

    python -m compliance.check logs/

Exit status: 0 no errors (there may be warnings), 1 errors found, 2 the check could not do
its work. Nothing that a log or a tree contains is executed, and no link in it followed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from compliance import documentation, registry, rules  # noqa: F401 (importing rules registers them)
from compliance.discover import CheckError, discover, tree_logs, tree_systems
from compliance.finding import SEVERITIES, Finding
from compliance.log import Log, condense
from compliance.parse import read_log
from compliance.report import LogSummary, Report, merge, summarise, to_json, to_text
from compliance.strict_json import read_json
from compliance.subjects import Tree


def check_paths(paths: Iterable[str | os.PathLike[str]]) -> Report:
    """Check every path. What cannot be checked is a failure of the report, not an exception.

    Each submission tree is a set of runs of its own; all other logs together are one.
    """
    logs: list[Path] = []
    systems: list[Path] = []
    reports: list[Report] = []
    for path in paths:
        try:
            found = discover(Path(path))
        except CheckError as error:
            reports.append(Report(failures=(error,)))
            continue
        logs += found.logs
        systems += found.systems
        reports += map(check_tree, found.trees)
    return merge([*reports, check_files(logs, systems)])


def check_tree(tree: Tree) -> Report:
    """Check a submission tree, its system descriptions, and its logs as one set."""
    findings = registry.run("tree", tree)
    of_tree = Report(findings=tuple(findings), trees=(str(tree.root),))
    return merge([of_tree, check_files(tree_logs(tree), tree_systems(tree))])


def check_files(logs: Iterable[Path], systems: Iterable[Path]) -> Report:
    """Check system descriptions, and logs one by one and as a set. A file named twice is read once."""
    findings: list[Finding] = []
    failures: list[CheckError] = []
    summaries: list[LogSummary] = []
    runs: list[Log] = []
    described: list[str] = []
    for path in _once(systems):
        try:
            file = read_json(path)
        except OSError as error:
            failures.append(_unreadable(path, error))
            continue
        described.append(str(path))
        findings += registry.run("json", file) or registry.run("system", file)
    for path in _once(logs):
        try:
            log = read_log(path)
        except OSError as error:
            failures.append(_unreadable(path, error))
            continue
        findings += registry.run("log", log)
        summaries.append(summarise(log))
        if log.events:
            runs.append(condense(log))
    if runs:
        findings += registry.run("set", runs)
    return Report(tuple(findings), tuple(failures), tuple(summaries), tuple(described))


def _once(paths: Iterable[Path]) -> list[Path]:
    return list({os.path.realpath(path): path for path in reversed([*paths])}.values())[::-1]


def _unreadable(path: Path, error: OSError) -> CheckError:
    return CheckError(
        path,
        found=error.strerror or str(error),
        expected="a readable file",
        remedy="look at the file's permissions and at the disk",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 still shows everything
    try:
        status, answer = _answer(parser, options)
    except KeyboardInterrupt:
        return 130
    try:
        print(answer, end="", flush=True)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _answer(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[int, str]:
    """Exit status and output of a command line."""
    if options.explain:
        if (text := documentation.explain(options.explain)) is None:
            near = documentation.meant(options.explain)
            hint = f"did you mean {near}?" if near else "--list-rules shows them all"
            parser.error(f"no rule {options.explain!r}; {hint}")
        return 0, text
    if options.list_rules:
        return 0, documentation.LISTS[options.format]()
    if options.format == "markdown":
        parser.error("--format markdown is a form of --list-rules; a check is reported as text or json")
    if not options.paths:
        parser.error("name what to check, for example: python -m compliance.check logs/")
    report = check_paths(options.paths)
    if options.format == "json":
        return report.exit_code, json.dumps(
            to_json(report, options.severity), indent=2, allow_nan=False
        ) + "\n"
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return report.exit_code, to_text(report, options.severity, colour=colour)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m compliance.check",
        description="Check logs, system descriptions and submission trees against the Science rules.",
        epilog="Exit status: 0 no errors, 1 errors found, 2 something could not be checked.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a log, a folder with logs below it, a system description (.json), or a submission tree",
    )
    parser.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="form of the output"
    )
    parser.add_argument(
        "--severity",
        choices=SEVERITIES,
        default="note",
        help="list findings from this severity on (default: note); the exit status stays the same",
    )
    parser.add_argument("--list-rules", action="store_true", help="list every rule (text, json or markdown)")
    parser.add_argument("--explain", metavar="RULE", help="explain a rule")
    return parser


if __name__ == "__main__":
    sys.exit(main())
