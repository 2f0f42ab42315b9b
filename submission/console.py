"""The packager's output: steps, findings, and the summary at the end."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from benchmark.core.escaping import tell
from compliance.finding import Finding
from compliance.reports.report import Report, at_least
from compliance.wording import count
from submission.bundle.layout import BundleLayout
from submission.runs.runs import RunSet

STEPS = 6
#: Maximum number of errors printed one by one.
PRINTED = 20


class Refused(Exception):
    """A check found errors; they have been printed."""


def step(number: int, text: str) -> None:
    """Print that a step is done."""
    tell(f"[{number}/{STEPS}] {text}")


def judge(report: Report, what: str, root: Path | None = None, known: Collection[str] = ()) -> set[str]:
    """Print the findings of a check and refuse if there are errors; return the rules with warnings.

    Errors are printed one by one, warnings by rule, except for rules that are ``known`` from
    the logs. Raises Refused and CloudMaskError.
    """
    for failure in report.failures:
        raise failure
    findings = at_least("warning", report.findings)
    errors = [finding for finding in findings if finding.severity == "error"]
    for finding in errors[:PRINTED]:
        tell(
            f"error [{finding.rule}] {_place(finding, root)}: {finding.message}\n"
            f"  found:    {finding.found}\n"
            f"  expected: {finding.expected}\n"
            f"  remedy:   {finding.remedy}",
            error=True,
        )
    if len(errors) > PRINTED:
        print(f"and {len(errors) - PRINTED} more errors", file=sys.stderr)
    warnings: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity == "warning":
            warnings.setdefault(finding.rule, []).append(finding)
    for rule, (first, *others) in warnings.items():
        if rule not in known:
            more = f", and {len(others)} more" if others else ""
            tell(f"warning [{rule}] {_place(first, root)}{more}: {first.message}", error=True)
            tell(f"  found:    {first.found}", error=True)
    if errors:
        print(f"refused: {counts(report)} in {what}; nothing was packaged", file=sys.stderr)
        raise Refused
    return set(warnings)


def _place(finding: Finding, root: Path | None) -> str:
    """Return file and line of a finding; the file relative to the root of the tree."""
    path = finding.path.removeprefix(f"{root}/") if root else finding.path
    return f"{path}:{finding.line}" if finding.line else path


def counts(report: Report) -> str:
    """``2 errors, 1 warning``."""
    return ", ".join(count(report.counts[name], name) for name in ("error", "warning"))


def summary(layout: BundleLayout, runs: RunSet, output: Path, note: str) -> str:
    """Return a summary: the bundle, its scores, and what to do next."""
    rows = [f"  {'seed':>10}  {'test accuracy':>13}  {'epochs':>6}  {'seconds':>8}"]
    rows += [
        f"  {run.seed:>10}  {run.test_accuracy:>13.4f}  {run.result['epochs_run']:>6}"
        f"  {run.result['timing']['total_seconds']:>8.1f}"
        for run in runs.runs
    ]
    rows.append(f"  {'mean':>10}  {runs.mean:>13.4f}")
    archive = output / f"{layout.name.folder}.tar.gz"
    return "\n".join(
        (
            "",
            layout.outline(len(runs.runs)),
            "",
            *rows,
            "",
            f"{note}",
            f"Read {output / layout.name.folder / layout.contribution.relative_to(layout.root)}",
            f"Verify it anywhere: python -m submission.verify {archive}",
            *_next(layout, archive),
        )
    )


def _next(layout: BundleLayout, archive: Path) -> Iterator[str]:
    """Yield the last line: what to do with the bundle."""
    if layout.name.demonstration:
        yield "This is a demonstration on synthetic scenes, not a submission (docs/submission.md)."
    else:
        yield f"Send it: {archive} with its .sha256, as docs/submission.md says under 'Send it'."
