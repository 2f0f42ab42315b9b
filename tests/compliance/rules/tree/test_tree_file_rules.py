"""Rules on the files of submission trees: manifest, names, sizes, links, scripts and licence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compliance.wording import excerpt
from tests.support.submissions.trees import CODE, GENERAL, MANIFEST, SCIENCE, edit, expected_by, findings


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("not a line", "`not a line`"),
        (f"{'0' * 64}  ../outside", "a name that leaves the tree: `../outside`"),
        (f"{'0' * 64}  /etc/passwd", "a name that leaves the tree: `/etc/passwd`"),
        (f"{'0' * 63}  short", f"`{'0' * 60}…`"),
    ],
)
def test_a_line_of_the_manifest_that_names_no_file_of_the_tree_is_found(
    line: str, found: str, tree: Path
) -> None:
    path = tree / MANIFEST
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, line, lines[0]]) + "\n")
    assert [(line, text) for _, line, text, _ in findings("manifest-lines", tree)] == [
        (len(lines) + 1, found),
        (len(lines) + 2, f"{excerpt(lines[0][66:])} a second time"),
    ]


def test_a_file_that_is_not_listed_and_one_that_is_not_there_are_found(tree: Path) -> None:
    (tree / SCIENCE / "notes.txt").write_text("added")
    (tree / SCIENCE / "README.md").unlink()
    expected = expected_by("manifest-complete")
    assert findings("manifest-complete", tree) == [
        (f"{SCIENCE}/notes.txt", None, f"{SCIENCE}/notes.txt is not listed", expected),
        (MANIFEST, None, f"`{SCIENCE}/README.md` is listed and not there", expected),
    ]


def test_one_changed_byte_is_found_with_both_hashes(tree: Path) -> None:
    path = tree / SCIENCE / "config.yaml"
    listed = next(
        line[:64]
        for line in (tree / MANIFEST).read_text().splitlines()
        if line.endswith(f"{SCIENCE}/config.yaml")
    )
    path.write_bytes(path.read_bytes() + b"\n")
    ((name, _, found, expected),) = findings("manifest-hash", tree)
    assert (name, expected) == (f"{SCIENCE}/config.yaml", listed)
    assert len(found) == 64
    assert found != listed


@pytest.mark.parametrize("name", ["a b.txt", ".hidden", "tab\tname"])
def test_a_name_that_git_hosts_stumble_over_is_found(name: str, tree: Path) -> None:
    (tree / SCIENCE / name).write_text("x")
    assert [(path, line) for path, line, _, _ in findings("file-name", tree)] == [(f"{SCIENCE}/{name}", None)]


def test_a_file_below_a_hidden_folder_is_found(tree: Path) -> None:
    (tree / CODE / ".git").mkdir()
    (tree / CODE / ".git" / "config").write_text("x")
    assert [text for _, _, text, _ in findings("file-name", tree)] == ["`.git`"]


def test_a_file_over_50_megabytes_is_found(tree: Path) -> None:
    with (tree / SCIENCE / "masks.h5").open("wb") as stream:
        stream.truncate(60 * 1024 * 1024)
    assert findings("file-size", tree) == [(f"{SCIENCE}/masks.h5", None, "60.0 MB", "at most 50 MB")]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("nowhere", "a broken link: `nowhere`"),
        ("/etc/passwd", "a link out of the tree: `/etc/passwd`"),
        ("../../../../../tree-2/file", "a link out of the tree: `../../../../../tree-2/file`"),
        ("link", "a broken link: `link`"),
    ],
)
def test_a_link_that_leads_nowhere_or_out_of_the_tree_is_found(target: str, found: str, tree: Path) -> None:
    (tree / SCIENCE / "link").symlink_to(target)
    assert findings("file-kind", tree) == [(f"{SCIENCE}/link", None, found, expected_by("file-kind"))]


def test_a_link_within_the_tree_passes_and_a_pipe_is_found(tree: Path) -> None:
    (tree / SCIENCE / "link").symlink_to("README.md")
    os.mkfifo(tree / SCIENCE / "pipe")
    assert [text for _, _, text, _ in findings("file-kind", tree)] == ["neither a file nor a link"]


def test_a_script_that_cannot_be_run_is_found(tree: Path) -> None:
    (tree / SCIENCE / "setup.sh").chmod(0o644)
    edit(tree / GENERAL / "run_and_time.sh", "#!/usr/bin/env bash\n", "")
    expected = expected_by("script-executable")
    assert findings("script-executable", tree) == [
        (f"{SCIENCE}/setup.sh", None, "mode 644", expected),
        (f"{GENERAL}/run_and_time.sh", 1, "no #! in the first line", expected),
    ]


def test_code_without_a_licence_is_found(tree: Path) -> None:
    (tree / CODE / "LICENSE").unlink()
    assert findings("code-licence", tree) == [
        (CODE, None, "no LICENSE", "a file LICENSE at the root of the code")
    ]
