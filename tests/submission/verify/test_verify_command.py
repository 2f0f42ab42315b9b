"""The command that verifies: its reports, what it cannot compare, and what is no bundle."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import ROOT
from submission.bundle.reading import find_tree, read_bundle
from submission.figures.drawing import drawing
from submission.verify.__main__ import main
from submission.verify.recompute import compare_with, write_again
from submission.verify.steps import verify
from tests.support.runs.hand_runs import CONFIG, write_run
from tests.support.submissions.bundles import IMPLEMENTATIONS, SCIENCE, files_of, make_bundle, restamp


def test_programs_get_the_report_alone_and_nobody_gets_one_where_all_agrees_if_asked(
    blank_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(blank_bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["error"] == 0
    assert main([str(blank_bundle), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    (blank_bundle / f"{SCIENCE}/README.md").write_text("Changed\n")
    assert main([str(blank_bundle), "--quiet"]) == 1
    assert "error [manifest-hash]" in capsys.readouterr().out


def test_folders_of_another_machine_and_names_that_were_left_out_are_known_from_the_bundle(
    blank_figures: None, tmp_path: Path
) -> None:
    config = CONFIG.replace("data/synthetic/", "/scratch/scenes/")
    assert verify(make_bundle(tmp_path / "place", config=config)).exit_code == 0


def test_figures_of_another_version_are_named_as_not_compared(
    blank_figures: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = {name: importlib.metadata.version(name) for name in ("matplotlib", "typst")}
    lock = f"matplotlib=={here['matplotlib']} \\\n    --hash=sha256:0\ntypst==0.1 \\\n    --hash=sha256:0\n"
    root = make_bundle(tmp_path / "place", lock=lock)
    document = root / SCIENCE / "scientific_contribution.pdf"
    document.write_bytes(document.read_bytes()[:-1])
    restamp(root)
    assert main([str(root)]) == 0
    names = "scientific_contribution and sientific_contribution"
    said = capsys.readouterr().out
    assert f"not compared:     {names}: typst {here['typst']} here, 0.1 in the bundle\n" in said
    assert said.count("not compared") == 1

    with read_bundle(find_tree(root)) as bundle, drawing() as draw:
        again = write_again(bundle, tmp_path / "again", draw)
        code = root / IMPLEMENTATIONS / "tensorflow/requirements.lock"
        code.write_text("matplotlib==1.0.0 \\\n    --hash=sha256:0\n")
        names = set(compare_with(bundle, again).not_compared)
    assert names == {
        path.relative_to(root).as_posix() for path in files_of(root, f"{SCIENCE}/**/*.p[nd][gf]")
    }


def test_a_path_that_is_no_bundle_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none")]) == 2
    assert "No such file or directory" in capsys.readouterr().out
    write_run(tmp_path / "logs", 1, "c0ffee" * 6 + "2026")
    assert main([str(tmp_path / "logs")]) == 2
    said = capsys.readouterr().err
    assert "no submission tree" in said
    assert "name the folder with MANIFEST.sha256 in it, or the archive" in said


def test_help_comes_without_tensorflow_numpy_or_matplotlib() -> None:
    script = (
        "import sys; from submission.{} import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('tensorflow', 'numpy', 'matplotlib', 'h5py') if name in sys.modules])"
    )
    for name in ("verify.__main__", "leaderboard", "system.__main__"):
        command = [sys.executable, "-c", script.format(name)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
