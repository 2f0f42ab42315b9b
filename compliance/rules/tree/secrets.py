"""Rules on what must not be in a submission tree: keys, tokens, personal paths and addresses.

The rules search logs, documents, scripts and descriptions for all of these. In the code, and in the text
of its commit, they search only for key files and near-certain live credentials: the code is already
public, its licence and tests may contain example addresses and paths, and git shows its authors.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmark.record.code.commit import COMMIT, LISTING
from benchmark.record.run_folder import RunFolder
from compliance.registry import Problem, problem, tree_rule
from compliance.subjects.tree import SubmissionTree
from compliance.wording import excerpt

KEY_FILES = (
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem", "*.ppk", "*.p12", "*.pfx"),
    *("*.jks", "*.keystore", "*.key", "*.asc", "*.gpg", "*.kdbx"),
    *("credentials", "credentials.json", "secrets.yml", "secrets.yaml", "_netrc"),
)


class _Searched(NamedTuple):
    """A pattern, and parts in lower case: a text without any part has no match, which is fast to see."""

    pattern: re.Pattern[bytes]
    parts: tuple[bytes, ...]

    def finditer(self, content: bytes, small: bytes) -> Iterator[re.Match[bytes]]:
        """Yield the matches in a text, which is also given in lower case."""
        if any(part in small for part in self.parts):
            yield from self.pattern.finditer(content)


def _searched(pattern: bytes, *parts: bytes) -> _Searched:
    return _Searched(re.compile(pattern, re.MULTILINE), parts)


#: An armoured private key: its first line, and a line of its content.
_PRIVATE_KEY = _searched(
    rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\r?\n"
    rb"(?:[A-Za-z-]+: .*\r?\n|\r?\n)*[A-Za-z0-9+/=]{40,}",
    b"private key",
)

_TOKENS: dict[str, _Searched] = {
    "an AWS access key": _searched(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", b"akia", b"asia"),
    "a GitHub token": _searched(
        rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})",
        *(b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
    ),
    "a GitLab token": _searched(rb"\bglpat-[A-Za-z0-9_-]{20,}", b"glpat-"),
    "a Slack token": _searched(rb"\bxox[abprs]-[A-Za-z0-9-]{20,}", b"xox"),
    "a Hugging Face token": _searched(rb"\bhf_[A-Za-z0-9]{34,}\b", b"hf_"),
    "a Google API key": _searched(rb"\bAIza[0-9A-Za-z_-]{35}\b", b"aiza"),
    "a PyPI token": _searched(rb"\bpypi-[A-Za-z0-9_-]{50,}", b"pypi-"),
    "a JSON web token": _searched(
        rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", b"eyj"
    ),
}
#: Outside code these are values; in code they are mostly variables and examples.
_ASSIGNED = _searched(
    rb"(?i)[\"']?\b(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?token|auth[_-]?token)[\"']?\s*[:=]\s*"
    rb"[\"']?(?!\$|<|null\b|none\b|[\"'])[^\s\"',;]{6,}",
    *(b"passw", b"passphrase", b"secret", b"api", b"token"),
)
_ADDRESS_WITH_PASSWORD = _searched(rb"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']+:[^\s/:@\"']+@[^\s/]", b"://")

#: The first bytes of figures and typeset documents: compressed bytes may look like an address by chance.
_COMPRESSED = (b"\x89PNG\r\n", b"%PDF-", b"RIFF")

#: Arrays of numbers, checked by another rule: in megabytes of them, some look like an address by chance.
WEIGHTS = f"/{RunFolder(Path()).weights.name}"

_HOME_PATH = _searched(
    rb"(?<![\w.:/-])(?:file://)?(?:/home/|/Users/|/root/|[A-Za-z]:\\Users\\)[A-Za-z0-9._-]+",
    *(b"/home/", b"/users/", b"/root/", b":\\users\\"),
)
_ADDRESS = _searched(
    rb"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", b"@"
)


@tree_rule(
    "secret-file",
    clause="house",
    expected="no file that is named like a key or a password store",
    remedy="remove the file, and replace the key: whoever saw the tree has it",
)
def secret_file(tree: SubmissionTree) -> Iterator[Problem]:
    """No file of a submission may be named like a private key or a store of passwords."""
    for name in tree.files:
        last = name.rpartition("/")[2]
        if any(fnmatch.fnmatchcase(last.lower(), pattern) for pattern in KEY_FILES):
            yield problem(last, path=tree.shown(name))


@tree_rule(
    "secret-key",
    clause="house",
    expected="no private key",
    remedy="remove the key from the tree and replace it: whoever saw the tree has it",
)
def secret_key(tree: SubmissionTree) -> Iterator[Problem]:
    """No file of a submission may contain a private key."""
    yield from _matches(tree, _PRIVATE_KEY, "a private key", everywhere=True)


@tree_rule(
    "secret-token",
    clause="house",
    expected="no token, password or access key",
    remedy="remove it from the tree and revoke it: whoever saw the tree has it",
)
def secret_token(tree: SubmissionTree) -> Iterator[Problem]:
    """No file of a submission may contain an access token or a password."""
    for what, searched in _TOKENS.items():
        yield from _matches(tree, searched, what, everywhere=True)
    for searched in (_ASSIGNED, _ADDRESS_WITH_PASSWORD):
        yield from _matches(tree, searched, "a password or token", everywhere=False)


@tree_rule(
    "home-path",
    clause="house",
    expected="paths that do not name a person's folder",
    remedy="give folders relative to the repository (--data data/..., --output logs/) and run again",
)
def home_path(tree: SubmissionTree) -> Iterator[Problem]:
    """Logs, documents and scripts must not name the home folder of a person."""
    yield from _matches(tree, _HOME_PATH, None, everywhere=False)


@tree_rule(
    "e-mail-address",
    clause="house",
    expected="no address but that of the contact, submission_poc_email",
    remedy="remove the address, or run with --set submission.poc_email=ADDRESS if it is the contact's",
)
def e_mail_address(tree: SubmissionTree) -> Iterator[Problem]:
    """Logs, documents and scripts must not hold an e-mail address other than the contact's."""
    contacts: set[str] = set()
    for folder in tree.parts.science.values():
        logs = tree.logs[folder.name].values()
        contacts.update((log.text("submission_poc_email") or "").lower() for log in logs)
    yield from _matches(tree, _ADDRESS, None, everywhere=False, compressed=False, allowed=frozenset(contacts))


def _matches(
    tree: SubmissionTree,
    searched: _Searched,
    what: str | None,
    *,
    everywhere: bool,
    compressed: bool = True,
    allowed: frozenset[str] = frozenset(),
) -> Iterator[Problem]:
    """Report each match of a pattern; ``what`` describes it if the text itself must not be repeated."""
    code = tuple(f"{folder.name}/" for folder in tree.parts.code.values())
    public = {folder.path(name) for folder in tree.parts.scripts.values() for name in (COMMIT, LISTING)}
    for name in tree.files:
        if name.endswith(WEIGHTS) or (not everywhere and (name.startswith(code) or name in public)):
            continue
        content = tree.content(name) or b""
        if not compressed and content.startswith(_COMPRESSED):
            continue
        for match in searched.finditer(content, content.lower()):
            text = match[0].decode(errors="replace")
            if text.lower() not in allowed:
                line = content.count(b"\n", 0, match.start()) + 1
                yield problem(what or excerpt(text), line, path=tree.shown(name))
