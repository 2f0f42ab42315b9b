"""Recompute everything in a bundle that is computed from its runs, and compare it with the bundle."""

from __future__ import annotations

import contextlib
import html
import importlib.metadata
import itertools
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.core.errors import CloudMaskError
from compliance.finding import Finding
from compliance.registry import OWN
from submission.bundle.layout import BENCHMARK, CRATE, PROVENANCE, TASK, BundleLayout
from submission.bundle.licences import LICENCES, LOCK, locked_packages
from submission.bundle.materials import materials
from submission.bundle.reading import Bundle
from submission.figures.catalogue import needs_scenes
from submission.figures.drawing import Draw
from submission.generate import write_generated
from submission.system.description import FALLBACK_FIELDS, SITE_FIELDS, VARYING_FIELDS, describe_measured

#: Files whose bytes depend on the packages that draw them; texts are the same everywhere.
DRAWN = (".png", ".svg", ".pdf")
DRAWING_PACKAGES, TYPESETTING_PACKAGES = ("matplotlib",), ("matplotlib", "typst")
OF_SCENES = "drawn from scenes and masks, which are not in the bundle; only the manifest vouches for them"

OTHER_VERSION = "worded by another version of the program; the numbers in it are the same"
NOT_YET = "not written by the version of the program that made the bundle"

#: The number of rules depends on the version, not on the runs.
_RULES = re.compile(r"\d+ rules on logs")
#: Numbers in a text, and parts of HTML that are not text.
_NUMBER = re.compile(r"(?<![A-Za-z_\d.])\d+(?:[.,:]\d+)*")
_NO_TEXT = re.compile(r"<(script|style|meta|svg)\b.*?(</\1>|>)|<[^>]*>", re.S)

#: Maximum number of characters of a differing line that a finding shows.
SHOWN = 160


@dataclass(frozen=True)
class Comparison:
    """The findings, the number of equal files, and the files that could not be compared, with reasons."""

    findings: tuple[Finding, ...]
    same: int
    not_compared: dict[str, str]

    def by_reason(self) -> dict[str, list[str]]:
        """Return the names of the figures and documents that could not be compared, by reason."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.not_compared.items():
            names = reasons.setdefault(reason, [])
            if (stem := Path(name).stem) not in names:  # a figure is a PNG and a PDF
                names.append(stem)
        return reasons


def compare_documents(bundle: Bundle, draw: Draw) -> Comparison:
    """Write the generated files again from the bundle's runs, and compare them with the bundle.

    Raises CloudMaskError if they cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="cloudmask-again-") as folder:
        return compare_with(bundle, write_again(bundle, Path(folder), draw))


def write_again(bundle: Bundle, folder: Path, draw: Draw) -> BundleLayout:
    """Write the files below ``folder`` from the bundle's runs; copy figures of scenes from the bundle.

    Raises CloudMaskError.
    """
    layout = replace(bundle.layout, root=folder)
    layout.figures.mkdir(parents=True)
    for name in _figures_of_scenes(bundle):
        shutil.copyfile(bundle.tree.root / name, folder / name)
    write_generated(layout, bundle, draw)
    return layout


def compare_with(bundle: Bundle, again: BundleLayout) -> Comparison:
    """Compare the bundle with the files written again."""
    findings, same, not_compared = [], 0, {}
    locked = _locked_versions(bundle)
    drawing, typesetting = (
        _other_packages(each, locked) for each in (DRAWING_PACKAGES, TYPESETTING_PACKAGES)
    )
    contribution = again.contribution.relative_to(again.root).as_posix()  # what the PDFs are typeset from
    for path in sorted(path for path in again.root.rglob("*") if path.is_file()):
        name = path.relative_to(again.root).as_posix()
        reason = drawing if path.parent == again.figures else typesetting
        if _is_of_scenes(bundle, name):
            not_compared[name] = OF_SCENES
        elif path.suffix in DRAWN and reason:
            not_compared[name] = reason
        elif not bundle.provenance.is_ours and path.name in (CRATE, TASK) and name not in bundle.tree.files:
            not_compared[name] = NOT_YET
        elif not bundle.provenance.is_ours and (
            _worded_differently(bundle, name, path)
            or (path in again.contribution_pdfs and contribution in not_compared)
        ):
            not_compared[name] = OTHER_VERSION
        elif finding := _compare(bundle, name, path):
            findings.append(finding)
        else:
            same += 1
    findings += [*_not_made(bundle, again), *_compare_system(bundle), *_compare_licences(bundle)]
    return Comparison(tuple(findings), same, not_compared)


def recomputed(path: str, line: int | None, *, found: str, expected: str, message: str) -> Finding:
    """Return a finding: the bundle and its runs disagree."""
    return Finding(
        rule="verify-recomputed",
        severity="error",
        path=path,
        line=line,
        clause="house",
        message=message,
        expected=expected,
        found=found,
        remedy="package the runs again; nothing in a bundle is written by hand",
        profile=OWN,
    )


def _compare(bundle: Bundle, name: str, again: Path) -> Finding | None:
    """Return a finding if a file of the bundle differs from the file written again."""
    theirs, shown = bundle.tree.root / name, bundle.tree.shown(name)
    message = "A file of the bundle is not what its runs give."
    if not bundle.tree.is_regular(name):
        return recomputed(shown, None, found="not there", expected="a file", message=message)
    ours_bytes, their_bytes = again.read_bytes(), theirs.read_bytes()
    if ours_bytes == their_bytes:
        return None
    if again.suffix in DRAWN:
        at = next(
            (at for at, (a, b) in enumerate(zip(ours_bytes, their_bytes, strict=False)) if a != b),
            min(len(ours_bytes), len(their_bytes)),
        )
        found = f"another picture: {len(their_bytes)} bytes, the first different one at {at}"
        return recomputed(
            shown,
            None,
            found=found,
            expected=f"the picture that the runs give, {len(ours_bytes)} bytes",
            message=message,
        )
    line, ours, theirs_line = _first_difference(
        ours_bytes.decode(errors="replace"), their_bytes.decode(errors="replace")
    )
    return recomputed(shown, line, found=theirs_line, expected=ours, message=message)


def _worded_differently(bundle: Bundle, name: str, again: Path) -> bool:
    """Whether a text of the bundle differs from the text written again only in words, not in numbers.

    bundle.json counts as such a text: it states which version of the program wrote it.
    """
    if again.name == PROVENANCE:
        return True
    theirs = bundle.tree.text(name)
    if theirs is None or again.suffix in DRAWN:
        return False
    ours = again.read_text(encoding="utf-8")
    if again.suffix == ".html":
        ours, theirs = (
            _RULES.sub("rules on logs", html.unescape(_NO_TEXT.sub(" ", each))) for each in (ours, theirs)
        )
    return ours != theirs and _NUMBER.findall(ours) == _NUMBER.findall(theirs)


def _first_difference(ours: str, theirs: str) -> tuple[int, str, str]:
    """Return the number of the first line that differs, and both lines, cut to show the difference."""
    lines = itertools.zip_longest(ours.splitlines(keepends=True), theirs.splitlines(keepends=True))
    for number, (expected, found) in enumerate(lines, start=1):
        if expected != found:
            start = max(0, _common(expected or "", found or "") - SHOWN // 2)
            return number, _shown(expected, start), _shown(found, start)
    raise AssertionError("texts that are the same")


def _common(one: str, other: str) -> int:
    """Return the length of the common beginning of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _shown(line: str | None, start: int) -> str:
    if line is None:
        return "the end of the file"
    return ("…" if start else "") + (line[start : start + SHOWN].rstrip("\n") or "an empty line")


def _locked_versions(bundle: Bundle) -> dict[str, set[str]]:
    """Return the versions of each package in the bundle's lock: several if they depend on the platform."""
    name = (bundle.layout.code / LOCK).relative_to(bundle.layout.root).as_posix()
    versions: dict[str, set[str]] = {}
    for package in locked_packages(bundle.tree.text(name) or ""):
        versions.setdefault(package.name, set()).add(package.version)
    return versions


def _other_packages(packages: Sequence[str], locked: Mapping[str, set[str]]) -> str:
    """Return why these packages may draw other bytes here than in the bundle, or "" if they may not."""
    for name in packages:
        installed, versions = importlib.metadata.version(name), sorted(locked.get(name, ()))
        if installed not in versions:
            return f"{name} {installed} here, {' or '.join(versions) or 'not locked'} in the bundle"
    return ""


def _figures_of_scenes(bundle: Bundle) -> list[str]:
    return [
        name for name in bundle.tree.files if _is_of_scenes(bundle, name) and bundle.tree.is_regular(name)
    ]


def _is_of_scenes(bundle: Bundle, name: str) -> bool:
    """Whether a file is a figure made from scenes or masks."""
    folder, _, file = name.rpartition("/")
    figures = bundle.layout.figures.relative_to(bundle.layout.root).as_posix()
    return folder == figures and needs_scenes(Path(file).stem)


def _not_made(bundle: Bundle, again: BundleLayout) -> Iterator[Finding]:
    """Yield findings for figures of the bundle that its runs do not produce."""
    experiment = f"{bundle.layout.name.org}/{BENCHMARK}/"
    for name in bundle.tree.files:
        if name.startswith(experiment) and name.endswith(DRAWN) and not (again.root / name).exists():
            message = "The runs of the bundle do not give this figure."
            path = bundle.tree.shown(name)
            yield recomputed(path, None, found="a figure", expected="no such file", message=message)


def _compare_system(bundle: Bundle) -> Iterator[Finding]:
    """Compare the measured fields of the description with the runs' measurements.

    A description written by hand is skipped; the checker compares it with the measurements.
    """
    if bundle.provenance.described_by_hand:
        return
    layout, system = bundle.layout, bundle.system
    path = bundle.tree.shown(layout.system_description.relative_to(layout.root))
    answers = {field: system[field] for field in (*SITE_FIELDS, *FALLBACK_FIELDS)}
    try:
        again = describe_measured(
            [run.system for run in bundle.runs.runs],
            answers,
            name=layout.name.system,
            org=bundle.runs.org,
            status=bundle.runs.status,
        )
    except CloudMaskError as error:
        message = "The runs of a bundle are of one system."
        yield recomputed(path, None, found=error.found, expected=error.expected, message=message)
        return
    for field, expected in again.items():
        if system[field] != expected and field not in VARYING_FIELDS:
            message = "The description is not what the runs measured."
            found = f"{field} {system[field]}"
            yield recomputed(path, None, found=found, expected=expected, message=message)


def _compare_licences(bundle: Bundle) -> Iterator[Finding]:
    """Check that the licences list the packages of the lock, and the code, dataset and models of the runs,
    which earlier versions of the program left out. The licences themselves are not compared."""
    layout = bundle.layout
    name = (layout.general / LICENCES).relative_to(layout.root).as_posix()
    lock = bundle.tree.text((layout.code / LOCK).relative_to(layout.root).as_posix())
    if lock is None:
        return
    listed = bundle.tree.json(name)
    packages = listed.get("packages") if isinstance(listed, Mapping) else None
    found = []
    for package in packages if isinstance(packages, list) else []:
        with contextlib.suppress(TypeError, KeyError):
            found.append((str(package["name"]), str(package["versionInfo"])))
    locked = [(package.name, package.version) for package in locked_packages(lock)]
    if found == locked and not bundle.provenance.is_ours:
        return
    of_runs, _ = materials(bundle.runs, bundle.commit)
    expected = [*locked, *((package["name"], package["versionInfo"]) for package in of_runs)]
    message = "The list of licences is not of the locked packages and of what the runs used and made."
    for ours, theirs in itertools.zip_longest(expected, found, fillvalue=("no package", "")):
        if ours != theirs:
            yield recomputed(
                bundle.tree.shown(name),
                None,
                found=" ".join(theirs),
                expected=" ".join(ours) + f" as in {LOCK}" * (ours in locked),
                message=message,
            )
            return
