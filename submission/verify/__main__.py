"""Is a bundle what it says? Its hashes, its rules, its numbers, and if asked its scores and runs.

    python -m submission.verify dist/BUNDLE.tar.gz
    python -m submission.verify dist/BUNDLE --rescore
    python -m submission.verify dist/BUNDLE --rerun 1

Exit status: 0 everything agrees, 1 something does not (the findings say what), 2 it could not
do its work. Nothing of the bundle is executed, but by --rerun-bundled, which says so and asks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from benchmark.core.files import reason_of, sha256_of
from benchmark.core.interruption import Interrupted, Interruption
from compliance.checker import check_paths
from compliance.finding import Finding
from compliance.registry import OWN
from compliance.reports.report import Report, merge
from compliance.reports.text import to_text
from compliance.wording import count
from submission.bundle.archive import ARCHIVE_SUFFIX, signature_path, signed_by
from submission.bundle.layout import MANIFEST
from submission.bundle.reading import Bundle, find_tree, no_bundle, read_bundle, unpacked
from submission.console import counts
from submission.verify.rerun import rerun, rerun_bundled
from submission.verify.work import RepeatError

#: The scores of every run.
ALL = "all"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    Interruption().install()
    repeat = Repeat(options.rescore, options.rerun, options.rerun_bundled, options.data)
    try:
        if repeat.bundled is not None and not (options.yes or _agreed(options.bundle)):
            return 2
        report = verify(options.bundle, repeat, signers=options.signers)
    except CloudMaskError as error:
        print(f"not verified: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"not verified: {error.filename or options.bundle}: {reason_of(error)}", file=sys.stderr)
        return 2
    except Interrupted as error:
        print(f"stopped ({error}); nothing is left behind", file=sys.stderr)
        return 128 + error.number
    print()
    print(to_text(report, "warning"), end="")
    return report.exit_code


@dataclass(frozen=True)
class Repeat:
    """What to repeat of a bundle: the scores of a seed or of ``ALL``, and the run of a seed."""

    scores: int | str | None = None
    run: int | None = None
    #: The run of this seed with the bundle's own code.
    bundled: int | None = None
    #: Folder with the scenes, where they are at hand.
    data: Path | None = None


def verify(path: Path, repeat: Repeat = Repeat(), *, signers: Path | None = None) -> Report:
    """What the checker finds in the bundle at ``path``, and what else does not agree with itself.

    Says each step as it is done. What is to be repeated is repeated only where nothing was found before.
    Raises CloudMaskError where the path is no bundle.
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

                # ---- 4. scores and runs
                asked = (repeat.scores, repeat.run, repeat.bundled) != (None, None, None)
                if asked and any(each.severity == "error" for each in (*report.findings, *found)):
                    _say("not repeated", "what was found comes first")
                elif asked:
                    for step, said, differing in _repeated(bundle, repeat):
                        _say(step, said)
                        found += differing
        except RepeatError as error:
            return merge([report, Report(tuple(found), (error,))])
        except CloudMaskError as error:
            found.append(_unreadable(error))
    return merge([report, Report(tuple(found))])


def _repeated(bundle: Bundle, repeat: Repeat) -> Iterator[tuple[str, str, list[Finding]]]:
    """Each thing that was repeated: the step, what is said of it, and what differs."""
    if repeat.scores is not None:
        # late: TensorFlow's room
        from submission.verify.rescore import rescore

        for said, found in rescore(bundle, None if repeat.scores == ALL else int(repeat.scores), repeat.data):
            yield "scored again", said, found
    if repeat.run is not None:
        said, found = rerun(bundle, repeat.run, data=repeat.data)
        yield "repeated", f"the run of seed {repeat.run}, compared {said}", found
    if repeat.bundled is not None:
        said, found = rerun_bundled(bundle, repeat.bundled)
        yield "repeated", f"the run of seed {repeat.bundled}, compared {said}", found


def _agreed(bundle: Path) -> bool:
    """Warn that the bundle's code is about to run, and ask."""
    print(
        f"--rerun-bundled executes the scripts and the code of {bundle}, which its submitter wrote: they "
        "can do whatever you can on this machine. Read them first, or use a container.",
        file=sys.stderr,
    )
    if not sys.stdin.isatty():
        print("not verified: nobody to ask; pass --yes to execute them", file=sys.stderr)
        return False
    return input("Execute them? [y/N] ").strip().lower() in ("y", "yes")


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
        help="folder with the scenes (training/, inference/), where they are at hand; else they are made or "
        "fetched",
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
