"""The commit that ran: found in anybody's checkout, unknown where nothing tells it, and said before a run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmark.record.code import provenance
from benchmark.record.code.provenance import VARIABLE, code_facts, keep_commit, not_submittable
from tests.support.runs.checkout import git, make_checkout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in the place of this program's."""
    make_checkout(tmp_path)
    put_in_place(tmp_path, monkeypatch)
    return tmp_path


def put_in_place(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "ROOT", root)
    monkeypatch.setattr(provenance, "PACKAGE", root / "benchmark")


def test_a_clean_checkout_names_its_commit_and_branch(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert code_facts() == {"commit": commit, "dirty": False, "branch": "main"}
    assert not_submittable(code_facts()) is None


def test_a_changed_checkout_cannot_be_submitted(checkout: Path) -> None:
    (checkout / "benchmark/run.py").write_text("print('faster')\n")
    assert not_submittable(code_facts()) == "the checkout has uncommitted changes"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_checkout_of_another_user_names_its_commit(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 12345, 12345)
    assert (code_facts()["commit"], code_facts()["dirty"]) == (commit, False)


def test_without_git_or_a_checkout_no_commit_is_known(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    assert code_facts()["commit"] is None
    assert str(not_submittable(code_facts())).startswith("no commit is known")


def test_untracked_files_count_where_code_is_imported_from(checkout: Path) -> None:
    (checkout / "my experiment.yaml").write_text("name: mine\n")
    (checkout / "notes").mkdir()
    (checkout / "notes/benchmark.txt").write_text("faster\n")
    assert code_facts()["dirty"] is False
    (checkout / 'benchmark/faster "one".py').write_text("")
    assert code_facts()["dirty"] is True


# ---- where there is no checkout: an export, an installed package, a node without git


@pytest.fixture
def export(checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `git archive` makes of the checkout, in the place of this program's."""
    (checkout / ".gitattributes").write_text("benchmark/COMMIT.txt export-subst\n")
    (checkout / "benchmark/COMMIT.txt").write_text("$Format:%H$\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "exports name their commit")
    place = tmp_path_factory.mktemp("export")
    (place / "code.tar").write_bytes(
        subprocess.run(["git", "archive", "HEAD"], cwd=checkout, capture_output=True, check=True).stdout
    )
    shutil.unpack_archive(place / "code.tar", place / "code", filter="data")
    put_in_place(place / "code", monkeypatch)
    return place / "code"


def test_of_an_export_nobody_knows_whether_it_was_changed(export: Path, checkout: Path) -> None:
    assert code_facts() == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": None, "branch": None}
    assert "whether it was changed is not known" in str(not_submittable(code_facts()))


@pytest.mark.parametrize("baked", [True, False])
def test_the_list_of_the_commit_tells(
    export: Path, checkout: Path, baked: bool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    folder = export / "benchmark/commit" if baked else tmp_path_factory.mktemp("experiment")
    put_in_place(checkout, monkeypatch)
    assert keep_commit(folder)
    put_in_place(export, monkeypatch)
    monkeypatch.setenv(VARIABLE, "" if baked else str(folder))
    clean = {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False, "branch": None}
    assert code_facts() == clean
    (export / "start.sh").unlink()  # a wheel leaves files out
    assert code_facts() == clean
    (export / "benchmark/added.py").write_text("")
    assert code_facts() == clean | {"dirty": True}
    (export / "benchmark/added.py").unlink()
    (export / "benchmark/run.py").write_text("print('faster')\n")
    assert code_facts() == clean | {"dirty": True}


def test_a_list_of_another_commit_is_no_list(
    export: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(checkout, monkeypatch)
    assert keep_commit(export / "benchmark/commit")
    put_in_place(export, monkeypatch)
    listing = export / "benchmark/commit/tree.txt"
    listing.write_text(listing.read_text().replace("100644", "100755", 1))
    assert code_facts()["dirty"] is None
    assert not keep_commit(export)
