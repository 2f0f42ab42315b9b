"""The packager: what it makes of runs that pass every rule."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from benchmark import ROOT
from benchmark.core.files import sha256_of
from compliance.checker import check_paths
from compliance.subjects.log import Log
from compliance.subjects.parse import read_log
from submission import package as packager
from submission.package import main
from tests.support.runs.checkout import git
from tests.support.runs.hand_runs import CONFIG, MEASURED, ORG, V100, write_run
from tests.support.runs.run_files import Lines
from tests.support.submissions.packages import BUNDLE, contents

# ---- what it makes


def test_three_runs_become_a_tree_an_archive_and_its_hash(
    place: Path, real_figures: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    assert sorted(path.name for path in (place / "dist").iterdir()) == [
        BUNDLE,
        f"{BUNDLE}.tar.gz",
        f"{BUNDLE}.tar.gz.sha256",
    ]
    report = check_paths([place / "dist" / BUNDLE])
    assert (report.exit_code, report.counts["error"], report.counts["warning"]) == (0, 0, 0)
    packed = check_paths([place / "dist" / f"{BUNDLE}.tar.gz"])
    assert [each.rule for each in packed.findings] == [each.rule for each in report.findings]
    assert (len(packed.logs), len(packed.trees), packed.archives) == (
        len(report.logs),
        1,
        (str(place / "dist" / f"{BUNDLE}.tar.gz"),),
    )
    said = capsys.readouterr().out
    for line in (
        "[1/6] 3 logs checked: 0 errors, 0 warnings",
        "mean",
        f"{BUNDLE}.tar.gz",
        "Written to dist.",
    ):
        assert line in said
    science = place / "dist" / BUNDLE / "New-York-University/cloudmask/test-node/quick"
    general = place / "dist" / BUNDLE / "New-York-University/results/test-node/cloudmask"
    for number, seed in enumerate((1, 2, 3), start=1):
        log = (place / f"logs/quick-seed-{seed}/result.txt").read_bytes()
        assert (science / f"result-{number}.txt").read_bytes() == log
        assert (general / f"result_{number - 1}.txt").read_bytes() == log


def test_the_code_is_the_commits_files_with_their_modes_and_without_names_that_begin_with_a_dot(
    place: Path,
) -> None:
    assert main([]) == 0
    code = place / "dist" / BUNDLE / "New-York-University/benchmarks/cloudmask/implementations/tensorflow"
    files = {path.relative_to(code).as_posix(): path for path in code.rglob("*") if path.is_file()}
    assert sorted(files) == ["LICENSE", "README.md", "benchmark/run.py", "requirements.lock", "start.sh"]
    assert {name for name, path in files.items() if path.stat().st_mode & 0o777 == 0o755} == {"start.sh"}
    readme = (place / "dist" / BUNDLE / "New-York-University/cloudmask/test-node/quick/README.md").read_text()
    assert "refuses: `.gitignore`." in readme


def test_the_code_is_that_of_the_logs_even_if_the_branch_has_moved_on(place: Path) -> None:
    (place / "benchmark/run.py").write_text("print('changed')\n")
    git(place, "commit", "--quiet", "--all", "--message", "Change")
    assert main([]) == 0
    (code,) = (place / "dist").glob("*/*/benchmarks/cloudmask/implementations/tensorflow/benchmark/run.py")
    assert code.read_text() == "print('run')\n"


def test_the_archive_opens_with_tar_and_holds_the_tree(place: Path, tmp_path: Path) -> None:
    assert main([]) == 0
    subprocess.run(["tar", "-xzf", f"dist/{BUNDLE}.tar.gz", "-C", tmp_path], check=True)
    assert contents(tmp_path / BUNDLE) == contents(place / "dist" / BUNDLE)
    subprocess.run(["sha256sum", "--check", "--quiet", f"{BUNDLE}.tar.gz.sha256"], cwd="dist", check=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "MANIFEST.sha256"], cwd=tmp_path / BUNDLE, check=True)
    with tarfile.open(f"dist/{BUNDLE}.tar.gz") as archive:
        entries = archive.getmembers()
    assert {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {(0, 0, "", "")}
    assert {entry.mtime for entry in entries} == {int(git(place, "show", "-s", "--format=%ct", "HEAD"))}
    assert {entry.mode for entry in entries} == {0o644, 0o755}


def test_the_same_runs_give_the_same_bytes_elsewhere_later_and_under_another_umask(
    place: Path, real_figures: None, drawn_anew: None, tmp_path: Path
) -> None:
    assert main([]) == 0
    other = Path(shutil.copytree(place, tmp_path / "other place", ignore=shutil.ignore_patterns("dist")))
    for path in other.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (1, 1))
    before = os.umask(0o077)
    try:
        options = packager.Options([other / "logs"], tmp_path / "out", checkout=other)
        packager.package(options)
    finally:
        os.umask(before)
    assert sha256_of(tmp_path / "out" / f"{BUNDLE}.tar.gz") == sha256_of(place / "dist" / f"{BUNDLE}.tar.gz")


def test_packaging_again_replaces_a_bundle_with_the_same_files(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    before = contents(place / "dist")
    assert main([]) == 0
    assert contents(place / "dist") == before
    assert "The bundle that was in dist had the same files; it was replaced." in capsys.readouterr().out


def test_packaging_says_what_it_made_to_programs_and_nothing_if_asked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["sha256"] == sha256_of(place / made["archive"])
    assert (place / made["bundle"] / "MANIFEST.sha256").is_file()
    assert main(["--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_packaging_other_runs_moves_the_bundle_that_was_there_aside(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    before = contents(place / "dist")
    for _ in range(2):
        (place / "dist" / BUNDLE / "note.txt").write_text("mine")
        assert main(["--logs", "logs/quick-seed-1", "logs/quick-seed-2"]) == 0
    assert "was moved to dist/aside/" in capsys.readouterr().out
    aside = contents(place / "dist" / "aside" / f"{BUNDLE}-1")
    assert aside.pop(f"{BUNDLE}/note.txt")
    assert aside == before
    assert (place / "dist" / "aside" / f"{BUNDLE}-2" / BUNDLE / "note.txt").read_text() == "mine"


def test_one_run_is_packaged_and_said_to_be_one(place: Path) -> None:
    assert main(["--logs", "logs/quick-seed-2", "--descriptor", "single run", "--org", ORG]) == 0
    (document,) = (place / "dist").glob("*/*/cloudmask/test-node/single-run/scientific_contribution.md")
    row = "| Demonstration on synthetic scenes: test accuracy, one run | 0.92 (as published) |"
    assert row in document.read_text()


def test_an_organisation_with_accents_gets_a_folder_in_ascii(place: Path, commit: str) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, commit, org="Universität Zürich")
    assert main([]) == 0
    (description,) = (place / "dist").glob("*/Universitat-Zurich/systems/test-node.json")
    assert json.loads(description.read_text())["submitter"] == "Universität Zürich"


def test_a_run_on_accelerators_is_described_and_its_unused_ones_are_said(place: Path, commit: str) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, commit, system=MEASURED | {"accelerators": [V100, V100]})
    assert main([]) == 0
    (description,) = (place / "dist").glob("*/*/systems/test-node.json")
    system = json.loads(description.read_text())
    assert (system["accelerators_per_node"], system["accelerator_model_name"]) == (
        "2",
        "Tesla V100-PCIE-32GB",
    )
    assert system["hw_notes"].endswith("The runs used 0 of the 2 accelerators of a node.")


def test_a_warning_is_printed_once_and_is_no_refusal(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_contact(lines: Lines) -> None:
        lines[:] = [line for line in lines if not line["key"].startswith("submission_poc")]

    shutil.rmtree(place / "logs")
    config = CONFIG.replace("  poc_name: Ada Reviewer\n  poc_email: ada@cloudlab-nyu.org\n", "")
    for seed in (1, 2):
        write_run(place / "logs", seed, commit, config=config, change=without_contact)
    assert main([]) == 0
    said = capsys.readouterr().err
    assert said.count("[contact-present]") == 1
    assert "warning [contact-present] logs/quick-seed-1/result.txt, and 1 more: " in said


def test_each_log_is_parsed_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def read(path: Path, name: str) -> Log:
        parsed.append(name)
        return read_log(path, name)

    monkeypatch.setattr("submission.runs.runs.read_log", read)
    assert main([]) == 0
    assert sorted(parsed) == [f"logs/quick-seed-{seed}/result.txt" for seed in (1, 2, 3)]


# ---- the command line


def test_help_starts_without_tensorflow_numpy_or_what_draws() -> None:
    script = (
        "import sys; from submission.package import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "slow = ('tensorflow', 'keras', 'numpy', 'h5py', 'rich', 'matplotlib', 'typst', 'markdown_it')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_packaging_never_imports_tensorflow(place: Path) -> None:
    script = "import sys; from submission.package import main; main([]); print('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_empty_options_of_make_are_no_options(place: Path) -> None:
    assert main(["--system", "", "--org", "", "--descriptor", ""]) == 0


def test_only_layout_knows_where_things_lie() -> None:
    known = {"systems", "benchmarks", "implementations", "results"}
    for path in (ROOT / "submission").rglob("*.py"):
        if path.relative_to(ROOT / "submission").as_posix() in ("bundle/layout.py", "system/description.py"):
            continue
        words = {
            node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
        }
        assert not known & {str(word).strip("/") for word in words}, path


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 1_000_000)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"abc" * 1_000_000).hexdigest()
