"""The packager: nothing half-made is ever left, and what was there stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import ROOT
from submission import package as packager
from submission.bundle import publish as publishing
from submission.bundle.publish import OutputError
from submission.package import main
from tests.support.submissions.packages import contents
from tests.support.surroundings.disk import small_disk

# ---- nothing half-made


def test_an_unwritable_output_is_reported(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "logs/file").write_text("x")
    assert main(["--output", "logs/file"]) == 2
    assert "choose another with --output" in capsys.readouterr().err


@pytest.mark.root
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


@pytest.mark.parametrize(
    "waiting", ["submission.package.check_tree", "submission.figures.from_logs.accuracy_by_scene"]
)
def test_sigterm_leaves_neither_files_nor_processes(waiting: str, place: Path) -> None:
    module, name = waiting.rsplit(".", 1)
    script = (
        f"import sys, time; from submission import package; import {module} as module;"
        f"module.{name} = lambda *_: (print('at it', flush=True), time.sleep(60));"
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
    while process.stdout.readline() != "at it\n":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)  # ends when the last process with its output has ended
    assert process.returncode == 143
    assert said.startswith("interrupted; nothing was packaged")
    assert list((place / "dist").iterdir()) == []
