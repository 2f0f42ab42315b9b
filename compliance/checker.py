"""Turn paths into a report: identify each, apply the rules, and ask upstream about the logs."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmark.core.collector import collector_paused
from compliance import registry
from compliance.finding import Finding
from compliance.registry import DISAGREEMENT, OWN
from compliance.reports.report import LogSummary, Report, merge, summarise
from compliance.rules import ONLY_OURS, RULE_BY_ID, own_rules
from compliance.rules.profiles import SCIENCE, profile_of, profile_of_tree
from compliance.subjects.config import read_config
from compliance.subjects.discover import Found, discover, is_tree
from compliance.subjects.evidence.bundled import BundledEvidence
from compliance.subjects.evidence.evidence import LOG, Evidence, evidence_of
from compliance.subjects.folders import CheckError, Shown
from compliance.subjects.log import Log, condense
from compliance.subjects.parse import LogReader, parse_log, read_log
from compliance.subjects.strict_json import read_json
from compliance.subjects.tree import SubmissionTree
from compliance.subjects.trees.archive import ArchiveDefect, read_archive, unpack
from compliance.upstream.second_opinion import second_opinion
from compliance.wording import listing

Rules = Mapping[str, registry.Rule]
#: Rules by profile. A single profile judges everything; of several, the one that fits judges each log
#: and each tree.
RuleSets = Mapping[str, Rules]

#: The path that means standard input, and the name of its log.
STDIN, STDIN_NAME = "-", "<stdin>"


def check_paths(
    paths: Iterable[str | os.PathLike[str]],
    chosen: RuleSets | None = None,
    kind: str | None = None,
    read: LogReader = read_log,
) -> Report:
    """Check every path. A path that cannot be checked is a failure in the report, not an exception.

    Each submission tree, alone or in a tar, is a separate set of runs; all other logs together are one.
    ``chosen`` are the rules to apply, by default those of our own profile; ``kind`` says what the paths are
    (`discover.KINDS`) if they look like something else; ``read`` reads logs.
    Raises ValueError if the chosen rules judge nothing.
    """
    chosen = {OWN: own_rules()} if chosen is None else chosen
    for rules in chosen.values() or [{}]:
        registry.demand_rules(rules)
    with collector_paused():
        return _check_paths(paths, chosen, kind, read)


def _check_paths(
    paths: Iterable[str | os.PathLike[str]], chosen: RuleSets, kind: str | None, read: LogReader
) -> Report:
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
    return merge([*reports, check_files(files, chosen, read=read)])


def check_tree(tree: SubmissionTree, chosen: RuleSets) -> Report:
    """Check a submission tree, its system descriptions, and its logs as one set.

    Our own profile judges everything in a bundle of ours.
    """
    profile = profile_of_tree(tree)
    rules = rules_for(profile, chosen, tree.name)
    if profile == OWN:
        chosen = {OWN: rules}
    findings = registry.run("tree", tree, rules)
    of_tree = Report(findings=tuple(findings), trees=(tree.name,))
    files = Found(
        logs=[tree.root / name for name in tree.distinct_logs],
        systems=[tree.root / name for name in tree.systems],
    )

    def shown(path: Path) -> str:
        return tree.shown(path.relative_to(tree.root))

    kept = BundledEvidence(tree)

    def evidence(path: Path, log: Log) -> Evidence | None:
        return kept.of(path.relative_to(tree.root).as_posix(), log)

    return merge([of_tree, check_files(files, chosen, shown, tree.read_log, evidence)])


def check_archive(path: Path, chosen: RuleSets) -> Report:
    """Check a tar and, if it breaks no rule that makes it unsafe, its content.

    Findings in the content name the member after the tar: ``bundle.tar.gz!/folder/result.txt``.
    """
    try:
        archive = read_archive(path)
    except OSError as error:
        return Report(failures=(_unreadable(str(path), error),))
    # Apply all rules, not only those chosen for the report.
    judged = registry.run("tar", archive, own_rules())
    rules = chosen[OWN] if OWN in chosen else next(iter(chosen.values()))
    findings = (
        dataclasses.replace(finding, severity=rules[finding.rule].severity)
        for finding in judged
        if finding.rule in rules
    )
    of_archive = Report(findings=tuple(findings), archives=(str(path),))
    if any(finding.severity == "error" for finding in judged):
        return of_archive
    with TemporaryDirectory(prefix="compliance-") as folder:
        try:
            unpack(archive, Path(folder))
        except ArchiveDefect as error:
            failure = CheckError(
                path,
                found=str(error),
                expected="a tar that can be unpacked, and room for it",
                remedy=f"look at the space in {Path(folder).parent}",
            )
            return merge([of_archive, Report(failures=(failure,))])
        tops = [*Path(folder).iterdir()]
        alone = len(tops) == 1 and tops[0].is_dir() and not is_tree(Path(folder))
        inside = tops[0] if alone else Path(folder)

        def shown(file: Path) -> str:
            return str(PurePath(f"{path}!", file.relative_to(folder)))

        try:
            found = discover(inside, shown=shown)
        except CheckError as error:
            return merge([of_archive, Report(failures=(error,))])
        trees = [check_tree(tree, chosen) for tree in found.trees]
        return merge([of_archive, *trees, check_files(found, chosen, shown)])


#: For MANY or more logs, each of at most SMALL_BYTES, several processes judge PART logs at a time.
MANY, SMALL_BYTES, PART = 100, 1_000_000, 25


class _Judged(NamedTuple):
    """The outcome for a log: why it could not be judged, or its findings and what set rules need."""

    failure: CheckError | None
    findings: Sequence[Finding] = ()
    summary: LogSummary | None = None
    log: Log | None = None


def _judged_all(paths: list[Path], judged: Callable[[Path], _Judged], may_fork: bool) -> Iterator[_Judged]:
    """Yield the outcome for each log, in order. Only one large log is in memory at a time."""
    if not may_fork or len(paths) < MANY or not all(map(_is_small, paths)):
        yield from map(judged, paths)
        return
    # imported late: most checks fork nothing
    from benchmark.core.processes import forked

    parts = (paths[start : start + PART] for start in range(0, len(paths), PART))
    for part in forked([partial(lambda part: [*map(judged, part)], part) for part in parts]):
        yield from part


def _is_small(path: Path) -> bool:
    try:
        return path.stat().st_size <= SMALL_BYTES
    except OSError:
        return False


#: Finds the evidence next to a log file; returns None if there is none.
FindsEvidence = Callable[[Path, Log], Evidence | None]


def evidence_next_to(path: Path, log: Log) -> Evidence | None:
    """Return the evidence in a log's run folder; None if the file is not named like a run's log."""
    if path.name != LOG:
        return None
    return evidence_of(log, path.parent, str(PurePath(log.path).parent))


def check_files(
    files: Found,
    chosen: RuleSets,
    shown: Shown = str,
    read: LogReader = read_log,
    evidence: FindsEvidence = evidence_next_to,
) -> Report:
    """Check logs one by one with their evidence and as sets, then descriptions and configurations.

    The logs of a profile form a set. The logs' profile judges the descriptions if there is only one, else
    that of Science; our own judges configurations. A file named twice is read once. ``shown`` names files
    for the report, ``evidence`` finds what a run of ours left besides its log.
    """
    findings: list[Finding] = []
    failures: list[CheckError] = []
    summaries: list[LogSummary] = []
    runs: dict[str, list[Log]] = {}

    def judged(path: Path) -> _Judged:
        try:
            log = parse_log(sys.stdin.buffer, STDIN_NAME) if str(path) == STDIN else read(path, shown(path))
            rules = rules_for(profile_of(log), chosen, log.path)
        except (OSError, CheckError) as error:
            return _Judged(error if isinstance(error, CheckError) else _unreadable(shown(path), error))
        of_log = registry.run("log", log, rules)
        profile = next(iter(rules.values())).profile
        if profile == OWN and (found := evidence(path, log)) is not None:
            of_log += registry.run("folder", found, rules)
        return _Judged(None, of_log, summarise(log, profile), condense(log) if log.events else None)

    # a caller's own reader may keep data about a log, which must stay in this process
    for each in _judged_all(_once(files.logs), judged, may_fork=read is read_log):
        if each.summary is None:
            failures += filter(None, [each.failure])
            continue
        findings += each.findings
        summaries.append(each.summary)
        if each.log is not None:
            runs.setdefault(each.summary.profile, []).append(each.log)
    for profile, of_profile in runs.items():
        findings += registry.run("set", of_profile, rules_for(profile, chosen))
    systems, configs = _once(files.systems), _once(files.configs)
    for path in systems:
        try:
            file = read_json(path, shown(path))
            rules = rules_for(next(iter(runs)) if len(runs) == 1 else SCIENCE, chosen, file.path)
        except (OSError, CheckError) as error:
            failures.append(error if isinstance(error, CheckError) else _unreadable(shown(path), error))
            continue
        findings += registry.run("json", file, rules) or registry.run("system", file, rules)
    for path in configs if OWN in chosen or len(chosen) == 1 else ():
        try:
            folder = PurePath(shown(path)).parent
            logs = [log for log in chain(*runs.values()) if PurePath(log.path).parent == folder]
            config = read_config(path, logs, shown(path))
        except OSError as error:
            failures.append(_unreadable(shown(path), error))
            continue
        findings += registry.run("config", config, rules_for(OWN, chosen))
    failed = {failure.where for failure in failures}
    return Report(
        tuple(findings),
        tuple(failures),
        tuple(summaries),
        systems=tuple(name for name in map(shown, systems) if name not in failed),
        configs=tuple(name for name in map(shown, configs) if name not in failed),
    )


def rules_for(profile: str, chosen: RuleSets, where: object = "rules") -> Rules:
    """Return the rules of a profile, or those of the only profile if just one was asked for.

    Raises CheckError if no rule of the profile was chosen.
    """
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    if profile not in chosen:
        raise CheckError(
            where,
            found=f"no rule of profile {profile}, which fits it, was chosen",
            expected=f"rules of {listing(chosen, last='or')} to fit, or a profile for all",
            remedy="name the profile with --profile, or select rules of this one too",
        )
    return chosen[profile]


def with_second_opinion(report: Report, chosen: RuleSets) -> Report:
    """Return the report with upstream's verdicts on its logs, and a finding where the checkers disagree.

    Raises ValueError if the chosen rules judge no log: there would be nothing to compare.
    """
    for rules in chosen.values() or [{}]:
        registry.demand_rules(rules, "log")
    opinions: Counter[str] = Counter()
    findings, failures = [*report.findings], [*report.failures]
    asked = {rule.id for rule in RULE_BY_ID.values() if rule.scope == "log"} - ONLY_OURS
    of_logs = (finding for finding in findings if finding.rule in asked)
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
        rule = chosen.get(log.profile, {}).get(DISAGREEMENT.id)
        if (opinion.disagreement or opinion.verdict == "crashed") and rule:
            problem = registry.problem(found, path=log.path)
            findings.append(registry.finding_of(rule, log, problem))
    return dataclasses.replace(
        report, findings=tuple(findings), failures=tuple(failures), opinions=dict(opinions)
    )


def _once(paths: Iterable[Path]) -> list[Path]:
    return list({os.path.realpath(path): path for path in reversed([*paths])}.values())[::-1]


def _unreadable(name: str, error: OSError) -> CheckError:
    return CheckError(
        name,
        found=error.strerror or str(error),
        expected="a readable file",
        remedy="look at the file's permissions and at the disk",
    )
