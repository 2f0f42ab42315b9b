"""Paths -> a report: what each is, what the rules find in it, and what upstream says of the logs."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from compliance import registry
from compliance.finding import Finding
from compliance.registry import DISAGREEMENT
from compliance.reports.report import LogSummary, Report, merge, summarise
from compliance.rules import RULE_BY_ID, science_rules
from compliance.subjects.config import read_config
from compliance.subjects.discover import CheckError, Found, discover, tree_logs, tree_systems
from compliance.subjects.log import Log, condense
from compliance.subjects.parse import collector_paused, parse_log, read_log
from compliance.subjects.strict_json import read_json
from compliance.subjects.subjects import Tree
from compliance.wording import listing

Rules = Mapping[str, registry.Rule]

#: The path that means standard input, and what its log goes by.
STDIN, STDIN_NAME = "-", "<stdin>"


def check_paths(
    paths: Iterable[str | os.PathLike[str]], chosen: Rules | None = None, kind: str | None = None
) -> Report:
    """Check every path. What cannot be checked is a failure of the report, not an exception.

    Each submission tree is a set of runs of its own, alone or in a tar; all other logs together
    are one. ``chosen`` are the rules to apply: all of the Science profile where none are given;
    ``kind`` says what the paths are (`discover.KINDS`) where it is not what they look like.
    """
    chosen = science_rules() if chosen is None else chosen
    files = Found()
    reports: list[Report] = []
    for path in paths:
        if path == STDIN:
            files.logs.append(Path(STDIN))
            continue
        try:
            found = discover(Path(path), kind)
        except CheckError as error:
            reports.append(Report(failures=(error,)))
            continue
        files.logs.extend(found.logs)
        files.systems.extend(found.systems)
        files.configs.extend(found.configs)
        reports += [check_tree(tree, chosen) for tree in found.trees]
        reports += [check_archive(archive, chosen) for archive in found.archives]
    return merge([*reports, check_files(files, chosen)])


def check_tree(tree: Tree, chosen: Rules) -> Report:
    """Check a submission tree, its system descriptions, and its logs as one set."""
    findings = registry.run("tree", tree, chosen)
    of_tree = Report(findings=tuple(findings), trees=(str(tree.root),))
    files = Found(logs=tree_logs(tree), systems=tree_systems(tree))
    return merge([of_tree, check_files(files, chosen)])


def check_archive(path: Path, chosen: Rules) -> Report:
    """Check a tar; and if no rule was broken that makes it unsafe, what is in it.

    Findings inside name the member after the tar: ``bundle.tar.gz!/folder/result.txt``.
    """
    from compliance.subjects.archive import ArchiveDefect, read_archive, unpack

    try:
        archive = read_archive(path)
    except OSError as error:
        return Report(failures=(_unreadable(path, error),))
    findings = registry.run("tar", archive, chosen)
    of_archive = Report(findings=tuple(findings), archives=(str(path),))
    # Safe by all rules, whichever were chosen for the report.
    if any(finding.severity == "error" for finding in registry.run("tar", archive, science_rules())):
        return of_archive
    with TemporaryDirectory(prefix="compliance-") as folder:
        try:
            unpack(archive, Path(folder))
        except (ArchiveDefect, OSError) as error:
            failure = CheckError(
                path,
                found=getattr(error, "strerror", None) or str(error),
                expected="a tar that can be unpacked, and room for it",
                remedy=f"look at the space in {Path(folder).parent}",
            )
            return merge([of_archive, Report(failures=(failure,))])
        tops = [*Path(folder).iterdir()]
        inside = tops[0] if len(tops) == 1 and tops[0].is_dir() else Path(folder)
        return merge([of_archive, _renamed(check_paths([inside], chosen), folder, f"{path}!")])


def _renamed(report: Report, folder: str, name: str) -> Report:
    """The report with another name for a folder, wherever it stands."""

    def named(text: str) -> str:
        return text.replace(folder, name)

    return dataclasses.replace(
        report,
        findings=tuple(
            dataclasses.replace(
                each, path=named(each.path), found=named(each.found), expected=named(each.expected)
            )
            for each in report.findings
        ),
        failures=tuple(
            CheckError(named(each.where), found=named(each.found), expected=each.expected, remedy=each.remedy)
            for each in report.failures
        ),
        logs=tuple(dataclasses.replace(log, path=named(log.path)) for log in report.logs),
        systems=tuple(map(named, report.systems)),
        configs=tuple(map(named, report.configs)),
        trees=tuple(map(named, report.trees)),
    )


def check_files(files: Found, chosen: Rules) -> Report:
    """Check descriptions, logs one by one and as a set, and configurations with the logs beside them.

    A file named twice is read once.
    """
    findings: list[Finding] = []
    failures: list[CheckError] = []
    summaries: list[LogSummary] = []
    runs: list[Log] = []
    for path in (systems := _once(files.systems)):
        try:
            file = read_json(path)
        except OSError as error:
            failures.append(_unreadable(path, error))
            continue
        findings += registry.run("json", file, chosen) or registry.run("system", file, chosen)
    for path in _once(files.logs):
        with collector_paused():
            try:
                log = _read(path)
            except OSError as error:
                failures.append(_unreadable(path, error))
                continue
            findings += registry.run("log", log, chosen)
            summaries.append(summarise(log))
            if log.events:
                runs.append(condense(log))
            del log
    if runs:
        findings += registry.run("set", runs, chosen)
    for path in (configs := _once(files.configs)):
        try:
            config = read_config(path, [log for log in runs if Path(log.path).parent == path.parent])
        except OSError as error:
            failures.append(_unreadable(path, error))
            continue
        findings += registry.run("config", config, chosen)
    failed = {failure.where for failure in failures}
    return Report(
        tuple(findings),
        tuple(failures),
        tuple(summaries),
        systems=tuple(str(path) for path in systems if str(path) not in failed),
        configs=tuple(str(path) for path in configs if str(path) not in failed),
    )


def _read(path: Path) -> Log:
    return parse_log(sys.stdin.buffer, STDIN_NAME) if str(path) == STDIN else read_log(path)


def with_second_opinion(report: Report, chosen: Rules) -> Report:
    """The report with what upstream's checker says of its logs, and a finding where the two disagree."""
    from compliance.upstream.second_opinion import second_opinion

    opinions: Counter[str] = Counter()
    findings, failures = [*report.findings], [*report.failures]
    of_logs = (finding for finding in findings if RULE_BY_ID[finding.rule].scope == "log")
    faulty = {finding.path for finding in of_logs if finding.severity == "error"}
    for log in report.logs:
        try:
            opinion = second_opinion(Path(log.path), ours_passes=log.path not in faulty)
        except CheckError as error:
            failures.append(error)
            break
        except OSError:  # standard input, or a member of an archive
            opinions["not asked"] += 1
            continue
        opinions[opinion.verdict] += 1
        found = opinion.disagreement or listing(opinion.messages)
        if (opinion.disagreement or opinion.verdict == "crashed") and DISAGREEMENT.id in chosen:
            problem = registry.problem(found, path=log.path)
            findings.append(registry.finding_of(chosen[DISAGREEMENT.id], log, problem))
    return dataclasses.replace(
        report, findings=tuple(findings), failures=tuple(failures), opinions=dict(opinions)
    )


def _once(paths: Iterable[Path]) -> list[Path]:
    return list({os.path.realpath(path): path for path in reversed([*paths])}.values())[::-1]


def _unreadable(path: Path, error: OSError) -> CheckError:
    return CheckError(
        path,
        found=error.strerror or str(error),
        expected="a readable file",
        remedy="look at the file's permissions and at the disk",
    )
