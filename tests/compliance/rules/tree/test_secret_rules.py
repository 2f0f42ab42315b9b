"""Rules on secrets, home folders and addresses in the files of a tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.submissions.trees import (
    CODE,
    SCIENCE,
    findings,
)

# Secrets are put together here, so that this file holds none.
KEY = "-----BEGIN OPENSSH PRIVATE " + "KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAA" * 3 + "\n"
TOKEN = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize("folder", [SCIENCE, CODE])
def test_a_private_key_and_a_token_are_found_anywhere(folder: str, tree: Path) -> None:
    (tree / folder / "notes.md").write_text(f"one line\n{KEY}\ntoken {TOKEN}\n")
    name = f"{folder}/notes.md"
    assert findings("secret-key", tree) == [(name, 2, "a private key", "no private key")]
    assert findings("secret-token", tree) == [(name, 5, "a GitHub token", "no token, password or access key")]


def test_the_value_of_a_secret_is_not_repeated_in_the_finding(tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"{TOKEN}\npassword = hunter2hunter2\n")
    assert all(
        "hunter2" not in text and TOKEN not in text for _, _, text, _ in findings("secret-token", tree)
    )


@pytest.mark.parametrize(
    "line", ["password: hunter2hunter2", 'api_key="0123456789abc"', "https://me:pw123@host.org/x"]
)
def test_a_password_is_found_outside_of_the_code(line: str, tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"{line}\n")
    (tree / CODE / "example.py").write_text(f"{line}\n")
    assert [(path, line) for path, line, _, _ in findings("secret-token", tree)] == [
        (f"{SCIENCE}/notes.md", 1)
    ]


@pytest.mark.parametrize(
    "line", ["password: $PASSWORD", "the password is yours", "secret = null", "tokens: 5"]
)
def test_talk_of_passwords_is_no_password(line: str, tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"{line}\n")
    assert findings("secret-token", tree) == []


@pytest.mark.parametrize("name", ["id_rsa", "server.pem", "KEY.P12", "credentials"])
def test_a_file_named_like_a_key_is_found(name: str, tree: Path) -> None:
    (tree / CODE / name).write_text("x")
    assert [(path, text) for path, _, text, _ in findings("secret-file", tree)] == [(f"{CODE}/{name}", name)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("path /home/ada/data", "`/home/ada`"),
        ("file:///Users/ada/x", "`file:///Users/ada`"),
        (r"C:\Users\ada", r"`C:\Users\ada`"),
        ("https://nyu.edu/home/ada", None),
        ("data/home/ada", None),
        ("/scratch/data", None),
    ],
)
def test_a_home_folder_is_found_in_logs_and_documents(line: str, found: str | None, tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(f"\n{line}\n")
    (tree / CODE / "example.py").write_text("'/home/user'\n")
    assert [(line, text) for _, line, text, _ in findings("home-path", tree)] == (
        [(2, found)] if found else []
    )


def test_an_address_other_than_the_contacts_is_found(tree: Path) -> None:
    (tree / SCIENCE / "notes.md").write_text(
        "ada@cloudlab-nyu.org\nADA@cloudlab-nyu.org\nbob@cloudlab-nyu.org, git@github.com:x/y\n@handle\n"
    )
    (tree / CODE / "AUTHORS").write_text("bob@cloudlab-nyu.org\n")
    assert [(line, text) for _, line, text, _ in findings("e-mail-address", tree)] == [
        (3, "`bob@cloudlab-nyu.org`"),
        (3, "`git@github.com`"),
    ]


def test_what_looks_like_an_address_in_the_bytes_of_a_figure_or_pdf_is_none(tree: Path) -> None:
    for name, head in (
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("b.pdf", b"%PDF-1.7\n"),
        ("w.webp", b"RIFF\x10\x00\x00\x00WEBP"),
        ("c.png", b"text\n"),
    ):
        (tree / SCIENCE / name).write_bytes(head + b"n@NO.Ey")
    assert [path for path, *_ in findings("e-mail-address", tree)] == [f"{SCIENCE}/c.png"]


def test_numbers_that_look_like_an_address_are_none(tree: Path) -> None:
    """Every third run's weights hold by chance what would be one in a text."""
    weights = tree / SCIENCE / "runs/1/weights.npz"
    weights.write_bytes(b"PK\x03\x04 x@y.org /home/jane/notes password=hunter2hunter2 " + KEY.encode())
    for rule in ("e-mail-address", "home-path", "secret-token", "secret-key"):
        assert findings(rule, tree) == []
