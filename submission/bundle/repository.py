"""Export the code of a submission: the git-tracked files of the commit that the logs name.

Whatever prevents this raises a SubmissionError that says what to do: without the code
that ran there is no submission.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmark.core.errors import SubmissionError
from benchmark.core.escaping import markdown_line
from benchmark.core.files import reason_of
from benchmark.record.code.provenance import changes
from compliance.wording import count

NO_REMOTE = "no public remote; the code is in this bundle"
NO_TAG = "no tag points at this commit"
NO_BRANCH = "no branch was checked out"

#: An address that documents show unescaped.
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9@:/.+~-]+")

#: Maximum number of changed files that a message lists.
LISTED = 10


@dataclass(frozen=True)
class Commit:
    """A commit of the checkout ``root``; ``time`` is in seconds since 1970."""

    root: Path
    sha: str
    time: int
    repo: str
    tag: str

    @property
    def described(self) -> str:
        """The commit in words, for documents."""
        repo = self.repo if _PLAIN_ADDRESS.fullmatch(self.repo) else markdown_line(self.repo)
        origin = f"of {repo}" if self.repo != NO_REMOTE else f"({NO_REMOTE})"
        return f"commit `{self.sha}` {origin}"


def find_commit(folder: Path, sha: str, *, ignore: Sequence[Path] = (), clean: bool = True) -> Commit:
    """Find the commit ``sha`` of the checkout that contains ``folder``.

    ``ignore`` are folders whose changes do not count: logs and output. Raises
    SubmissionError if there is no checkout, if it has uncommitted changes (unless ``clean`` is
    false), or if it has no such commit.
    """
    try:
        root = Path(_git(folder, "rev-parse", "--show-toplevel"))
    except SubmissionError as error:
        raise SubmissionError(
            folder.resolve(),
            found=f"not a git checkout ({error.found})",
            expected="the checkout of the code that made the runs",
            remedy="run the packager in the clone that the runs were made in",
        ) from None
    if clean:
        _refuse_changes(root, ignore)
    try:
        time = int(_git(root, "show", "--no-patch", "--format=%ct", f"{sha}^{{commit}}"))
    except SubmissionError:
        raise SubmissionError(
            root,
            found=f"no commit {sha}",
            expected="the commit that the logs name",
            remedy="fetch the branch that the runs were made on, or run the packager in that clone",
        ) from None
    tags = _git(root, "tag", "--points-at", sha).split()
    return Commit(root, sha, time, _public_remote(root), tags[0] if tags else NO_TAG)


def _refuse_changes(root: Path, ignore: Sequence[Path]) -> None:
    resolved = root.resolve()
    inside = [path.resolve() for path in ignore if path.resolve().is_relative_to(resolved)]
    specs = [f":(exclude,top,literal){path.relative_to(resolved)}" for path in inside if path != resolved]
    status = _git(root, "status", "--porcelain", "--untracked-files=all", "--", ":/", *specs)
    if found := changes(status):
        listed = [f"\n              {line}" for line in found[:LISTED]]
        more = f"\n              and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise SubmissionError(
            root,
            found=f"{count(len(found), 'uncommitted change')}:{''.join(listed)}{more}",
            expected="a checkout without changes, so that anyone can see that the code is the commit",
            remedy="commit or remove them; if they change what ran, commit and make the runs again",
        )


def export_code(commit: Commit, target: Path) -> list[str]:
    """Write the commit's files below ``target``; return the names that were left out.

    Names that begin with a dot are left out: MLCommons' repository check refuses them.
    Files get mode 644 or 755, whatever the umask is.
    """
    command = _command(commit.root, "-c", "tar.umask=0022", "archive", "--format=tar", commit.sha)
    left_out = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if any(part.startswith(".") for part in path.parts):
                    if not member.isdir():
                        left_out.append(member.name)
                elif member.isfile():
                    _write_file(archive, member, target / path)
                elif member.issym():
                    (target / path).parent.mkdir(parents=True, exist_ok=True)
                    (target / path).symlink_to(member.linkname)
        process.stdout.read()
    if process.returncode:
        raise SubmissionError(
            commit.root,
            found=f"git archive ended with status {process.returncode}",
            expected=f"the files of commit {commit.sha}",
            remedy="check the repository with `git fsck`",
        )
    return sorted(left_out)


def commit_text(commit: Commit) -> bytes:
    """Return the text of the commit, whose digest is the commit's name."""
    return _output(commit.root, "cat-file", "commit", commit.sha)


def commit_listing(commit: Commit) -> bytes:
    """Return the files of the commit with their modes and digests, one per line."""
    return _output(commit.root, "ls-tree", "-r", "-z", commit.sha).replace(b"\0", b"\n")


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        while block := source.read(1024 * 1024):
            stream.write(block)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _public_remote(root: Path) -> str:
    """Return origin's public address, without user or password; never a local path."""
    try:
        address = _git(root, "remote", "get-url", "origin")
    except SubmissionError:
        return NO_REMOTE
    return public_address(address) or NO_REMOTE


def public_address(address: str) -> str | None:
    """Convert ``git@host:group/name.git`` and addresses with a password to ``https://host/group/name``.

    Return None for an address that only this machine can reach.
    """
    match = re.fullmatch(
        r"(?:https?|ssh|git)://(?:[^@/]*@)?([\w.-]+)(?::\d+)?/(.+)", address
    ) or re.fullmatch(r"(?:[^@/:]+@)([\w.-]+):(?!/)(.+)", address)
    if match is None or "." not in match[1]:
        return None
    return f"https://{match[1]}/{match[2].removesuffix('/').removesuffix('.git')}"


def _git(folder: Path, *arguments: str) -> str:
    """Return the output of a git command as text. Raises SubmissionError."""
    return _output(folder, *arguments).decode(errors="surrogateescape").rstrip("\n")


def _output(folder: Path, *arguments: str) -> bytes:
    """Return the output of a git command. Raises SubmissionError if git fails or is not installed."""
    try:
        done = subprocess.run(
            _command(folder, *arguments), capture_output=True, env=_environment(), check=False
        )
    except OSError as error:
        found = reason_of(error)
    else:
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.decode(errors="replace").strip()
        found = said.partition("\n")[0] or f"status {done.returncode}"
    raise SubmissionError(
        f"git {arguments[0]}",
        found=found,
        expected="git to answer",
        remedy="install git, and run the packager in the clone that the runs were made in",
    )


def _command(folder: Path, *arguments: str) -> list[str]:
    return ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments]


def _environment() -> dict[str, str]:
    """Return the environment without variables that point git at another repository; messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
