"""Builds name their version and their commit: wheel and sdist carry its text and the list of its files."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

#: Of an export, and of a checkout before its first tag.
UNTAGGED = "0.1.0.dev0"


def version() -> str:
    """1.2.0 at the tag v1.2.0, 1.2.0.post3+g0123abc three commits later; of an sdist what it was built as."""
    if (stated := HERE / "PKG-INFO").is_file():
        return str(email.message_from_string(stated.read_text(encoding="utf-8"))["Version"])
    found = re.fullmatch(r"v(\d+(?:\.\d+)*(?:rc\d+)?)-(\d+)-(g[0-9a-f]+)\n", described())
    if found is None:
        return UNTAGGED
    release, ahead, commit = found.groups()
    return release if ahead == "0" else f"{release}.post{ahead}+{commit}"


def described() -> str:
    """Where the code is from the last tag: of a checkout, or as container/note_commit.sh noted it."""
    if (noted := HERE / "benchmark" / "commit" / "describe.txt").is_file():
        return noted.read_text(encoding="utf-8")
    if not (HERE / ".git").exists():
        return ""  # the tags of a repository around an export are not ours
    command = ["git", "-C", str(HERE), "describe", "--tags", "--long", "--match", "v[0-9]*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def bake_commit(root: Path) -> None:
    """Write commit.txt and tree.txt into the package below ``root``, or copy those of an sdist."""
    from benchmark.record.code.provenance import BAKED, keep_commit

    target, of_sdist = root / "benchmark" / BAKED, HERE / "benchmark" / BAKED
    if target.parent.is_dir() and not keep_commit(target) and of_sdist.is_dir():
        shutil.copytree(of_sdist, target, dirs_exist_ok=True)


class BuildWithCommit(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            bake_commit(Path(self.build_lib))


class SdistWithCommit(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        bake_commit(Path(base_dir))


setup(version=version(), cmdclass={"build_py": BuildWithCommit, "sdist": SdistWithCommit})
