"""A run of a bundle repeated, by its own scripts in a real environment."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark import ROOT
from benchmark.record.code.commit import blob_id
from submission import package as packager
from submission.bundle.reading import Bundle, find_tree, read_bundle
from submission.verify.__main__ import main
from submission.verify.rerun import differing_from, trusted_code
from tests.support.runs.checkout import git, make_checkout
from tests.support.runs.hand_runs import write_run

#: Programs of a benchmark that is quick: what it trains was trained before and lies in TRAINED.
QUICK_CODE = {
    "benchmark/run.py": "import os, shutil, sys\n"
    "run = 'quick-seed-' + sys.argv[sys.argv.index('--seed') + 1]\n"
    "assert '--set' in sys.argv or os.path.isfile('data/synthetic/scenes')\n"
    "open('environment', 'w').write('\\n'.join(sorted(os.environ)))\n"
    "shutil.copytree(os.path.join(TRAINED, run), os.path.join('logs', run))\n",
    "benchmark/synthesis/__main__.py": "import os, sys\n"
    "folder = sys.argv[sys.argv.index('--output') + 1]\n"
    "os.makedirs(folder, exist_ok=True)\n"
    "open(os.path.join(folder, 'scenes'), 'w').close()\n",
    "compliance/check.py": "import os, sys\nassert os.path.isfile(os.path.join(sys.argv[1], 'result.txt'))\n",
}
WARNING = "--rerun-bundled executes the scripts and the code of"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of quick code with the bundle of two runs, and the runs as they were trained."""
    place = tmp_path_factory.mktemp("quick") / "place"
    make_checkout(place)
    for name, text in QUICK_CODE.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text.replace("TRAINED", repr(str(place / "logs"))))
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "Quick")
    for seed in (1, 2):
        write_run(place / "logs", seed, git(place, "rev-parse", "HEAD"))
    packager.package(packager.Options([place / "logs"], place / "dist", checkout=place))
    return place


@pytest.fixture
def archive(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive; what is repeated of it works with this Python in a folder that the test can look at."""
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("CLOUDMASK_WORK", str(tmp_path / "work"))
    monkeypatch.chdir(tmp_path)
    (archive,) = (place / "dist").glob("*.tar.gz")
    return archive


def test_a_run_is_repeated_with_the_commit_as_the_checkout_has_it(
    archive: Path,
    place: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("PYTHONSTARTUP", "nothing.py")
    assert main([str(archive), "--rerun", "2"]) == 0
    said = capfd.readouterr().out
    commit = git(place, "rev-parse", "HEAD")
    assert f"code:             commit {commit[:12]} of the checkout {place}" in said
    assert [line for line in said.splitlines() if line.startswith("---")] == [
        "--- python -m benchmark.run --seed 2"
    ]
    assert "repeated:         the run of seed 2, compared bit for bit: the node is like" in said
    names = (tmp_path / "work/environment").read_text().split("\n")
    assert "PYTHONSAFEPATH" in names
    assert "PYTHONSTARTUP" not in names


def test_the_code_of_another_commit_in_the_folder_to_work_in_is_not_taken(
    archive: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    for name in ("code", f"code-{'0' * 40}", f".part-code-{git(place, 'rev-parse', 'HEAD')}"):
        (tmp_path / "work" / name / "benchmark").mkdir(parents=True)
        (tmp_path / "work" / name / "benchmark/run.py").write_text("raise SystemExit(7)\n")
    assert main([str(archive), "--rerun", "2"]) == 0


def test_scenes_that_cannot_be_made_are_no_finding_about_the_bundle(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("no folder")
    assert main([str(archive), "--rescore", "--data", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().out
    assert f"{tmp_path / 'data'}: not checked" in said
    assert "verify-recomputed" not in said


def test_without_the_commit_no_code_is_taken_from_the_bundle(
    archive: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(archive), "--rerun", "2"]) == 2
    said = capfd.readouterr().out
    assert (
        "this program differs from that commit (benchmark/__init__.py), and the checkout has it not" in said
    )
    assert "check out the commit and verify there" in said
    assert "---" not in said


def test_this_program_repeats_what_it_made_itself(bundle_of_ours: Bundle, tmp_path: Path) -> None:
    assert differing_from(bundle_of_ours) == []
    assert trusted_code(bundle_of_ours, tmp_path, tmp_path) == ROOT


@pytest.fixture
def bundle_of_ours(place: Path) -> Iterator[Bundle]:
    """The bundle, with the list of the files of this program as they are."""
    (root,) = (path for path in (place / "dist").iterdir() if path.is_dir())
    with read_bundle(find_tree(root)) as bundle:
        files = list((ROOT / "benchmark").rglob("*.py"))
        listing = "".join(
            f"100644 blob {blob_id(path.read_bytes())}\t{path.relative_to(ROOT).as_posix()}\n"
            for path in files
        )
        name = bundle.layout.commit_listing.relative_to(bundle.layout.root).as_posix()
        bundle.tree._contents[name] = listing.encode()
        yield bundle


def test_a_run_is_repeated_from_the_archive_alone_where_that_is_asked_for(
    archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(archive), "--rerun-bundled", "2", "--yes"]) == 0
    said = capfd.readouterr().out
    steps = [line for line in said.splitlines() if line.startswith("---")]
    assert steps == ["--- setup.sh", "--- init_datasets.sh", "--- run_and_time.sh 2"]
    assert "repeated:         the run of seed 2, compared bit for bit: the node is like" in said
    assert (tmp_path / "work/logs/quick-seed-2/result.txt").is_file()
    assert (tmp_path / "work/venv/bin/python").exists()


def test_nobody_to_ask_means_that_nothing_of_the_bundle_is_executed(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main([str(archive), "--rerun-bundled", "2"]) == 2
    said = capsys.readouterr()
    assert WARNING in said.err
    assert "nobody to ask; pass --yes to execute them" in said.err
    assert (said.out, (tmp_path / "work").exists()) == ("", False)


@pytest.mark.parametrize(("answer", "status"), [("n\n", 2), ("\n", 2), ("yes\n", 1)])
def test_the_bundles_code_is_executed_after_a_yes_only(
    answer: str,
    status: int,
    archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = io.StringIO(answer)
    asked.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", asked)
    packed = tmp_path / archive.name
    packed.write_bytes(archive.read_bytes())
    packed.with_name(f"{packed.name}.sha256").write_text("0" * 64)  # a finding, so that no script is started
    assert main([str(packed), "--rerun-bundled", "1"]) == status
    said = capsys.readouterr()
    assert WARNING in said.err
    assert ("not repeated:     what was found comes first" in said.out) == (status == 1)


def test_a_failing_script_is_reported_with_its_exit_status(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHON", "/nowhere/python")
    assert main([str(archive), "--rerun-bundled", "1", "--yes"]) == 2
    said = capfd.readouterr().out
    assert "found:    exit status 2" in said
    assert "CLOUDMASK_WORK=DIR keeps the folder" in said


@pytest.mark.parametrize("option", ["--rerun", "--rerun-bundled", "--rescore"])
def test_a_seed_that_was_not_submitted_is_reported(
    option: str, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(archive), option, "3", "--yes"]) == 2
    assert "no run with this seed in the bundle" in capsys.readouterr().out


@pytest.mark.parametrize("seed", ["-1", "1.5", "9" * 5000, "x"])
def test_what_is_no_seed_is_refused(seed: str, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(archive), f"--rerun={seed}"])
    assert ended.value.code == 2
    assert "expected a seed" in capsys.readouterr().err


def test_a_signal_ends_what_is_repeated_and_leaves_nothing(
    archive: Path, place: Path, tmp_path: Path
) -> None:
    """The run of the commit sleeps; SIGTERM to the verifier ends it too."""
    sleeper = Path(shutil.copytree(place, tmp_path / "sleeper"))
    (sleeper / "benchmark/run.py").write_text(
        "import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(600)\n"
    )
    git(sleeper, "commit", "--all", "--quiet", "--message", "Slow")
    shutil.rmtree(sleeper / "logs")
    shutil.rmtree(sleeper / "dist")
    write_run(sleeper / "logs", 1, git(sleeper, "rev-parse", "HEAD"))
    made = packager.package(packager.Options([sleeper / "logs"], sleeper / "dist", checkout=sleeper))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "submission.verify", made, "--rerun", "1"],
        cwd=sleeper,
        env={name: value for name, value in os.environ.items() if name != "CLOUDMASK_WORK"}
        | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pid = next(int(line.split()[1]) for line in process.stdout if line.startswith("pid "))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped (SIGTERM); nothing is left behind" in errors
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nothing_of_a_bundle_with_errors_is_executed(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / archive.name
    packed.write_bytes(archive.read_bytes())
    packed.with_name(f"{packed.name}.sha256").write_text("0" * 64)
    for option in ("--rerun", "--rescore"):
        assert main([str(packed), option, "1"]) == 1
        assert "not repeated:     what was found comes first" in capsys.readouterr().out
    assert not (tmp_path / "work").exists()
