"""Package checked runs as a submission: check, collect, stage aside, check the stage, rename.

    python -m submission.package                      (make submission)
    python -m submission.package --logs logs/quickstart-seed-1 logs/quickstart-seed-2
    python -m submission.package --system greene-v100 --descriptor v100-200-epochs

Every bundle in dist/ has passed all rules. Exit status: 0 packaged, 1 refused (the findings
or the reason are printed), 2 the packager failed, 130 and 143 interrupted.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.core.collector import collector_paused, spare_exit
from benchmark.core.errors import CloudMaskError, SubmissionError, memory_as_error
from benchmark.core.escaping import tell
from benchmark.record.events import RULES_EDITION
from compliance.checker import check_paths, check_tree
from compliance.registry import OWN
from compliance.rules import own_rules
from compliance.rules.tree.files import FILE_BYTES
from compliance.subjects.tree import SubmissionTree
from compliance.wording import count
from submission.bundle.archive import ARCHIVE_SUFFIX, manifest_text, masks_path
from submission.bundle.layout import IMPLEMENTATION, BundleLayout, BundleName, directory_name
from submission.bundle.licences import LICENCES, LOCK, licence_list
from submission.bundle.materials import materials
from submission.bundle.provenance import Provenance, documents_digest
from submission.bundle.publish import OutputError, publish, staging
from submission.bundle.redaction import redact_folders
from submission.bundle.repository import Commit, commit_listing, commit_text, export_code, find_commit
from submission.bundle.sources import Sources
from submission.console import Refused, counts, judge, summary
from submission.console import step as say_step
from submission.figures.drawing import Draw, drawing
from submission.runs.files import contents_of, text_of
from submission.runs.runs import RunSet, read_once, read_runs
from submission.system.description import (
    DEFAULT_SITE,
    describe_file,
    describe_measured,
    describe_named,
    known_systems,
    read_site,
)


@dataclass(frozen=True)
class Options:
    """What to package, where to write it, and the caller's statements about it."""

    logs: Sequence[Path]
    output: Path
    system: str | None = None
    org: str | None = None
    descriptor: str | None = None
    site: Path = DEFAULT_SITE
    sign: Path | None = None
    #: Whether to pack the masks next to the bundle.
    masks: bool = False
    checkout: Path = Path()
    #: Whether to print no steps and no summary.
    quiet: bool = False
    #: Whether to print only JSON with the paths and the sha256 of the bundle.
    as_json: bool = False


class Terminated(BaseException):
    """SIGTERM as an exception, so that no partial output remains."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = parse(arguments)
    spare_exit()
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        with memory_as_error(), collector_paused():
            bundle = package(options)
            if options.as_json:
                print(json.dumps(made(bundle), indent=2))
    except Refused:
        return 1
    except CloudMaskError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2 if isinstance(error, OutputError) else 1
    except (KeyboardInterrupt, Terminated) as error:
        print("interrupted; nothing was packaged, and what was there before is as it was", file=sys.stderr)
        return 130 if isinstance(error, KeyboardInterrupt) else 143
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def made(bundle: Path) -> dict[str, str]:
    """Return the paths and the archive's sha256, for programs."""
    archive = bundle.with_name(bundle.name + ARCHIVE_SUFFIX)
    sha256 = archive.with_name(f"{archive.name}.sha256").read_text(encoding="utf-8").split()[0]
    return {"bundle": str(bundle), "archive": str(archive), "sha256": sha256}


def package(options: Options) -> Path:
    """Package the runs; return the folder of the bundle. Raises Refused and CloudMaskError."""
    with drawing() as draw:
        return _package(options, draw)


def _package(options: Options, draw: Draw) -> Path:
    step = _silent if options.quiet or options.as_json else say_step
    # ---- 1. the logs pass every rule
    read = read_once()
    report = check_paths(options.logs, read=read)
    warned = judge(report, "the logs")
    runs = read_runs([Path(log.path) for log in report.logs], read)
    step(1, f"{count(len(runs.runs), 'log')} checked: {counts(report)}")

    # ---- 2. organisation, system and experiment
    org = _agreed_org(runs, options.org)
    system = _describe(runs, options)
    descriptor = directory_name(runs.config.series if options.descriptor is None else options.descriptor)
    name = BundleName(directory_name(org), system["system_name"], descriptor, runs.synthetic)
    step(2, f"{org} on {name.system}, seeds {', '.join(map(str, runs.seeds))}, {name.descriptor}")

    # ---- 3. the code: the commit that the logs name
    commit = find_commit(options.checkout, runs.commit, ignore=(*options.logs, options.output))
    step(3, f"code of commit {commit.sha[:12]}, {commit.tag}")

    with staging(options.output, name.folder) as stage:
        # ---- 4. both layouts, aside
        layout = BundleLayout(stage.bundle, name)
        masks = ""
        if options.masks:
            # late: --help starts without NumPy
            from submission.bundle.masks import write_masks

            masks = write_masks(runs, stage.folder / "masks", masks_path(stage.bundle), time=commit.time)
        _write(layout, runs, commit, system, options, masks, draw)
        step(4, f"both layouts written to a temporary folder in {options.output}")

        # ---- 5. the stage passes every rule
        report = check_tree(SubmissionTree(layout.root, str(layout.root), read), {OWN: own_rules()})
        judge(report, "the tree", layout.root, warned)
        step(5, f"tree checked: {counts(report)}")

        # ---- 6. archive and rename
        published = publish(stage, layout, time=commit.time, key=options.sign)
    step(6, f"{published.archive.name}, sha256 {published.sha256}")
    if step is say_step:
        tell(summary(layout, runs, options.output, published.note))
    return published.bundle


def parse(arguments: list[str] | None = None) -> Options:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.package",
        description="Package checked runs as a submission to MLCommons Science CloudMask.",
        epilog="Exit status: 0 packaged, 1 refused, 2 it could not do its work. See docs/submission.md.",
    )
    add = parser.add_argument
    add("--logs", type=Path, nargs="+", metavar="PATH", help="folder of runs, or runs (default: logs)")
    add(
        "--output", type=Path, metavar="DIR", default=Path("dist"), help="where the bundle goes (%(default)s)"
    )
    add(
        "--system",
        metavar="NAME|FILE",
        help="a description in submission/system/systems/, or a file such as mlperf-sysinfo's "
        "(default: as the runs measured)",
    )
    add("--org", metavar="ORG", help="refuse unless the runs were made by this organisation")
    add("--descriptor", metavar="NAME", help="name of the experiment (default: the configuration's)")
    add(
        "--site",
        type=Path,
        metavar="FILE",
        default=DEFAULT_SITE,
        help=f"answers to what cannot be measured (default: submission/system/sites/{DEFAULT_SITE.name})",
    )
    add(
        "--masks",
        action="store_true",
        help="pack the masks too, in an archive next to the bundle",
    )
    add("--sign", type=Path, metavar="KEY", help="sign the manifest with this SSH key")
    add("--quiet", action="store_true", help="print warnings and errors only")
    add("--json", action="store_true", help="print bundle, archive and sha256 as one JSON object")
    given = parser.parse_args(arguments)
    return Options(
        logs=given.logs or [Path("logs")],
        output=given.output,
        system=given.system or None,
        org=given.org or None,
        descriptor=given.descriptor or None,
        site=given.site,
        sign=given.sign,
        masks=given.masks,
        quiet=given.quiet,
        as_json=given.json,
    )


def _silent(number: int, text: str) -> None:
    """Print nothing about a step."""


def _agreed_org(runs: RunSet, org: str | None) -> str:
    if org is not None and org != runs.org:
        raise SubmissionError(
            f"--org {org}",
            found=f"logs of the organisation {runs.org}",
            expected=f"logs of {org}: a log is never rewritten",
            remedy=f"make the runs again with --set submission.org={org!r}, or package without --org",
        )
    return runs.org


def _describe(runs: RunSet, options: Options) -> dict[str, str]:
    measured = [run.system for run in runs.runs]
    site = read_site(options.site)
    if (
        options.system is not None
        and options.system not in known_systems()
        and Path(options.system).is_file()
    ):
        path = Path(options.system)
        system = describe_file(path, measured, site, org=runs.org, status=runs.status)
    elif options.system is not None:
        system = describe_named(options.system, measured, org=runs.org, status=runs.status)
    else:
        name = directory_name(runs.shared("submission_platform")).lower()
        system = describe_measured(measured, site, name=name, org=runs.org, status=runs.status)
    used, there = runs.parameters["accelerators_per_node"], system["accelerators_per_node"]
    if str(used) != there:
        system["hw_notes"] += f" The runs used {used} of the {there} accelerators of a node."
    return system


def _write(
    layout: BundleLayout,
    runs: RunSet,
    commit: Commit,
    system: dict[str, str],
    options: Options,
    masks: str,
    draw: Draw,
) -> None:
    """Write all files of the bundle, the manifest last."""
    # late: --help and refusals start without the packages that draw and typeset
    from submission.documents.files import moved_folders, write_text
    from submission.generate import write_generated, write_pictures

    if layout.name.system == IMPLEMENTATION:
        raise SubmissionError(
            layout.name.system,
            found="a system named like the folder of the code",
            expected=f"another name than {IMPLEMENTATION}",
            remedy="make the runs again with --set submission.platform=NAME",
        )
    left_out = export_code(commit, layout.code)
    _copy(commit_text(commit), layout.commit_text)
    _copy(commit_listing(commit), layout.commit_listing)
    _write_licences(layout, runs, commit)
    for number, run in enumerate(runs.runs, start=1):
        log = contents_of(run.folder.log)
        for path in layout.results(number):
            _copy(log, path)
        for path in run.folder.measured:
            if (size := path.stat().st_size) <= FILE_BYTES:
                _copy(contents_of(path), layout.run(number) / path.name)
            else:
                tell(f"left out: {path} of {size} bytes: a file has {FILE_BYTES} at most (K-repo-size)")
        if run.folder.job_script.is_file():
            script = redact_folders(text_of(run.folder.job_script))
            write_text(layout.run(number) / run.folder.job_script.name, script)
    write_pictures(layout, runs, options.checkout)
    provenance = Provenance(
        options=_repeat(layout, options),
        described_by_hand=options.system is not None,
        left_out=tuple(left_out),
        data_moved=moved_folders(runs),
        demonstration=layout.name.demonstration,
        rules_edition=RULES_EDITION,
        masks_sha256=masks,
        made_by=documents_digest(),
    )
    write_generated(layout, Sources(runs, commit, system, provenance), draw)
    write_text(layout.manifest, manifest_text(layout.root))


def _write_licences(layout: BundleLayout, runs: RunSet, commit: Commit) -> None:
    """Write the bill of materials with the locked packages, if the code has a lock."""
    from submission.documents.files import write_json

    lock = layout.code / LOCK
    if lock.is_file():
        text = lock.read_text(encoding="utf-8")
        of_runs, made_of = materials(runs, commit)
        licences = licence_list(
            text, name=layout.name.folder, time=commit.time, of_runs=of_runs, made_of=made_of
        )
        write_json(layout.general / LICENCES, licences)


def _repeat(layout: BundleLayout, options: Options) -> str:
    """Return the packager's options that reproduce this bundle."""
    words = ["--descriptor", layout.name.descriptor]
    if options.system in known_systems():
        words += ["--system", str(options.system)]
    elif options.system is not None:
        words += ["--system", "FILE", f"# such as systems/{layout.name.system}.json"]
    elif options.site != DEFAULT_SITE:
        words += ["--site", "FILE", f"# with the answers in systems/{layout.name.system}.json"]
    return " ".join(words)


def _copy(contents: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    path.chmod(0o644)


def _terminate(number: int, frame: object) -> None:
    raise Terminated


if __name__ == "__main__":
    sys.exit(main())
