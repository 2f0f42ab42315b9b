"""Make system descriptions on a node, check them, and show them.

    python -m submission.system detect --org "New York University" --name lab-node > lab-node.json
    python -m submission.system validate lab-node.json greene-v100 --logs logs/
    python -m submission.system show greene-v100

Exit status: 0 no errors, 1 errors found, 2 the command failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.core.errors import CloudMaskError, SubmissionError
from benchmark.core.escaping import tell
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.reports.report import Report, merge, to_json
from compliance.reports.text import to_text
from compliance.subjects.discover import discover
from compliance.subjects.strict_json import read_json
from compliance.subjects.system import FIELDS, STATUS_WORDS, Contradiction, contradictions
from compliance.wording import count
from submission.bundle.layout import directory_name
from submission.runs.files import read_measured
from submission.runs.runs import no_run
from submission.system.description import (
    DEFAULT_SITE,
    SYSTEMS,
    UNSEEN,
    describe_measured,
    known_systems,
    read_site,
    short_description,
)

#: Beginning of a site file's answer about a network that no run used.
UNUSED = "none used"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.action(options)
    except CloudMaskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return status


def detect(options: argparse.Namespace) -> int:
    """Print this node's description as JSON; list unanswered fields on standard error."""
    description = describe_node(
        read_site(options.site), org=options.org, status=options.status, name=options.name
    )
    print(json.dumps(description, indent=2, ensure_ascii=False))
    print(f"The rules want this in a file {description['system_name']}.json.", file=sys.stderr)
    open_fields = [field for field, answer in description.items() if answer == UNSEEN]
    if open_fields:
        print(
            f"{len(open_fields)} fields are {UNSEEN!r}: {', '.join(open_fields)}.\n"
            f"Answer them in a copy of {DEFAULT_SITE.name} and give it with --site FILE.",
            file=sys.stderr,
        )
    return 0


def describe_node(site: Mapping[str, str], *, org: str, status: str, name: str | None) -> dict[str, str]:
    """Return the description of this node: measured if possible, otherwise as the site file says.

    ``site`` are the answers of a site file. If an answer says that nothing can be seen, the node is
    asked; if it says that no run used the network, the node's answer is put before it.
    """
    from benchmark.record.system_facts import platform_name
    from benchmark.record.system_info import gpus, system_facts
    from submission.system.detect import node_answers

    facts = system_facts(gpus())
    answers = dict(site)
    for field, answer in node_answers().items():
        said = site.get(field, UNSEEN)
        if said == UNSEEN:
            answers[field] = answer
        elif said.startswith(UNUSED):
            answers[field] = f"{answer}; {said}"
    named = directory_name(name or platform_name(facts)).lower()
    return describe_measured([facts], answers, name=named, org=org, status=status)


def validate(options: argparse.Namespace) -> int:
    """Check descriptions against the rules and the runs below ``--logs``; print the findings."""
    paths = [find_description(each) for each in options.descriptions]
    report = check_paths(paths, kind="system")
    if options.logs:
        measured = measurements(options.logs)
        against = [finding for path in paths for finding in contradicted(path, measured)]
        report = merge([report, Report(tuple(against))])
        if not options.json:
            print(f"compared with {count(len(measured), 'run')}")
    if options.json:
        print(json.dumps(to_json(report, "warning"), indent=2, allow_nan=False))
    else:
        print(to_text(report, "warning"), end="")
    return report.exit_code


def measurements(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the measurements of each run below the paths, by the path of its system.json.

    Raises CloudMaskError if there is no run, or if a run's measurements cannot be read.
    """
    found = {}
    for path in paths:
        for log in discover(path).logs:
            system = log.with_name("system.json")
            found[str(system)] = read_measured(system)
    if not found:
        raise no_run(paths, remedy="name the runs that the description is for")
    return found


def contradicted(path: Path, measured: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for each field and measured value in which description and runs disagree."""
    claimed = read_json(path).data
    found: dict[Contradiction, list[str]] = {}
    for run, facts in measured.items():
        for each in contradictions(claimed if isinstance(claimed, dict) else {}, facts):
            found.setdefault(each, []).append(run)
    return [
        Finding(
            rule="system-agrees",
            severity="error",
            path=str(path),
            line=None,
            clause="G 'system_desc_id.json metadata'",
            message="A system description must not contradict what the runs measured.",
            expected=f"{each.measured}, as in {', '.join(runs)}",
            found=f"{each.field}: {each.claimed}",
            remedy="describe the system that ran, or run on the system that is described",
        )
        for each, runs in found.items()
    ]


def show(options: argparse.Namespace) -> int:
    """Print a description as a table, or one line for each known description."""
    if options.description is None:
        for name in known_systems():
            print(short_description(json.loads((SYSTEMS / f"{name}.json").read_text(encoding="utf-8"))))
        return 0
    fields = read_json(find_description(options.description)).data
    if not isinstance(fields, dict):
        raise SubmissionError(
            options.description,
            found="no JSON object",
            expected="a system description",
            remedy="see what is wrong with it: python -m submission.system validate",
        )
    width = max(map(len, FIELDS))
    for field in FIELDS:
        tell(f"{field:{width}}  {fields.get(field, '(missing)')}")
    return 0


def find_description(name: str) -> Path:
    """Return a file, or the description in ``submission/system/systems/``. Raises SubmissionError."""
    if name in known_systems():
        return SYSTEMS / f"{name}.json"
    if Path(name).is_file():
        return Path(name)
    raise SubmissionError(
        name,
        found="neither a file nor a known system",
        expected=f"a file, or one of: {', '.join(known_systems())}",
        remedy="make one on its node: python -m submission.system detect",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m submission.system",
        description="Make, check and show system descriptions.",
        epilog="Exit status: 0 no errors, 1 errors found, 2 it could not do its work.",
    )
    actions = parser.add_subparsers(required=True, metavar="detect|validate|show")
    add = actions.add_parser("detect", help="describe this node, as JSON on standard output")
    add.add_argument("--org", required=True, metavar="ORG", help="the submitter")
    add.add_argument("--name", metavar="NAME", help="name of the system (default: made of what it has)")
    add.add_argument("--status", choices=STATUS_WORDS, default="onprem", help="default: %(default)s")
    add.add_argument(
        "--site",
        type=Path,
        metavar="FILE",
        default=DEFAULT_SITE,
        help=f"answers to what cannot be measured (default: submission/system/sites/{DEFAULT_SITE.name})",
    )
    add.set_defaults(action=detect)
    add = actions.add_parser("validate", help="check descriptions by the rules, and against runs")
    add.add_argument("descriptions", nargs="+", metavar="NAME|FILE", help="a known system, or a file")
    add.add_argument(
        "--logs", type=Path, nargs="+", default=[], metavar="PATH", help="runs that must not contradict them"
    )
    add.add_argument("--json", action="store_true", help="print the report as one JSON object")
    add.set_defaults(action=validate)
    add = actions.add_parser("show", help="show a description, or list the known ones")
    add.add_argument("description", nargs="?", metavar="NAME|FILE", help="a known system, or a file")
    add.set_defaults(action=show)
    return parser


if __name__ == "__main__":
    sys.exit(main())
