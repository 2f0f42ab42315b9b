"""python -m compliance.upstream.proposal.apply DEST: a copy of mlperf_logging with the proposal applied.

What is copied is the installed package or, with --from, a checkout of mlcommons/logging (with its .git, so
that `git -C DEST diff` shows the pull request). The source is only read.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from compliance.subjects.folders import CheckError
from compliance.upstream.proposal.insertions import FILES, INSERTIONS, Insertion
from compliance.wording import count

FOLDER = Path(__file__).parent
PACKAGE = "mlperf_logging"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m compliance.upstream.proposal.apply", description=__doc__.split("\n")[0]
    )
    parser.add_argument("dest", type=Path, metavar="DEST", help="a new folder for the copy")
    parser.add_argument("--from", type=Path, dest="source", metavar="PATH", help="a checkout or the package")
    options = parser.parse_args(arguments)
    try:
        changed = apply(options.dest, options.source)
    except CloudMaskError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.dest}: {count(len(changed), 'file')} of upstream changed, {len(FILES)} added")
    return 0


def apply(dest: Path, source: Path | None = None) -> list[str]:
    """Write the copy and return the changed files of upstream. Writes nothing if the proposal does not fit,
    and raises a CheckError that says which text was not found."""
    root, is_checkout = _root_of(source or installed())
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise CheckError(
            dest,
            found="something is there",
            expected="a folder that is new or empty: the proposal is applied to a copy only",
            remedy="name another folder",
        )
    if dest.resolve().is_relative_to(root.resolve() if is_checkout else (root / PACKAGE).resolve()):
        raise CheckError(
            dest, found=f"a folder within {root}", expected="one outside it", remedy="name another folder"
        )
    changed = _changed(root)
    ignore = shutil.ignore_patterns("__pycache__")
    if is_checkout:
        shutil.copytree(root, dest, ignore=ignore, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copytree(root / PACKAGE, dest / PACKAGE, ignore=ignore, symlinks=True)
    for name, text in changed.items():
        (dest / name).write_text(text, encoding="utf-8")
    for name, place in FILES.items():
        (dest / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FOLDER / name, dest / place)
        if place.endswith(".sh"):  # installing a package loses the mode
            (dest / place).chmod(0o755)
    return list(changed)


def installed() -> Path:
    """Return the folder of the installed package without importing it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CheckError(
            PACKAGE,
            found="it is not installed",
            expected="the package, or a checkout of mlcommons/logging",
            remedy=f"install it ({sys.executable} -m pip install mlperf-logging), or pass --from CHECKOUT",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _root_of(source: Path) -> tuple[Path, bool]:
    """Return the folder that holds the package, and whether it is a checkout, which is copied as a whole."""
    if (source / PACKAGE / "benchmark_meta.py").is_file():
        return source, (source / "setup.py").is_file()
    if (source / "benchmark_meta.py").is_file() and source.name == PACKAGE:
        return source.parent, False
    raise CheckError(
        source,
        found=f"no {PACKAGE}/benchmark_meta.py",
        expected=f"a checkout of mlcommons/logging, or its folder {PACKAGE}",
        remedy="pass the folder with --from",
    )


def _changed(root: Path) -> dict[str, str]:
    """Return the new text of every file that the proposal changes."""
    texts: dict[str, str] = {}
    for insertion in INSERTIONS:
        path = root / insertion.file
        if insertion.file not in texts:
            if not path.is_file():
                if insertion.checkout_only:
                    continue
                raise _misfit(path, "no such file", insertion)
            texts[insertion.file] = path.read_text(encoding="utf-8")
        texts[insertion.file] = _inserted(texts[insertion.file], path, insertion)
    return texts


def _inserted(text: str, path: Path, insertion: Insertion) -> str:
    times = text.count(insertion.anchor)
    if times != 1:
        raise _misfit(path, f"{insertion.anchor.strip()!r} {count(times, 'time')}", insertion)
    new = {
        "before": insertion.text + insertion.anchor,
        "after": insertion.anchor + insertion.text,
        "instead": insertion.text,
    }[insertion.where]
    return text.replace(insertion.anchor, new)


def _misfit(path: Path, found: str, insertion: Insertion) -> CheckError:
    return CheckError(
        path,
        found=found,
        expected=f"{insertion.anchor.strip()!r} once, as in mlperf_logging 4.1.59 to 4.1.68",
        remedy=f"look where {insertion.text.strip().splitlines()[0]!r} belongs in this version, and set its "
        "anchor in compliance/upstream/proposal/insertions.py",
    )


if __name__ == "__main__":
    sys.exit(main())
