"""The steps of a verification: hashes and rules, seals, recomputation, scores and runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from benchmark.core.escaping import tell
from benchmark.core.files import sha256_of
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.registry import OWN
from compliance.reports.report import Report, merge
from compliance.wording import count, listing
from submission.bundle.archive import ARCHIVE_SUFFIX, masks_path, signature_path, signed_by
from submission.bundle.layout import MANIFEST
from submission.bundle.reading import Bundle, find_tree, no_bundle, read_bundle, unpacked, with_name
from submission.console import counts
from submission.figures.drawing import Draw, drawing

#: Stands for the scores of all runs.
ALL = "all"

#: Maximum number of figures that a line names.
SHOWN = 3

#: Called with a finished step and its outcome.
Say = Callable[[str, str], None]


def in_a_line(step: str, text: str) -> None:
    """Print a step in one line."""
    tell(f"{step + ':':17} {text}")


@dataclass(frozen=True)
class Repeat:
    """What to repeat from a bundle: the scores of a seed or of ``ALL``, and the run of a seed."""

    scores: int | str | None = None
    #: The same, counted from the masks next to the bundle.
    counts: int | str | None = None
    run: int | None = None
    #: The seed of a run to repeat with the bundle's own code.
    bundled: int | None = None
    #: Folder with the scenes, if they are available.
    data: Path | None = None

    @property
    def asked(self) -> bool:
        """Whether anything should be repeated."""
        return (self.scores, self.counts, self.run, self.bundled) != (None, None, None, None)


def verify(
    path: Path, repeat: Repeat | None = None, *, signers: Path | None = None, say: Say = in_a_line
) -> Report:
    """Return the checker's findings in the bundle at ``path``, and those of the verification.

    Reports each finished step. Repeats runs and scores only if there are no errors before.
    Raises CloudMaskError if the path is not a bundle.
    """
    with drawing() as draw:
        return _verify(with_name(path), repeat or Repeat(), signers, say, draw)


def _verify(path: Path, repeat: Repeat, signers: Path | None, say: Say, draw: Draw) -> Report:
    # late: --help starts without the packages that compute
    from submission.verify.recompute import compare_documents

    # ---- 1. every hash and every rule
    report = check_paths([path])
    if report.exit_code == 0 and not report.trees:
        raise no_bundle(path, "no submission tree")
    if report.failures:
        return report
    say("hashes and rules", counts(report))
    if not report.trees:
        return report

    with unpacked(path) as (root, name):
        # ---- 2. the seals next to the bundle
        found = [*_archive_hash(path, say), *_signature(path, root, signers, say)]

        # ---- 3. every number, text and figure
        try:
            with read_bundle(find_tree(root, name)) as bundle:
                comparison = compare_documents(bundle, draw)
                say("computed again", f"{count(comparison.same, 'file')} as the runs give them")
                for reason, names in comparison.by_reason().items():
                    say("not compared", f"{listing(names, most=SHOWN)}: {reason}")
                found += comparison.findings

                # ---- 4. scores and runs
                masks = masks_path(path.with_name(path.name.removesuffix(ARCHIVE_SUFFIX)))
                found += _masks_hash(masks, bundle.provenance.masks_sha256, say)
                if repeat.asked and any(each.severity == "error" for each in (*report.findings, *found)):
                    say("not repeated", "what was found comes first")
                elif repeat.asked:
                    try:
                        for step, said, differing in _repeated(bundle, repeat, masks):
                            say(step, said)
                            found += differing
                    except CloudMaskError as error:  # about scenes or a program, not about the bundle
                        return merge([report, Report(tuple(found), (error,))])
        except CloudMaskError as error:
            found.append(_unreadable(error))
    return merge([report, Report(tuple(found))])


def _masks_hash(masks: Path, stated: str, say: Say) -> Iterator[Finding]:
    """Check that the archive of the masks next to the bundle is the one that bundle.json names."""
    if not masks.is_file():
        if stated:
            say("masks", f"not here: {masks.name} of sha256 {stated}")
        return
    if (found := sha256_of(masks)) != stated:
        message = "The masks next to the bundle must be those that it was packaged with."
        yield _seal(masks, message, found=found, expected=stated or "no masks: the bundle names none")
    else:
        say("masks", f"sha256 {found} as in bundle.json")


def _counted(bundle: Bundle, repeat: Repeat, masks: Path) -> Iterator[tuple[str, list[Finding]]]:
    """Recount the masks of runs; yield a line and the findings for each. Raises CloudMaskError."""
    from submission.verify.rescore import recount
    from submission.verify.work import RepeatError

    if not masks.is_file():
        raise RepeatError(
            masks,
            found="not there",
            expected="the masks of the bundle's runs",
            remedy="ask the submitter for them, or score again from the weights: --rescore",
        )
    with unpacked(masks) as (folder, _):
        yield from recount(bundle, folder, _seed_of(repeat.counts), repeat.data)


def _seed_of(chosen: int | str | None) -> int | None:
    """Return the chosen seed, None for all."""
    return None if chosen in (None, ALL) else int(chosen)


def _repeated(bundle: Bundle, repeat: Repeat, masks: Path) -> Iterator[tuple[str, str, list[Finding]]]:
    """Repeat what was requested; yield the step, its outcome, and the findings."""
    # late: --help starts without them
    from submission.verify.rerun import rerun, rerun_bundled
    from submission.verify.rescore import rescore

    if repeat.scores is not None:
        for said, found in rescore(bundle, _seed_of(repeat.scores), repeat.data):
            yield "scored again", said, found
    if repeat.counts is not None:
        for said, found in _counted(bundle, repeat, masks):
            yield "counted again", said, found
    if repeat.run is not None:
        said, found = rerun(bundle, repeat.run, data=repeat.data)
        yield "repeated", f"the run of seed {repeat.run}, compared {said}", found
    if repeat.bundled is not None:
        said, found = rerun_bundled(bundle, repeat.bundled)
        yield "repeated", f"the run of seed {repeat.bundled}, compared {said}", found


def _archive_hash(path: Path, say: Say) -> Iterator[Finding]:
    """Check the archive against the sha256 next to it, if there is one."""
    stated = path.with_name(f"{path.name}.sha256")
    if not path.is_file() or not stated.is_file():
        return
    expected = stated.read_text(encoding="utf-8", errors="replace").partition(" ")[0].strip()
    if (found := sha256_of(path)) != expected:
        message = "The archive is not the one that was published."
        yield _seal(path, message, found=found, expected=f"{expected} as in {stated.name}")
    else:
        say("archive", f"sha256 {found} as in {stated.name}")


def _signature(path: Path, root: Path, signers: Path | None, say: Say) -> Iterator[Finding]:
    """Check the manifest against the signature next to the bundle, if there is one."""
    signature = signature_path(path.with_name(path.name.removesuffix(ARCHIVE_SUFFIX)))
    message = "The manifest is not signed by the expected signer."
    if not signature.is_file():
        if signers is not None:
            expected = f"a signature by one of {signers.name}"
            yield _seal(signature, message, found="no signature", expected=expected)
        return
    try:
        who = signed_by(root / MANIFEST, signature, signers)
    except CloudMaskError as error:
        yield _seal(signature, message, found=error.found, expected=error.expected)
    else:
        say("signed", f"by {who}")


def _seal(path: Path, message: str, *, found: str, expected: str) -> Finding:
    remedy = "ask the submitter for the bundle, its .sha256 and its signature again"
    return _finding("verify-seal", path, message, found, expected, remedy)


def _unreadable(error: CloudMaskError) -> Finding:
    message = "What the bundle says cannot be computed again."
    return _finding(
        "verify-recomputed", Path(error.where), message, error.found, error.expected, error.remedy
    )


def _finding(rule: str, path: Path, message: str, found: str, expected: str, remedy: str) -> Finding:
    return Finding(rule, "error", str(path), None, "house", message, expected, found, remedy, OWN)
