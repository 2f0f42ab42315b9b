"""Several bundles side by side: the tables of a summary page, in Markdown and in HTML.

    python -m submission.leaderboard dist/
    python -m submission.leaderboard one/bundle another/bundle.tar.gz --output site

All numbers are computed from the logs of bundles that `submission.verify` accepts; rejected bundles are
named with the reason. Exit status: 0 all bundles are listed, 1 some are not, 2 there are no bundles.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from urllib.parse import quote

from benchmark.core.errors import CloudMaskError, SubmissionError, memory_as_error
from benchmark.core.escaping import escape_markdown, markdown_table, tell
from benchmark.core.files import reason_of, write_text
from compliance.subjects.tree import is_bundle
from submission.bundle.archive import ARCHIVE_SUFFIX
from submission.bundle.reading import Bundle, find_tree, read_bundle, unpacked, with_name
from submission.documents.published import REFERENCE_METHOD
from submission.documents.templating import environment
from submission.runs.statistics import Spread, spread
from submission.system.description import short_description
from submission.verify.steps import verify

TEMPLATES = environment(Path(__file__).parent / "templates")

TITLE = "MLCommons Science CloudMask: submissions"
NAME = "leaderboard"
HEADINGS = (
    *("Submitter", "System", "Method", "Runs", "Accuracy, mean", "Best", "Spread"),
    *("Target", "Time (min)", "Epochs", "Energy (Wh)", "Folder"),
)
#: Columns of text; the others are numbers.
WORDS = frozenset(("Submitter", "System", "Method", "Folder"))
#: Scores on observed and on simulated scenes cannot be compared, so each kind has its own table.
KINDS = {
    "slstr": "Observed Sentinel-3 SLSTR scenes",
    "synthetic": "Synthetic scenes: a demonstration, no observation of clouds",
}
EXPLANATION = (
    "Accuracy is the share of the pixels of all inference scenes whose class is the label's. Best and "
    "spread (standard deviation of a sample) are over the runs of a submission; target is the number of "
    "runs that reach the quality target; time, from the start of the clock to its stop, and energy, of "
    "training and evaluation where the node let it be read, are means. The order is by mean accuracy, "
    "then by time."
)
UNDEFINED = "–"

JOULES_PER_WATT_HOUR = 3600


@dataclass(frozen=True)
class Entry:
    """A submission in the table; times in seconds, energy in joules or None if not measured."""

    submitter: str
    system: str
    method: str
    kind: str
    accuracy: Spread
    reached: int
    seconds: float
    epochs: tuple[int, int]
    energy: float | None
    path: Path


@dataclass(frozen=True)
class Broken:
    """A bundle that is not listed, and why."""

    path: Path
    reason: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with memory_as_error():
            entries, broken = read_bundles(find_bundles(options.bundles))
        options.output.mkdir(parents=True, exist_ok=True)
        for suffix, render in (("md", to_markdown), ("html", to_html)):
            path = options.output / f"{NAME}.{suffix}"
            write_text(path, render(entries, broken, options.output))
            tell(f"written: {path}")
    except CloudMaskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        tell(f"error: {error.filename or options.output}: {reason_of(error)}", error=True)
        return 2
    for each in broken:
        tell(f"not listed: {each.path}: {each.reason}", error=True)
    return 1 if broken else 0


def find_bundles(paths: Iterable[Path]) -> list[Path]:
    """Return the bundles among ``paths`` and those directly below the folders among them.

    Each is returned once: a folder and its archive are one bundle.
    Raises SubmissionError if a path contains none.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if is_bundle(path) or path.is_file():
            bundles = [path]
        else:
            bundles = sorted(child for child in path.glob("*") if child.is_dir() and is_bundle(child))
        if not bundles:
            raise SubmissionError(
                path,
                found="no bundle" if path.is_dir() else "not there",
                expected="a bundle, its .tar.gz, or a folder with bundles",
                remedy="make bundles with `python -m submission.package`",
            )
        for bundle in bundles:
            found.setdefault(os.path.realpath(bundle).removesuffix(ARCHIVE_SUFFIX), with_name(bundle))
    return list(found.values())


def read_bundles(paths: Sequence[Path]) -> tuple[list[Entry], list[Broken]]:
    """Return the entries in the order of the table, and the bundles that are not listed."""
    entries: list[Entry] = []
    broken: list[Broken] = []
    for number, path in enumerate(paths, start=1):
        tell(f"[{number}/{len(paths)}] {path}")
        try:
            entries.append(_read(path))
        except CloudMaskError as error:
            broken.append(Broken(path, f"{error.where}: {error.found}; expected: {error.expected}"))
    return sorted(entries, key=_order), broken


def _order(entry: Entry) -> tuple[object, ...]:
    return (-entry.accuracy.mean, entry.seconds, entry.submitter, entry.system, str(entry.path))


def _read(path: Path) -> Entry:
    """Read a bundle as an entry. Raises CloudMaskError if the verifier does not accept it."""
    report = verify(path, say=lambda step, text: None)
    for failure in report.failures:
        raise failure
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors:
        first, more = errors[0], f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise SubmissionError(
            f"[{first.rule}] {os.path.relpath(first.path, path.parent)}",
            found=f"{first.found}{more}",
            expected=first.expected,
            remedy=first.remedy,
        )
    with unpacked(path) as (root, name), read_bundle(find_tree(root, name)) as bundle:
        return _entry(bundle, path)


def _entry(bundle: Bundle, path: Path) -> Entry:
    runs = bundle.runs
    summaries = [run.summary for run in runs.runs]
    energies = [summary.energy for summary in summaries]
    epochs = [summary.epochs for summary in summaries]
    return Entry(
        submitter=runs.org,
        system=short_description(bundle.system),
        method=runs.shared("method") or REFERENCE_METHOD,
        kind="synthetic" if runs.synthetic else "slstr",
        accuracy=spread(runs.accuracies),
        reached=sum(run.test_accuracy >= run.result["quality_target"] for run in runs.runs),
        seconds=fmean(summary.seconds or 0.0 for summary in summaries),
        epochs=(min(epochs), max(epochs)),
        energy=fmean(each for each in energies if each is not None) if None not in energies else None,
        path=path,
    )


def cells(entry: Entry) -> tuple[str, ...]:
    """Return the entry's cells in the order of ``HEADINGS``; the last is the name of the linked folder."""
    score, (fewest, most) = entry.accuracy, entry.epochs
    return (
        entry.submitter,
        entry.system,
        entry.method,
        str(score.count),
        f"{score.mean:.4f}",
        f"{score.highest:.4f}",
        UNDEFINED if score.deviation is None else f"{score.deviation:.4f}",
        f"{entry.reached} of {score.count}",
        f"{entry.seconds / 60:.2f}",
        str(most) if fewest == most else f"{fewest} to {most}",
        UNDEFINED if entry.energy is None else f"{entry.energy / JOULES_PER_WATT_HOUR:.1f}",
        entry.path.name,
    )


def to_markdown(entries: Sequence[Entry], broken: Sequence[Broken], folder: Path) -> str:
    """Return the page in Markdown; links are relative to ``folder``. Text of a bundle is escaped."""
    blocks = [f"# {TITLE}", EXPLANATION]
    numbers = [heading for heading in HEADINGS if heading not in WORDS]
    for title, listed in _tables(entries):
        rows = []
        for entry in listed:
            *texts, name = map(escape_markdown, cells(entry))
            rows.append([*texts, f"[{name}]({_link(entry.path, folder)})"])
        blocks += [f"## {title}", markdown_table(HEADINGS, rows, right=numbers, escape=str)]
    if broken:
        items = (f"- {escape_markdown(each.path.name)}: {escape_markdown(each.reason)}" for each in broken)
        blocks += ["## Not listed", "\n".join(items)]
    return "\n\n".join(blocks) + "\n"


def to_html(entries: Sequence[Entry], broken: Sequence[Broken], folder: Path) -> str:
    """Return the page as one self-contained HTML file; links are relative to ``folder``."""
    tables = [
        (title, [(cells(entry), _link(entry.path, folder)) for entry in listed])
        for title, listed in _tables(entries)
    ]
    page = TEMPLATES.get_template(f"{NAME}.html")
    return page.render(
        title=TITLE, explanation=EXPLANATION, headings=HEADINGS, words=WORDS, tables=tables, broken=broken
    )


def _tables(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """Yield title and entries for each kind of scenes with entries."""
    for kind, title in KINDS.items():
        if listed := [entry for entry in entries if entry.kind == kind]:
            yield title, listed


def _link(path: Path, folder: Path) -> str:
    """Return a bundle's address relative to ``folder``, quoted: parentheses would end a Markdown link."""
    return quote(os.path.relpath(path, folder), safe="/")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m submission.leaderboard",
        description="Write tables over several bundles, as Markdown and as HTML.",
        epilog="Exit status: 0 all bundles are listed, 1 some are not, 2 there are no bundles.",
    )
    parser.add_argument(
        "bundles", type=Path, nargs="+", metavar="DIR", help="a bundle, its .tar.gz, or a folder with bundles"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        default=Path("dist"),
        help="folder of the two files (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
