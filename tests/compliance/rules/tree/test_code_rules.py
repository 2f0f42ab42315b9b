"""The code of a bundle is its commit, file by file, and a bundle holds nothing but what it may."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.record.code.commit import CommitDefect, blob_id, read_commit, read_listing, tree_id
from tests.support.runs.checkout import git, make_checkout
from tests.support.submissions.trees import CODE, GENERAL, RESULTS, SCIENCE, edit, expected_by, findings


def test_the_code_of_a_packaged_tree_is_its_commit(bundle: Path) -> None:
    assert findings("code-listed", bundle) == findings("code-commit", bundle) == []
    assert findings("tree-known-file", bundle) == []


@pytest.mark.parametrize(
    ("plant", "file", "found"),
    [
        (
            lambda code: (code / "benchmark/run.py").write_text("print('faster')\n"),
            "benchmark/run.py",
            "blob ",
        ),
        (lambda code: (code / "benchmark/more.py").write_text("x = 1\n"), "benchmark/more.py", "a file that"),
        (lambda code: (code / "LICENSE").unlink(), "LICENSE", "not there"),
        (lambda code: (code / "start.sh").chmod(0o644), "start.sh", "mode 644, 755 in the commit"),
        (lambda code: (code / "README.md").chmod(0o755), "README.md", "mode 755, 644 in the commit"),
    ],
    ids=("changed", "added", "removed", "not executable", "executable"),
)
def test_a_file_that_is_not_the_commits_is_named(
    plant: Callable[[Path], object], file: str, found: str, tree: Path
) -> None:
    plant(tree / CODE)
    ((path, line, text, expected),) = findings("code-commit", tree)
    assert (path, line, expected) == (f"{CODE}/{file}", None, expected_by("code-commit"))
    assert text.startswith(found)


def test_a_file_that_became_a_link_is_named(tree: Path) -> None:
    (tree / CODE / "README.md").unlink()
    (tree / CODE / "README.md").symlink_to("LICENSE")
    assert [each[2] for each in findings("code-commit", tree)] == ["a link that the commit has not"]


def test_the_file_that_git_fills_in_may_name_the_commit_and_nothing_else(tree: Path) -> None:
    stamp = "benchmark/COMMIT.txt"
    commit = b"tree " + b"0" * 40
    (tree / CODE / stamp).write_text("later\n")
    listing = tree / GENERAL / "tree.txt"
    entry = f"100644 blob {blob_id(b'$Format:%H$')}\t{stamp}\n"
    listing.write_text(listing.read_text() + entry)
    of_tree = tree_id(read_listing(listing.read_text()))
    commit = b"tree " + of_tree.encode() + b"\nauthor A <a@b.org> 0 +0000\n\nx\n"
    (tree / GENERAL / "commit.txt").write_bytes(commit)
    assert [each[0] for each in findings("code-commit", tree)] == [f"{CODE}/{stamp}"]
    name = read_commit(commit, listing.read_text()).id
    (tree / CODE / stamp).write_text(f"{name}\n")
    assert findings("code-commit", tree) == []


def test_a_text_of_another_commit_is_found(tree: Path) -> None:
    edit(tree / GENERAL / "commit.txt", "The code", "Another")
    ((path, _, found, expected),) = findings("code-listed", tree)
    assert (path, found[:7]) == (f"{GENERAL}/commit.txt", "commit ")
    assert expected.endswith("result-1.txt")


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("commit.txt", "tree ", "leaf ", "a text that does not begin with the name of a tree"),
        ("tree.txt", "100755", "100644", "a list of the files of tree "),
        ("tree.txt", "100755", "100700", "line 6: '100700 blob "),
        ("tree.txt", "\tLICENSE", "\t../LICENSE", "line 2: '100644 blob "),
    ],
)
def test_a_list_that_is_not_the_commits_is_found(
    name: str, old: str, new: str, found: str, tree: Path
) -> None:
    edit(tree / GENERAL / name, old, new)
    ((path, _, text, _),) = findings("code-listed", tree)
    assert (path, text[: len(found)]) == (f"{GENERAL}/tree.txt", found)
    assert findings("code-commit", tree) == []


@pytest.mark.parametrize("name", ["commit.txt", "tree.txt"])
def test_a_bundle_without_its_commit_is_found(name: str, tree: Path) -> None:
    (tree / GENERAL / name).unlink()
    assert findings("code-listed", tree) == [(GENERAL, None, f"no {name}", expected_by("code-listed"))]


def test_an_experiment_that_is_no_file_of_the_commit_is_named(tree: Path) -> None:
    def announce(digest: str) -> None:
        for path in (tree / SCIENCE).glob("result-*.txt"):
            lines = path.read_text().splitlines(keepends=True)
            at = next(number for number, line in enumerate(lines) if '"config_digest"' in line)
            event = json.loads(lines[at].removeprefix(":::MLLOG "))
            event |= {"key": "experiment", "value": "series"}
            event["metadata"] |= {"seeds": "1 2 3", "sha256": digest}
            lines[at + 1 : at + 1 + ('"experiment"' in lines[at + 1])] = [f":::MLLOG {json.dumps(event)}\n"]
            path.write_text("".join(lines))

    announce("0" * 64)
    ((path, line, found, expected),) = findings("experiment-committed", tree)
    assert (path, found) == (f"{SCIENCE}/result-1.txt", "no file of experiment `series`")
    assert (line, expected) == (18, expected_by("experiment-committed"))
    (tree / CODE / "experiments").mkdir()
    (tree / CODE / "experiments/series.yaml").write_text("name: series\n")
    announce(hashlib.sha256(b"name: series\n").hexdigest())
    assert findings("experiment-committed", tree) == []


@pytest.mark.parametrize(
    "name",
    [
        f"{SCIENCE}/figures/page.html",
        f"{SCIENCE}/figures/figure-6-reliability.svg",
        f"{SCIENCE}/runs/1/notes.txt",
        f"{SCIENCE}/run_faster.sh",
        f"{GENERAL}/tests/more.sh",
        f"{RESULTS}/notes.txt",
        "New-York-University/notes/plan.txt",
    ],
)
def test_a_file_that_no_bundle_has_is_found(name: str, tree: Path) -> None:
    (tree / name).parent.mkdir(exist_ok=True, parents=True)
    (tree / name).write_text("x")
    assert findings("tree-known-file", tree) == [
        (name, None, "a file that no bundle has", expected_by("tree-known-file"))
    ]


@pytest.mark.parametrize(
    "name", ["figures/map-S3A_day.png", "figures/figure-2-training.pdf", "runs/1/weights.npz", "report.html"]
)
def test_a_file_of_another_kind_than_its_name_is_found(name: str, tree: Path) -> None:
    path = tree / SCIENCE / name
    path.write_text("<script>alert(1)</script>")
    ((found, _, text, _),) = findings("tree-known-file", tree)
    assert found == f"{SCIENCE}/{name}"
    assert text.startswith("contents that begin with")


_NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0\n", exclude_categories=["Cs"]), min_size=1
)


@given(
    st.dictionaries(
        st.lists(_NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=20), min_size=1
    )
)
def test_a_list_of_files_is_read_back_or_refused(files: dict[str, bytes]) -> None:
    listing = "".join(f"100644 blob {blob_id(content)}\t{name}\n" for name, content in files.items())
    try:
        read = read_listing(listing)
        tree_id(read)
    except CommitDefect:
        return
    assert {name: entry.id for name, entry in read.items()} == {n: blob_id(c) for n, c in files.items()}


def test_trees_and_commits_have_the_names_that_git_gives_them(tmp_path: Path) -> None:
    make_checkout(tmp_path)
    for name in ("a.b/c", "a/c", "a-b/c", "a0", "é/ü.txt", "deep/er/and/deeper"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("a0")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Names that sort in odd ways")
    listing = git(tmp_path, "-c", "core.quotePath=false", "ls-tree", "-r", "HEAD")
    files = read_listing(listing)
    assert tree_id(files) == git(tmp_path, "rev-parse", "HEAD^{tree}")
    text = subprocess.run(
        ["git", "-C", str(tmp_path), "cat-file", "commit", "HEAD"], check=True, capture_output=True
    ).stdout
    assert read_commit(text, listing).id == git(tmp_path, "rev-parse", "HEAD")
