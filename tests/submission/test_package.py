"""The packager: what it makes, what it refuses, and that nothing half-made is ever left."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import signal
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
from submission.bundle import publish as publishing
from submission.bundle.publish import OutputError
from submission.package import main
from submission.runs.files import read_measured
from tests.support import runs as runs
from tests.support.disk import small_disk
from tests.support.runs import CONFIG, MEASURED, ORG, V100, git, make_place, write_run

BUNDLE = "demonstration-New-York-University-cloudmask-test-node-quick"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A checkout with three runs, and its commit: copied for every test."""
    place = tmp_path_factory.mktemp("prepared") / "place"
    place.mkdir()
    return place, make_place(place)


@pytest.fixture
def commit(prepared: tuple[Path, str]) -> str:
    return prepared[1]


@pytest.fixture
def place(prepared: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout as the working folder."""
    place = Path(shutil.copytree(prepared[0], tmp_path / "place"))
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def real_figures() -> None:
    """For the tests that need the figures as they are."""


@pytest.fixture(autouse=True)
def figures(request: pytest.FixtureRequest) -> None:
    """Most of these tests do not look into figures."""
    if "real_figures" not in request.fixturenames:
        request.getfixturevalue("blank_figures")


def contents(folder: Path) -> dict[str, str]:
    """Name -> sha256 (or nothing, for a folder) of everything below a folder."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path) if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    """What the packager says when it refuses; and that it left nothing in dist/."""
    assert main(list(arguments)) == status
    assert not Path("dist").is_dir() or list(Path("dist").iterdir()) == []
    return capsys.readouterr().err


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
    for line in ("[1/6] 3 logs checked: 0 errors, 0 warnings", "mean", f"{BUNDLE}.tar.gz", "New in dist."):
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
    def without_contact(lines: runs.Lines) -> None:
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


# ---- what it refuses: the logs


def test_a_corrupt_log_is_refused_with_its_findings(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = place / "logs/quick-seed-1/result.txt"
    log.write_text(log.read_text().replace('"key": "seed"', '"key": seed', 1))
    said = refusal(capsys)
    assert "error [event-json] logs/quick-seed-1/result.txt:15:" in said
    assert "in the logs; nothing was packaged" in said


def test_an_aborted_run_among_five_is_refused_and_the_other_four_can_be_named(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(place / "logs", 4, commit, change=runs.aborted)
    write_run(place / "logs", 5, commit)
    said = refusal(capsys)
    assert "logs/quick-seed-4/result.txt" in said
    assert "aborted" in said
    assert main(["--logs", *(f"logs/quick-seed-{seed}" for seed in (1, 2, 3, 5))]) == 0
    (document,) = (place / "dist").glob("*/*/cloudmask/test-node/quick/scientific_contribution.md")
    assert "All 4 runs that were given to the packager are reported;" in document.read_text()


def test_two_runs_with_the_same_seed_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def later(lines: runs.Lines) -> None:
        lines[-1]["time_ms"] += 1

    write_run(place / "logs", 2, commit, name="again", change=later)
    assert "seed 2, which logs/again has too" in refusal(capsys)


def test_no_logs_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / "logs")
    assert "python -m benchmark.run" in refusal(capsys)
    (place / "logs").mkdir()
    assert "no log in or below logs" in refusal(capsys)


def test_another_organisation_than_the_logs_is_refused_with_the_way_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "--org", "MIT")
    assert "found:    logs of the organisation New York University" in said
    assert "expected: logs of MIT: a log is never rewritten" in said
    assert "--set submission.org='MIT'" in said


def test_an_organisation_that_cannot_name_a_folder_is_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, commit, org="東京大学")
    assert "a name that can be written in ASCII" in refusal(capsys)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (None, "No such file or directory"),
        ("{", "expecting property name"),
        ("[]", "`system` is a list of 0"),
        (json.dumps(MEASURED | {"cpu": {"model": "AMD EPYC"}}), "no `system.cpu.sockets`"),
        (json.dumps(MEASURED | {"accelerators": ["V100"]}), "`accelerators` with one of no model"),
        (json.dumps(MEASURED | {"cpu": MEASURED["cpu"] | {"sockets": 0}}), "`cpu.sockets` is 0"),
        (
            json.dumps(MEASURED | {"cpu": MEASURED["cpu"] | {"max_frequency_mhz": "fast"}}),
            "`cpu.max_frequency_mhz` is a string (`fast`)",
        ),
        (
            json.dumps(MEASURED | {"memory": {"total_bytes": 10**400}}),
            "`system.memory.total_bytes` is an integer (an integer of 1329 bits)",
        ),
        (json.dumps(MEASURED | {"os": "\ud800"}), r"`os` is a string (`\ud800`)"),
        (
            json.dumps(MEASURED | {"packages": {"numpy": 2}}),
            "`packages` with an integer (2) for a string (`numpy`)",
        ),
        (json.dumps(MEASURED | {"accelerators": [{"model": "V100"}]}), "no `accelerators.memory_bytes`"),
        ("[" * 20_000, "objects or lists nested too deeply"),
    ],
)
def test_a_run_without_a_usable_measurement_of_its_node_is_refused(
    change: str | None, found: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "logs/quick-seed-2/system.json"
    path.unlink() if change is None else path.write_text(change)
    said = refusal(capsys)
    assert "logs/quick-seed-2/system.json" in said
    assert f"found:    {found}" in said


def test_a_clock_that_was_not_measured_is_none(place: Path) -> None:
    path = place / "logs/quick-seed-2/system.json"
    facts = json.loads(path.read_text())
    del facts["cpu"]["max_frequency_mhz"]
    path.write_text(json.dumps(facts))
    assert read_measured(path)["cpu"].get("max_frequency_mhz") is None
    assert main([]) == 0


@pytest.mark.parametrize("name", ["metrics.csv", "job.slurm", "system.json"])
def test_a_link_in_a_runs_folder_is_not_followed_into_the_bundle(
    name: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "logs/quick-seed-2" / name
    secret = tmp_path / "secret"
    secret.write_text(path.read_text() if path.exists() else "root:x:0:0")
    path.unlink(missing_ok=True)
    path.symlink_to(secret)
    said = refusal(capsys)
    assert f"logs/quick-seed-2/{name}\n  found:    a symbolic link\n" in said


def test_a_batch_file_that_is_no_text_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "logs/quick-seed-2/job.slurm").write_bytes(b"#!/bin/bash\n# \xff\n")
    said = refusal(capsys)
    assert "logs/quick-seed-2/job.slurm\n  found:    byte 0xff, which is no UTF-8" in said


def test_a_configuration_that_was_edited_after_the_run_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "logs/quick-seed-2/config.yaml"
    path.write_text(path.read_text().replace("batch_size: 8", "batch_size: 16"))
    assert "[config-logged] logs/quick-seed-2/config.yaml" in refusal(capsys)
    # A log that is named itself brings no configuration to the checker; the packager looks all the same.
    log = str(place / "logs/quick-seed-2/result.txt")
    assert "found:    another configuration than the log's" in refusal(capsys, "--logs", log)
    path.write_text("name: [")
    assert "logs/quick-seed-2/config.yaml" in refusal(capsys)


def test_synthetic_scenes_that_nobody_could_make_again_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    recipe = "  synthetic: {seed: 21, training_scenes: 5, inference_scenes: 2}\n"
    assert recipe in CONFIG
    write_run(place / "logs", 1, commit, config=CONFIG.replace(recipe, ""))
    assert "synthetic scenes given with --data" in refusal(capsys)


# ---- what it refuses: the code


def test_uncommitted_changes_are_refused_and_listed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "README.md").write_text("changed\n")
    (place / "new file.py").write_text("x\n")
    said = refusal(capsys)
    assert "found:    2 uncommitted changes:" in said
    assert " M README.md" in said
    assert '?? "new file.py"' in said


def test_runs_of_a_checkout_with_changes_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, commit, dirty=True)
    assert "found:    a run from a checkout with uncommitted changes" in refusal(capsys)


def test_logs_and_output_in_the_checkout_that_git_does_not_ignore_are_no_changes(place: Path) -> None:
    (place / "logs").rename(place / "my logs")
    assert main(["--logs", "my logs", "--output", "my output"]) == 0


def test_a_folder_that_is_no_checkout_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / ".git")
    assert "not a git checkout (fatal: not a git repository" in refusal(capsys)


def test_git_variables_of_the_environment_do_not_lead_to_another_repository(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert main([]) == 0


def test_a_commit_that_is_not_in_the_repository_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, "0123456789abcdef0123456789abcdef01234567")
    assert "found:    no commit 0123456789abcdef0123456789abcdef01234567" in refusal(capsys)


def test_runs_of_two_commits_are_refused(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(place / "logs", 4, "0123456789abcdef0123456789abcdef01234567")
    assert "submission_github_commit_version" in refusal(capsys)


def test_missing_git_is_reported(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "No such file or directory" in refusal(capsys)


# ---- what it refuses: the system


def test_a_description_of_another_system_is_refused_with_each_contradiction(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "--system", "greene-v100")
    for line in (
        "host_processor_model_name: described Intel Xeon Platinum 8268, measured AMD EPYC 9B14 (runs 1, 2,",
        "host_processor_core_count: described 2 processors of 24 cores, measured 2 cores on the node",
        "accelerators_per_node: described 4, measured 0",
        "accelerator_model_name: described NVIDIA Tesla V100 32GB, measured no accelerator",
    ):
        assert line in said


def test_an_unknown_system_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--system", "frontier")
    assert "expected: one of: " in said
    assert ", greene-v100, " in said


def test_a_tree_that_breaks_a_rule_is_refused_and_removed(
    place: Path, commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "server.pem").write_text("x\n")
    git(place, "add", "server.pem")
    git(place, "commit", "--quiet", "--message", "Oops")
    shutil.rmtree(place / "logs")
    write_run(place / "logs", 1, git(place, "rev-parse", "HEAD"))
    said = refusal(capsys)
    assert (
        "error [secret-file] New-York-University/benchmarks/cloudmask/implementations/tensorflow/server.pem"
        in said
    )
    assert "1 error, 0 warnings in the tree; nothing was packaged" in said


# ---- nothing half-made


def test_an_unwritable_output_is_reported(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "logs/file").write_text("x")
    assert main(["--output", "logs/file"]) == 2
    assert "choose another with --output" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_and_takes_nothing(place: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "size=64k") as small:
        (small / "mine.txt").write_text("kept")
        with pytest.raises(OutputError) as refused:
            packager.package(packager.Options([place / "logs"], small, checkout=place))
        assert refused.value.found == "No space left on device"
        assert refused.value.remedy.startswith("free some space")
        assert [path.name for path in small.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, packager.Terminated, OSError(5, "Input/output error")])
@pytest.mark.parametrize("step", ["manifest_text", "check_tree", "publish"])
def test_an_interruption_at_any_step_leaves_what_was_there(
    step: str,
    error: BaseException,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--logs", "logs/quick-seed-1"]) == 0
    before = contents(place / "dist")

    def fail(*arguments: object, **names: object) -> object:
        raise error

    monkeypatch.setattr(packager, step, fail)
    assert main([]) in (2, 130, 143)
    assert contents(place / "dist") == before
    assert "as it was" in capsys.readouterr().err


@pytest.mark.parametrize("failing", range(6))
def test_a_rename_that_fails_is_undone(failing: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--logs", "logs/quick-seed-1"]) == 0
    before = contents(place / "dist")
    rename, calls = Path.rename, iter(range(100))

    def fail(path: Path, target: Path) -> Path:
        if next(calls) == failing:
            raise OSError(28, "No space left on device", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    assert main([]) == 2
    monkeypatch.undo()
    assert contents(place / "dist") == before


def test_what_a_killed_packager_left_is_removed_by_the_next(place: Path) -> None:
    left = place / "dist" / ".staging-killed" / "half"
    left.mkdir(parents=True)
    assert main([]) == 0
    assert [path.name for path in (place / "dist").glob(".staging-*")] == []


def test_two_packagers_do_not_work_in_one_folder_at_once(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with publishing.staging(place / "dist", "other"):
        assert main([]) == 2
    assert "another packager at work in it" in capsys.readouterr().err
    assert main([]) == 0


def test_sigterm_leaves_nothing(place: Path) -> None:
    script = (
        "import sys, time; from submission import package;"
        "package.check_tree = lambda *_: (print('staged', flush=True), time.sleep(60));"
        "sys.exit(package.main([]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while process.stdout.readline() != "staged\n":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 143
    assert said.startswith("interrupted; nothing was packaged")
    assert list((place / "dist").iterdir()) == []


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
