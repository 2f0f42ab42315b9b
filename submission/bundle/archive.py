"""Pack a bundle: a manifest of its contents, and a tar.gz that is the same for the same inputs.

Whoever vouches for the bundle can sign the manifest with an SSH key. The signature is
next to the bundle, never in it: it depends on a person, and the same inputs must give the same archive.
"""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from benchmark.core.errors import SubmissionError
from benchmark.core.files import reason_of, sha256_of
from submission.bundle.layout import MANIFEST

ARCHIVE_SUFFIX = ".tar.gz"
MASKS_SUFFIX = ".masks.tar.gz"

#: The purpose of a signature: one made for another purpose does not verify.
NAMESPACE = "cloudmask-submission"
UNSIGNED = "ask the submitter for the bundle and its signature again"


def manifest_text(root: Path) -> str:
    """List sha256 and name of each file below ``root`` but the manifest, as input to ``sha256sum -c``."""
    files = [path for path in _below(root) if stat.S_ISREG(path.lstat().st_mode) and path != root / MANIFEST]
    return "".join(f"{sha256_of(path)}  {path.relative_to(root).as_posix()}\n" for path in files)


def write_archive(root: Path, target: Path, *, name: str, time: int) -> str:
    """Write the folder ``root`` as ``name`` into the tar.gz ``target`` and return its sha256.

    Entries are sorted and have no owner or group, the time ``time`` (seconds since 1970) and mode 644
    or 755. With the same version of zlib, the same files give the same bytes on every machine.
    """
    with (
        target.open("xb") as stream,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in (root, *_below(root)):
            entry = archive.gettarinfo(path, arcname=str(Path(name) / path.relative_to(root)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = time
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            if entry.isfile():
                with path.open("rb") as contents:
                    archive.addfile(entry, contents)
            else:
                archive.addfile(entry)
    digest = sha256_of(target)
    target.with_name(f"{target.name}.sha256").write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    return digest


def masks_path(bundle: Path) -> Path:
    """Path of the archive of the masks: next to the bundle's folder and archive."""
    return bundle.with_name(f"{bundle.name}{MASKS_SUFFIX}")


def signature_path(bundle: Path) -> Path:
    """Path of the manifest's signature: next to the bundle's folder and archive."""
    return bundle.with_name(f"{bundle.name}.manifest.sig")


def sign(manifest: Path, key: Path, target: Path) -> None:
    """Write the SSH signature of ``manifest`` by the private key ``key`` to ``target``.

    ssh-keygen asks for a passphrase if the key has one. For a key in an agent or on a token,
    its public part is enough. Raises SubmissionError.
    """
    remedy = "name an SSH key that can be used: --sign KEY"
    target.write_text(_ssh_keygen("sign", manifest, "-f", key, remedy=remedy), encoding="ascii")


def signed_by(manifest: Path, signature: Path, signers: Path | None = None) -> str:
    """Return who signed ``manifest``: the name that ``signers`` gives to the key.

    ``signers`` is a file of names and keys as described in ssh-keygen(1), 'ALLOWED SIGNERS'.
    Without it, check the signature against the key it contains and return that key; the
    caller must find out whose key it is. Raises SubmissionError if the signature does not
    match this manifest, or if ``signers`` does not list the key.
    """
    if signers is None:
        said = _ssh_keygen("check-novalidate", manifest, "-s", signature, remedy=UNSIGNED)
        return said.strip().rpartition(" with ")[2]
    remedy = f"{UNSIGNED}, or add the key to {signers.name} if it is known to be the submitter's"
    names = _ssh_keygen("find-principals", manifest, "-s", signature, "-f", signers, remedy=remedy)
    name = names.splitlines()[0].partition(",")[0]
    _ssh_keygen("verify", manifest, "-s", signature, "-f", signers, "-I", name, remedy=remedy)
    return name


def _ssh_keygen(action: str, manifest: Path, *options: str | Path, remedy: str) -> str:
    """Run ``ssh-keygen -Y action`` on the manifest and return its output."""
    command = ["ssh-keygen", "-Y", action, "-n", NAMESPACE, *map(str, options)]
    try:
        with manifest.open("rb") as stream:
            done = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=False)
    except OSError as error:
        found = f"{error.filename}: {reason_of(error)}"
    else:
        if done.returncode == 0:
            return done.stdout
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        found = said[-1] if said else f"status {done.returncode}"
    raise SubmissionError(
        f"ssh-keygen -Y {action}", found=found, expected=f"a signature of {manifest.name}", remedy=remedy
    )


def _below(root: Path) -> Iterator[Path]:
    """Yield everything below a folder, sorted by name; links are listed but not followed."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        names = sorted([*files, *folders])
        folders[:] = [name for name in folders if name not in links]
        yield from (Path(folder) / name for name in names)
