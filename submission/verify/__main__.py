"""Is a bundle what it says? Its hashes, its rules, its numbers, and if asked one of its runs.

    python -m submission.verify dist/BUNDLE.tar.gz
    python -m submission.verify dist/BUNDLE --rerun 1

Exit status: 0 everything agrees, 1 something does not (the findings say what), 2 it could not
do its work. Nothing of the bundle is executed, but by --rerun: that runs the bundle's code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from benchmark.core.files import reason_of, sha256_of
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.registry import OWN
from compliance.reports.report import Report, merge
from compliance.reports.text import to_text
from compliance.wording import count
from submission.bundle.archive import ARCHIVE_SUFFIX, signature_path, signed_by
from submission.bundle.layout import MANIFEST
from submission.bundle.reading import find_tree, no_bundle, read_bundle, unpacked
from submission.console import counts
from submission.verify.rerun import RerunError, rerun


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        report = verify(options.bundle, seed=options.rerun, signers=options.signers)
    except CloudMaskError as error:
        print(f"not verified: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"not verified: {error.filename or options.bundle}: {reason_of(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print()
    print(to_text(report, "warning"), end="")
    return report.exit_code


def verify(path: Path, *, seed: int | None = None, signers: Path | None = None) -> Report:
    """What the checker finds in the bundle at ``path``, and what else does not agree with itself.

    Says each step as it is done. ``seed`` is that of a run to repeat, which is done only where
    nothing was found before. Raises CloudMaskError where the path is no bundle.
    """
    # late: help starts without the packages that draw
    from submission.verify.recompute import compare_documents

    # ---- 1. every hash and every rule
    report = check_paths([path])
    if report.exit_code == 0 and not report.trees:
        raise no_bundle(path, "no submission tree")
    _say("hashes and rules", counts(report))
    if report.failures or not report.trees:
        return report

    with unpacked(path) as (root, name):
        # ---- 2. the seals next to the bundle
        found = [*_archive_hash(path), *_signature(path, root, signers)]

        # ---- 3. every number, text and figure
        try:
            with read_bundle(find_tree(root, name)) as bundle:
                comparison = compare_documents(bundle)
                _say("computed again", f"{count(comparison.same, 'file')} as the runs give them")
                for reason, names in comparison.by_reason().items():
                    _say("not compared", f"{', '.join(names)}: {reason}")
                found += comparison.findings

                # ---- 4. one run
                if seed is not None and any(each.severity == "error" for each in (*report.findings, *found)):
                    _say("not repeated", f"the run of seed {seed}: what was found comes first")
                elif seed is not None:
                    how, differing = rerun(bundle, seed)
                    _say("repeated", f"the run of seed {seed}, compared {how}")
                    found += differing
        except RerunError as error:
            return merge([report, Report(tuple(found), (error,))])
        except CloudMaskError as error:
            found.append(_unreadable(error))
    return merge([report, Report(tuple(found))])


def _archive_hash(path: Path) -> Iterator[Finding]:
    """The archive must be the one whose sha256 lies next to it, where one does."""
    stated = path.with_name(f"{path.name}.sha256")
    if not path.is_file() or not stated.is_file():
        return
    expected = stated.read_text(encoding="utf-8", errors="replace").partition(" ")[0].strip()
    if (found := sha256_of(path)) != expected:
        message = "The archive is not the one that was published."
        yield _seal(path, message, found=found, expected=f"{expected} as in {stated.name}")
    else:
        _say("archive", f"sha256 {found} as in {stated.name}")


def _signature(path: Path, root: Path, signers: Path | None) -> Iterator[Finding]:
    """The manifest must be signed as the signature next to the bundle says, where there is one."""
    signature = signature_path(path.with_name(path.name.removesuffix(ARCHIVE_SUFFIX)))
    message = "The manifest is not signed by whom it should be."
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
        _say("signed", f"by {who}")


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


def _say(step: str, text: str) -> None:
    print(f"{step + ':':17} {text}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m submission.verify",
        description="Check that a bundle is what it says: hashes, rules, numbers, and one of its runs.",
        epilog="Exit status: 0 everything agrees, 1 something does not, 2 it could not do its work.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle, or its .tar.gz")
    parser.add_argument(
        "--rerun",
        type=int,
        metavar="SEED",
        help="repeat the run of this seed with the bundle's scripts: this executes the bundle's code",
    )
    parser.add_argument(
        "--signers",
        type=Path,
        metavar="FILE",
        help="names and SSH keys of which one must have signed the manifest (ssh-keygen's ALLOWED SIGNERS)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
