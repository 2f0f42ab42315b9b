"""The commit that ran: found in anybody's checkout, unknown where nothing tells it, and said before a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmark.record import system_info
from benchmark.record.system_info import git_facts, not_submittable
from tests.support.runs import git, make_checkout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in the place of this program's."""
    make_checkout(tmp_path)
    monkeypatch.setattr(system_info, "ROOT", tmp_path)
    monkeypatch.setattr(system_info, "PACKAGE", tmp_path / "benchmark")
    return tmp_path


def test_a_clean_checkout_names_its_commit_and_branch(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert git_facts() == {"commit": commit, "dirty": False, "branch": "main"}
    assert not_submittable(git_facts()) is None


def test_a_changed_checkout_cannot_be_submitted(checkout: Path) -> None:
    (checkout / "benchmark/run.py").write_text("print('faster')\n")
    assert not_submittable(git_facts()) == "the checkout has uncommitted changes"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_checkout_of_another_user_names_its_commit(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, 12345)
    assert (git_facts()["commit"], git_facts()["dirty"]) == (commit, False)


def test_without_git_or_a_checkout_no_commit_is_known(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    assert git_facts()["commit"] is None
    assert str(not_submittable(git_facts())).startswith("no commit is known")
