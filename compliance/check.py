"""Check logs, system descriptions and submission trees against the MLCommons Science rules.

    python -m compliance.check logs/

Exit status: 0 no errors (there may be warnings), 1 errors found, 2 something could
not be checked. Never executes anything that a log or a tree contains, and follows no links in it.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.core.collector import spare_exit
from benchmark.core.errors import CloudMaskError
from compliance.checker import STDIN, RuleSets, check_paths, rules_for, with_second_opinion
from compliance.finding import SEVERITIES, Finding, Severity
from compliance.follow import follow
from compliance.registry import judges
from compliance.reports import coverage, documentation
from compliance.reports.annotations import to_annotations
from compliance.reports.junit import to_junit
from compliance.reports.markdown_report import to_markdown
from compliance.reports.report import Report, to_json
from compliance.reports.sarif import to_sarif
from compliance.reports.text import finding_text, painted, to_text, unpainted
from compliance.rules.profiles import PROFILES, profile_of
from compliance.selection import MORE_RULES, SETTINGS, Selection, SettingsError, read_settings
from compliance.subjects.discover import KINDS
from compliance.wording import listing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    spare_exit()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 still shows everything
    try:
        status, answer = _answer(parser, options)
    except CloudMaskError as error:
        print(error, file=sys.stderr)  # in every format: a report would imply that something was checked
        return 2
    except KeyboardInterrupt:
        return 130
    try:
        print(answer, end="", flush=True)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _answer(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[int, str]:
    """Return exit status and output of a command line. Raises CloudMaskError if nothing can be checked."""
    if options.explain:
        if (text := documentation.explain(options.explain)) is None:
            near = documentation.meant(options.explain)
            hint = f"did you mean {near}?" if near else "--list-rules shows them all"
            parser.error(f"no rule {options.explain!r}; {hint}")
        return 0, text
    for asked, what, forms in (
        (options.list_rules, "rules", documentation.LISTS),
        (options.list_clauses, "clauses", coverage.LISTS),
    ):
        if asked and options.format not in forms:
            parser.error(f"{what} are listed as {listing(forms, last='or')}")
        if asked:
            return 0, forms[options.format]()
    if not options.paths:
        parser.error("name what to check, for example: python -m compliance.check logs/")
    shown: set[Finding] = set()
    selection = _selection(options)
    chosen = selection.rule_sets()
    if (options.follow or options.second_opinion) and not any(
        judges(each, "log") for each in chosen.values()
    ):
        raise SettingsError(
            "--follow" if options.follow else "--second-opinion",
            found="no rule on logs is left to apply",
            expected="at least one rule on logs",
            remedy=MORE_RULES,
        )
    if options.follow:
        shown = _follow(parser, options, chosen)
    report = check_paths(options.paths, chosen, options.kind)
    if options.second_opinion:
        report = with_second_opinion(report, chosen)
    report = dataclasses.replace(report, left_out=selection.left_out(), strict=options.strict)
    if options.follow:
        return report.exit_code, to_text(report, options.severity, colour=_is_coloured(), shown=shown)
    if options.quiet and report.exit_code == 0:
        return 0, ""
    return report.exit_code, _FORMS[options.format](report, options.severity)


def _selection(options: argparse.Namespace) -> Selection:
    """Combine the site's settings with those of the command line."""
    path = options.settings or Path(SETTINGS)
    site = read_settings(path) if options.settings or path.exists() else Selection()
    return Selection(
        options.profile or site.profile,
        tuple(options.select) or site.select,
        (*site.ignore, *options.ignore),
        site.severities,
    )


def _follow(parser: argparse.ArgumentParser, options: argparse.Namespace, chosen: RuleSets) -> set[Finding]:
    """Show findings as the log grows; return them once the run has stopped."""
    if len(options.paths) != 1 or options.format != "text" or options.paths == [STDIN]:
        parser.error("--follow takes one log and shows text")
    shown = SEVERITIES[: SEVERITIES.index(options.severity) + 1]

    def show(finding: Finding) -> None:
        if finding.severity in shown:
            print(finding_text(finding, painted if _is_coloured() else unpainted), flush=True)

    return follow(Path(options.paths[0]), lambda log: rules_for(profile_of(log), chosen, log.path), show)


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _json(value: object) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


#: The report's writers by command-line format.
_FORMS: dict[str, Callable[[Report, Severity], str]] = {
    "text": lambda report, severity: to_text(report, severity, colour=_is_coloured()),
    "json": lambda report, severity: _json(to_json(report, severity)),
    "sarif": lambda report, severity: _json(to_sarif(report, severity)),
    "junit": to_junit,
    "markdown": to_markdown,
    "github": to_annotations,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m compliance.check",
        description="Check logs, system descriptions and submission trees against the Science rules.",
        epilog="Exit status: 0 no errors, 1 errors found (--strict: or warnings), 2 not everything could be "
        "checked.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a log, a folder with logs below it, a system description (.json), a configuration (.yaml), "
        "a submission tree or its tar; - reads a log from standard input",
    )
    parser.add_argument(
        "--kind", choices=KINDS, help="what the paths are, where it is not what they look like"
    )
    parser.add_argument("--format", choices=_FORMS, default="text", help="form of the output")
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="the same as --format json"
    )
    parser.add_argument("--quiet", action="store_true", help="print a report only where the check fails")
    parser.add_argument(
        "--severity",
        choices=SEVERITIES,
        default="note",
        help="list findings from this severity on (default: note); the exit status stays the same",
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help=f"judge by this profile: {listing(PROFILES, last='or')} (default: the one that fits each log)",
    )
    parser.add_argument("--strict", action="store_true", help="fail on warnings, too")
    parser.add_argument(
        "--select", metavar="RULE", action="append", default=[], help="apply these rules only (also time-*)"
    )
    parser.add_argument(
        "--ignore", metavar="RULE", action="append", default=[], help="do not apply these rules (also time-*)"
    )
    parser.add_argument(
        "--settings", metavar="FILE", type=Path, help=f"a site's settings (default: {SETTINGS} where it is)"
    )
    parser.add_argument(
        "--follow", action="store_true", help="check the log of a running job as it grows, until it ends"
    )
    parser.add_argument(
        "--second-opinion", action="store_true", help="ask upstream's checker too; say where it disagrees"
    )
    parser.add_argument("--list-rules", action="store_true", help="list every rule (text, json or markdown)")
    parser.add_argument(
        "--list-clauses",
        action="store_true",
        help="list every clause with its rules (likewise)",
    )
    parser.add_argument("--explain", metavar="RULE", help="explain a rule")
    return parser


if __name__ == "__main__":
    sys.exit(main())
