"""The verifier: what cannot be read, linked, typeset or stored is a finding or a message."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from submission.verify.__main__ import main
from submission.verify.steps import verify
from tests.support.submissions.bundles import SCIENCE, SYSTEM, restamp


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (f"{SCIENCE}/run_config.yaml", "a: [", "while parsing a flow node"),
        (f"{SCIENCE}/run_config.yaml", "text", "no mapping with data"),
        (f"{SCIENCE}/config.yaml", "a: *b", "no commit, repo and tag under github"),
        (f"{SCIENCE}/config.yaml", "github: 3", "no commit, repo and tag under github"),
        (SYSTEM, "{}", "no readable description"),
        (f"{SCIENCE}/runs/1/system.json", "{", "expecting property name"),
    ],
)
def test_a_part_that_cannot_be_read_is_a_finding(name: str, text: str, found: str, bundle: Path) -> None:
    (bundle / name).write_text(text)
    restamp(bundle)
    report = verify(bundle)
    assert report.exit_code == 1
    (unread,) = [each for each in report.findings if each.rule == "verify-recomputed"]
    assert found in unread.found
    assert unread.path == str(bundle / name)


def test_a_tree_of_two_experiments_is_refused(bundle: Path) -> None:
    shutil.copytree(bundle / SCIENCE, bundle / f"{SCIENCE}-2")
    restamp(bundle)
    found = [each.found for each in verify(bundle).findings if each.rule == "verify-recomputed"]
    assert found == ["2 experiments"]


def test_a_link_to_a_file_outside_is_not_read(bundle: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    shutil.copyfile(bundle / SCIENCE / "runs/1/system.json", outside)
    (bundle / SCIENCE / "runs/1/system.json").unlink()
    (bundle / SCIENCE / "runs/1/system.json").symlink_to(outside)
    report = verify(bundle)
    found = [(each.path, each.found) for each in report.findings if each.rule == "verify-recomputed"]
    assert found == [(f"{bundle}/{SCIENCE}/runs/1/system.json", "No such file or directory")]


def test_a_log_that_is_a_link_is_not_read(bundle: Path, tmp_path: Path) -> None:
    log = bundle / SCIENCE / "result-1.txt"
    log.rename(tmp_path / "log.txt")
    log.symlink_to(tmp_path / "log.txt")
    found = [(each.path, each.found) for each in verify(bundle).findings if each.rule == "verify-recomputed"]
    assert found == [(str(log), "no regular file")]


def test_a_figure_of_scenes_that_cannot_be_typeset_is_a_finding(bundle: Path) -> None:
    figures = bundle / SCIENCE / "figures"
    shutil.copyfile(figures / "figure-2-training.png", figures / "figure-6-reliability.png")
    (figures / "figure-6-reliability.pdf").write_text("no PDF")
    restamp(bundle)
    report = verify(bundle)
    assert report.exit_code == 1
    assert [each.message for each in report.findings if each.rule == "verify-recomputed"] == [
        "What the bundle says cannot be computed again."
    ]


def test_a_full_disk_is_reported(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle.parent / "file").write_text("x")
    monkeypatch.setattr("tempfile.tempdir", str(bundle.parent / "file"))
    assert main([str(bundle)]) == 2
    assert "not verified: " in capsys.readouterr().err
